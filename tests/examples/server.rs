//! The piece on a server.

use leno_testkit::forgejo::TOKEN;
use leno_testkit::{Run, Server};
use serde_json::{Value, json};

use crate::scene::{CONNECTION, Scene, options, value};

#[tokio::test]
async fn the_service_gets_the_token_and_the_caller_never_sees_it() {
    let scene = Scene::start().await;
    let answer =
        scene.run("create_issue", json!({"repository": "ada/engine", "title": "It hurts", "labels": [3]})).await;
    assert_eq!(answer.output()["labels"][0]["name"], "bug");
    assert_eq!(scene.forgejo.titles(), ["It hurts"]);
    let sent = scene.forgejo.received();
    assert_eq!(sent[0].header("authorization"), Some(format!("token {TOKEN}").as_str()));
    assert!(!answer.text.contains(TOKEN), "{}", answer.text);

    // Not even when the service repeats it.
    let echo = leno_testkit::forgejo::Reply::json(422, json!({"message": format!("bad token {TOKEN}"), "url": ""}));
    scene.forgejo.instead(echo);
    let refused = scene.run("list_repositories", json!({})).await;
    assert_eq!((refused.status, refused.code()), (422, "http-422"));
    assert!(refused.text.contains("bad token") && !refused.text.contains(TOKEN), "{}", refused.text);
}

#[tokio::test]
async fn a_connection_is_tried_out_at_the_server_that_it_names() {
    let scene = Scene::start().await;
    let try_out =
        async |token| scene.client.post("/api/app-connections/test", &scene.new_connection(token)).await.unwrap();
    let good = try_out(TOKEN).await;
    assert_eq!((good.status, &good.body["status"]), (200, &json!("success")), "{}", good.text);
    let bad = try_out("another").await;
    assert_eq!((bad.status, &bad.body["status"]), (400, &json!("error")), "{}", bad.text);
    assert!(bad.body["message"].as_str().unwrap().contains("user does not exist"), "{}", bad.text);
}

#[tokio::test]
async fn drop_down_lists_are_filled_from_the_service_and_depend_on_what_is_chosen() {
    let scene = Scene::start().await;
    let options = async |property: &str, further: Value| {
        let mut asked = json!({
            "pieceName": "forgejo", "actionName": "create_issue", "propertyName": property,
            "connectionExternalId": CONNECTION,
        });
        asked.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap());
        let answer = scene.client.post("/api/pieces/options", &asked).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    let names = |options: &Value| {
        let labels = options["options"].as_array().unwrap().iter().map(|option| option["label"].as_str().unwrap());
        labels.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&options("repository", json!({})).await), ["ada/engine", "ada/notes"]);
    assert_eq!(names(&options("repository", json!({"searchValue": "not"})).await), ["ada/notes"]);
    assert_eq!(options("labels", json!({})).await["disabled"], true);
    let labels = options("labels", json!({"input": {"repository": "ada/engine"}})).await;
    assert_eq!(labels["options"], json!([{"label": "bug", "value": 3}, {"label": "wish", "value": 4}]));
    assert!(names(&options("labels", json!({"input": {"repository": "ada/notes"}})).await).is_empty());
}

#[tokio::test]
async fn a_private_server_is_out_of_reach_until_the_operator_grants_it() {
    let forgejo = leno_testkit::Forgejo::new();
    let listening = forgejo.listen().await.unwrap();
    let server = Server::start(options()).await.unwrap();
    let client = server.client();
    client.active("forgejo.wasm").await.unwrap();
    let run = Run::new("forgejo", "list_repositories").connection(value(&listening.url(), TOKEN));
    let answer = client.run(&run).await.unwrap();
    assert_eq!((answer.status, answer.code()), (403, "egress-denied"), "{}", answer.text);
    assert!(forgejo.received().is_empty());
}
