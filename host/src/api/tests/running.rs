//! Running actions and asking for options.

use super::*;

#[tokio::test]
async fn a_run_answers_the_output_and_what_it_took() {
    let Some(host) = Host::with_text().await else { return };
    for value in [json!("Hello, wörld"), json!({"b": [1, 2.5, null], "a": {}}), json!(0), json!(false)] {
        let answer = host.json(RUN, &json!({"input": {"value": value}})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["output"], value);
        assert_eq!(answer.body["piece"], "text");
        assert_eq!(answer.headers["x-run-id"], answer.body["runId"].as_str().unwrap());
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(answer.body["usage"]["cpuMicros"].as_u64().is_some());
        let piece = host.get("/api/pieces/text").await.body;
        assert_eq!((&answer.body["version"], &answer.body["digest"]), (&piece["version"], &piece["digest"]));
    }
}

#[tokio::test]
async fn a_run_reaches_the_piece_by_every_form_of_its_name_and_in_the_version_asked_for() {
    let Some(host) = Host::with_text().await else { return };
    let body = json!({"input": {"value": 1}, "timeoutMs": 5000, "idempotencyKey": "step-7"});
    for path in [
        "/api/pieces/@activepieces/piece-text/actions/echo/run",
        "/api/pieces/%40activepieces%2Fpiece-text/actions/echo/run",
        RUN,
    ] {
        assert_eq!(host.json(path, &body).await.body["output"], 1, "{path}");
    }
    let version = host.get("/api/pieces/text").await.body["version"].as_str().unwrap().to_owned();
    for wanted in [version.clone(), format!("^{version}"), String::new()] {
        assert_eq!(host.json(RUN, &json!({"input": {"value": 1}, "version": wanted})).await.body["version"], version);
    }
    let problem = host.json(RUN, &json!({"input": {"value": 1}, "version": "99.0.0"})).await;
    assert!(problem.refused(404, "version_not_found").detail().contains(&version));
}

#[tokio::test]
async fn what_is_not_there_is_a_404_that_says_what_is() {
    let Some(host) = Host::with_text().await else { return };
    let body = json!({"input": {}});
    let problem = host.json("/api/pieces/slack/actions/echo/run", &body).await.refused(404, "piece_not_found");
    assert!(problem.detail().contains("there are: text"), "{}", problem.text);
    let problem = host.json("/api/pieces/text/actions/shout/run", &body).await.refused(404, "unknown");
    assert!(problem.detail().contains("echo"), "{}", problem.text);
    let hostile = format!("/api/pieces/text/actions/{}/run", "%0a%1b".repeat(500));
    let problem = host.json(&hostile, &body).await.refused(404, "unknown");
    assert!(problem.text.len() < 1_000, "{}", problem.text);
}

#[tokio::test]
async fn props_that_do_not_fit_are_all_told_with_their_place_in_the_request() {
    let Some(host) = Host::with_text().await else { return };
    let problem = host.json(RUN, &json!({"input": {"valeu": 1, "x": 2}})).await.refused(422, "invalid_props");
    assert_eq!(problem.body["kind"], "invalid-input");
    let mut paths = problem.paths();
    paths.sort_unstable();
    assert_eq!(paths, ["/input/valeu", "/input/value", "/input/x"], "{}", problem.text);
}

#[tokio::test]
async fn options_are_only_asked_of_the_properties_that_the_piece_resolves() {
    let Some(host) = Host::with_text().await else { return };
    let ask = async |owner: &str, property: &str| {
        host.json("/api/pieces/options", &json!({"pieceName": "text", "actionName": owner, "propertyName": property})).await
    };
    let problem = ask("echo", "value").await.refused(422, "not_resolvable");
    assert!(problem.detail().contains("DROPDOWN"), "{}", problem.text);
    assert!(ask("shout", "value").await.refused(404, "unknown").detail().contains("echo"));
    assert!(ask("echo", "other").await.refused(404, "unknown").detail().contains("value"));
}
