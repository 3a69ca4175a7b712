//! Running actions and asking for options.

use super::*;

#[tokio::test]
async fn a_run_answers_the_output_and_what_it_took() {
    let host = Host::with_piece().await;
    for value in [json!(["Hello, wörld"]), json!({"b": [1, 2.5, null], "a": {}})] {
        let answer = host.json(ECHO, &json!({"input": {"value": value}})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["output"], json!({"value": value}));
        assert_eq!(answer.body["piece"], "text");
        assert_eq!(answer.headers["x-run-id"], answer.body["runId"].as_str().unwrap());
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(answer.body["usage"]["memoryBytes"].as_u64().unwrap() >= 65_536);
        let piece = host.get("/api/pieces/text").await.body;
        assert_eq!((&answer.body["version"], &answer.body["digest"]), (&piece["version"], &piece["digest"]));
    }
    let metrics = host.send(request("GET", "/metrics").body(Body::empty()).unwrap()).await;
    assert!(metrics.text.contains(r#"leno_calls_total{piece="text",outcome="ok"} 2"#), "{}", metrics.text);
}

#[tokio::test]
async fn digits_come_back_as_they_went_in_and_what_json_cannot_hold_here_is_refused() {
    let host = Host::with_piece().await;
    for digits in
        ["123456789012345678901234567890", "0.1234567890123456789", "1e+400", "1.50", "-0", "9007199254740993"]
    {
        for mark in ["", "\u{feff}"] {
            let run = host.post(ECHO, format!("{mark}{{\"input\":{{\"value\":[{digits}],\"count\":{digits}}}}}")).await;
            let count = if digits == "-0" { "0" } else { digits };
            let output = format!("\"output\":{{\"value\":[{digits}],\"count\":{count}}}");
            assert!(run.status == 200 && run.text.contains(&output), "{}", run.text);
        }
    }
    for name in
        ["$serde_json::private::Number", "$serde_json::private::RawValue", "\\u0024serde_json::private::RawValue"]
    {
        let body = format!("{{\"input\":{{\"value\":[{{\"{name}\":\"1\"}}]}}}}");
        let refused = host.post(ECHO, body).await.refused(400, "reserved_name");
        assert!(refused.detail().contains("rename it"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_run_reaches_the_piece_by_every_form_of_its_name_and_in_the_version_asked_for() {
    let host = Host::with_piece().await;
    let body = json!({"input": {"value": {}}, "timeoutMs": 5000, "idempotencyKey": "step-7"});
    for path in [
        "/api/pieces/@activepieces/piece-text/actions/echo/run",
        "/api/pieces/%40activepieces%2Fpiece-text/actions/echo/run",
        ECHO,
    ] {
        assert_eq!(host.json(path, &body).await.body["output"], json!({"value": {}}), "{path}");
    }
    for (wanted, expected) in [("1.2.0", "1.2.0"), ("^1.0.0", "1.3.0"), ("~1.2.0", "1.2.0"), ("", "2.0.0")] {
        let run = host.json(ECHO, &json!({"input": {"value": {}}, "version": wanted})).await;
        assert_eq!(run.body["version"], expected, "{wanted}");
    }
    let problem = host.json(ECHO, &json!({"input": {"value": {}}, "version": "99.0.0"})).await;
    assert!(problem.refused(404, "version_not_found").detail().contains("2.0.0, 1.3.0, 1.2.0"));
}

#[tokio::test]
async fn what_is_not_there_is_a_404_that_says_what_is() {
    let host = Host::with_piece().await;
    let body = json!({"input": {}});
    let problem = host.json("/api/pieces/slack/actions/echo/run", &body).await.refused(404, "piece_not_found");
    assert!(problem.detail().contains("the pieces of this host are: text"), "{}", problem.text);
    let problem = host.json("/api/pieces/text/actions/shout/run", &body).await.refused(404, "unknown");
    assert!(problem.detail().contains("echo, crash"), "{}", problem.text);
    let hostile = format!("/api/pieces/text/actions/{}/run", "%0a%1b".repeat(500));
    let problem = host.json(&hostile, &body).await.refused(404, "unknown");
    assert!(problem.text.len() < 1_000, "{}", problem.text);
}

#[tokio::test]
async fn props_that_do_not_fit_are_all_told_with_their_place_in_the_request() {
    let host = Host::with_piece().await;
    let problem = host.json(ECHO, &json!({"input": {"valeu": 1, "count": "many"}})).await.refused(422, "invalid_props");
    assert_eq!(problem.body["kind"], "invalid-input");
    let mut paths = problem.paths();
    paths.sort_unstable();
    assert_eq!(paths, ["/input/count", "/input/valeu", "/input/value"], "{}", problem.text);
}

#[tokio::test]
async fn a_piece_that_fails_leaves_a_problem_with_the_run_and_its_figures() {
    let host = Host::with_piece().await;
    let refused = host.json(REFUSE, &json!({"input": {}})).await.refused(429, "slow-down");
    assert_eq!(
        (&refused.body["kind"], &refused.headers["retry-after"]),
        (&json!("rate-limited"), &"3".parse().unwrap())
    );
    assert_eq!(refused.detail(), "come back later");
    let crashed = host.json(CRASH, &json!({"input": {}})).await.refused(500, "guest_trap");
    assert!(crashed.detail().contains("unreachable"), "{}", crashed.text);
    for failed in [refused, crashed] {
        assert_eq!(failed.headers["x-run-id"], failed.body["runId"].as_str().unwrap());
        assert_eq!(failed.body["logs"], json!([]));
        assert!(failed.body["usage"]["wallMicros"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn a_piece_that_only_crashes_is_given_a_rest_and_the_caller_told_how_long() {
    let host = Host::with_piece().await;
    let mut last = host.json(CRASH, &json!({"input": {}})).await;
    for _ in 0..100 {
        last = host.json(CRASH, &json!({"input": {}})).await;
        if last.status == 429 {
            break;
        }
    }
    let rested = last.refused(429, "circuit_open");
    assert!(rested.headers.contains_key("retry-after") && !rested.headers.contains_key("x-run-id"));
}

#[tokio::test]
async fn an_action_that_needs_a_connection_is_not_run_without_one() {
    let host = Host::with_piece().await;
    let mut body = json!({"input": {"value": {}}});
    let problem = host.json(SECURE_ECHO, &body).await.refused(422, "connection_required");
    assert!(problem.detail().contains("SECRET_TEXT"), "{}", problem.text);
    body["connection"] = json!({"type": "SECRET_TEXT", "secret_text": "s3cr3t"});
    assert_eq!(host.json(SECURE_ECHO, &body).await.status, 200);
}

async fn ask(host: &Host, owner: &str, property: &str) -> Answer {
    let body = json!({"pieceName": "@activepieces/piece-text", "actionName": owner, "propertyName": property, "searchValue": "r"});
    host.json("/api/pieces/options", &body).await
}

#[tokio::test]
async fn options_come_as_choices_or_as_properties() {
    let host = Host::with_piece().await;
    let color = ask(&host, "ask", "color").await;
    assert_eq!(color.status, 200, "{}", color.text);
    let mut expected: Value = serde_json::from_str(piece::COLORS).unwrap();
    expected["type"] = json!("DROPDOWN");
    assert_eq!(color.body, expected);
    assert!(color.headers.contains_key("x-run-id"));
    let fields: Value = serde_json::from_str(piece::FIELDS).unwrap();
    assert_eq!(ask(&host, "ask", "fields").await.body, json!({"type": "DYNAMIC", "options": fields}));
}

#[tokio::test]
async fn options_that_cannot_be_had_are_a_problem_and_never_an_empty_list() {
    let host = Host::with_piece().await;
    let broken = ask(&host, "ask", "nothing").await.refused(502, "invalid_output");
    assert!(broken.detail().contains("/options"), "{}", broken.text);
    let problem = ask(&host, "ask", "text").await.refused(422, "not_resolvable");
    assert!(problem.detail().contains("SHORT_TEXT"), "{}", problem.text);
    assert!(ask(&host, "shout", "color").await.refused(404, "unknown").detail().contains("echo"));
    assert!(ask(&host, "ask", "other").await.refused(404, "unknown").detail().contains("color"));
    let body = json!({"pieceName": "slack", "actionName": "a", "propertyName": "b"});
    assert!(host.json("/api/pieces/options", &body).await.refused(404, "piece_not_found").detail().contains("text"));
}

#[tokio::test]
async fn the_documents_example_of_a_run_is_what_the_text_piece_answers() {
    let Some(text) = built("text.wasm") else { return };
    let host = Host::new(Setup { pieces: vec![("text.wasm", text)], ..Setup::default() }).await;
    let document = host.send(request("GET", "/api/openapi.json").body(Body::empty()).unwrap()).await.body;
    let operation = &document["paths"]["/api/pieces/{name}/actions/{action}/run"]["post"];
    let example = |name: &str| {
        operation["parameters"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["example"].clone()
    };
    let path = format!(
        "/api/pieces/{}/actions/{}/run",
        example("name").as_str().unwrap(),
        example("action").as_str().unwrap()
    );
    let run = host.json(&path, &document["components"]["schemas"]["RunRequest"]["example"]).await;
    let promised = &document["components"]["schemas"]["RunAnswer"]["example"];
    assert_eq!((&run.body["output"], &run.body["piece"]), (&promised["output"], &promised["piece"]), "{}", run.text);
}

#[tokio::test]
async fn half_of_a_surrogate_pair_from_a_piece_is_the_pieces_failure_and_not_the_hosts() {
    use leno_testkit::craft::{self, ANSWER};
    let mut core = craft::core("half");
    let text = r#"{"name":"\ud800"}"#;
    let (at, length) = (core.data(text.as_bytes()), text.len());
    let store = |at: u32, value: usize| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let run = store(ANSWER + 8, at as usize) + &store(ANSWER + 12, length) + &format!("(i32.const {ANSWER})");
    let pieces = vec![("half.wasm", core.run(run).component())];
    let host = Host::new(Setup { pieces, ..Setup::default() }).await;
    let failed = host.json("/api/pieces/half/actions/run/run", &json!({"input": {}})).await;
    let failed = failed.refused(502, "invalid_output");
    assert!(failed.detail().contains("half of a surrogate pair"), "{}", failed.text);
    assert_eq!((&failed.body["kind"], failed.body["runId"].is_string()), (&json!("internal"), true), "{}", failed.text);
}
