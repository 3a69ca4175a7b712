//! The built piece in the real sandbox, without a server: `leno-test`, with a Forgejo behind its scripted network.

use leno_test::{ErrorKind, Host, Piece, Scope, Webhook, request};
use leno_testkit::forgejo::{Delivery, TOKEN};
use leno_testkit::upstream::Received;
use leno_testkit::{Forgejo, guests};
use serde_json::{Value, json};

use crate::scene::value;

const ISSUES: &str = "/repos/ada/engine/issues";
const HOOKS: &str = "/repos/ada/engine/hooks";

async fn piece() -> Piece {
    Piece::from_bytes(guests::guest("piece-forgejo"), leno_test::Grant::default()).await.unwrap()
}

/// A host with a connection to `forgejo`, of which these routes are in reach.
fn host(forgejo: &Forgejo, routes: &[(&str, &str)]) -> Host {
    let host = Host::new();
    host.connection(value("https://git.test", TOKEN));
    host.webhook_url("https://leno.test/api/webhooks/7");
    for (method, path) in routes {
        let forgejo = forgejo.clone();
        let route = request(method, &format!("https://git.test/api/v1{path}"));
        host.http().allow(route).respond_with(move |sent| {
            let target = sent
                .url
                .query()
                .map_or_else(|| sent.url.path().to_owned(), |query| format!("{}?{query}", sent.url.path()));
            let (method, headers, body) = (sent.method.clone(), sent.headers.clone(), sent.body.to_vec());
            let reply = forgejo.answer(&Received { method, target, headers, body, head: String::new() });
            let answer = leno_test::json(reply.status, reply.body);
            reply.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
        });
    }
    host
}

fn titles(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_metadata_is_valid_and_the_piece_asks_for_no_secrets() {
    let piece = piece().await;
    piece.assert_metadata_valid().await;
    let forgejo = Forgejo::new();
    let host = host(&forgejo, &[("GET", "/user/repos")]);
    let run = piece.action("list_repositories").run(&host).await;
    assert_eq!(run.output()["total"], 2);
    assert!(!run.has_revealed() && !format!("{run:?}").contains(TOKEN));
}

#[tokio::test]
async fn every_issue_is_reported_once_although_the_host_dies_and_old_issues_change() {
    let (piece, forgejo) = (piece().await, Forgejo::new().pages_of(2));
    let host = host(&forgejo, &[("GET", ISSUES), ("POST", "/repos/ada/engine/issues/1/comments")]);
    let trigger = piece.trigger("new_issue").props(json!({"repository": "ada/engine"}));
    for title in ["a", "b", "c"] {
        forgejo.open(title);
    }
    trigger.enable(&host).await.output();

    for title in ["d", "e", "f", "g", "h"] {
        forgejo.open(title);
    }
    let comment = piece.action("add_comment").props(json!({"repository": "ada/engine", "issue": 1, "body": "Me too."}));
    comment.run(&host).await.output();
    let lost = trigger.clone().host_dies().run(&host).await;
    assert_eq!(titles(lost.events()), ["d", "e", "f", "g", "h"]);
    let again = trigger.run(&host).await;
    assert_eq!(titles(again.events()), ["d", "e", "f", "g", "h"]);
    assert!(trigger.run(&host).await.events().is_empty());
}

/// The delivery as the host hands it to the piece.
fn received(delivery: &Delivery) -> Webhook {
    let webhook = Webhook::json(serde_json::from_str(&delivery.body).unwrap()).raw_body(delivery.body.as_bytes());
    delivery.headers.iter().fold(webhook, |webhook, (name, value)| webhook.header(name, value))
}

#[tokio::test]
async fn what_the_service_delivers_is_an_event_and_a_forgery_is_not() {
    let (piece, forgejo) = (piece().await, Forgejo::new());
    let host = host(&forgejo, &[("POST", HOOKS), ("DELETE", "/repos/ada/engine/hooks/71")]);
    let trigger = piece.trigger("repository_event").props(json!({"repository": "ada/engine", "events": ["issues"]}));
    trigger.enable(&host).await.output();

    let payload = json!({"action": "created", "issue": {"number": 7}, "comment": {"body": "Grüße"}});
    let deliveries = forgejo.deliveries("issue_comment", &payload);
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(deliveries[0].url, "https://leno.test/api/webhooks/7");
    let run = trigger.receive(&host, received(&deliveries[0])).await;
    assert_eq!((&run.events()[0]["event"], &run.events()[0]["payload"]), (&json!("issue_comment"), &payload));

    let forged = received(&deliveries[0]).raw_body(deliveries[0].body.replace("created", "deleted"));
    let refused = trigger.receive(&host, forged).await;
    assert_eq!((refused.error().kind, refused.error().code.as_str()), (ErrorKind::Denied, "bad-signature"));

    trigger.disable(&host).await.output();
    assert!(forgejo.deliveries("issue_comment", &payload).is_empty());
    assert!(host.store().keys(Scope::Flow).is_empty());
}

#[tokio::test]
async fn two_webhooks_have_two_secrets() {
    let (piece, forgejo) = (piece().await, Forgejo::new());
    for events in [json!(["push"]), json!(["push"])] {
        let host = host(&forgejo, &[("POST", HOOKS)]);
        piece
            .trigger("repository_event")
            .props(json!({"repository": "ada/engine", "events": events}))
            .enable(&host)
            .await
            .output();
    }
    let secrets: Vec<Value> = forgejo
        .received()
        .iter()
        .map(|sent| serde_json::from_slice::<Value>(&sent.body).unwrap()["config"]["secret"].clone())
        .collect();
    assert_eq!(secrets.len(), 2);
    assert_ne!(secrets[0], secrets[1]);
}

#[tokio::test]
async fn a_retry_creates_no_second_issue_unless_the_first_is_too_large_to_be_kept() {
    let (piece, forgejo) = (piece().await, Forgejo::new());
    let host = host(&forgejo, &[("POST", ISSUES)]);
    host.idempotency_key("step-7");
    let create = piece.action("create_issue").props(json!({"repository": "ada/engine", "title": "It hurts"}));
    let first = create.clone().run(&host).await;
    let retry = create.run(&host).await;
    assert_eq!(retry.output(), first.output());
    assert_eq!(forgejo.titles(), ["It hurts"]);

    // The store takes 512 KiB.
    let large = json!({"repository": "ada/engine", "title": "Look", "body": "x".repeat(600 << 10)});
    let run = piece.action("create_issue").props(large).run(&host).await;
    assert_eq!(run.output()["number"], 2);
    assert!(run.logs()[0].message.contains("a retry would create a second one"), "{:?}", run.logs());
}
