//! What a test can see and move, and how it fails.

#![allow(clippy::expect_used, reason = "what fails here fails the test")]

mod support;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use leno_test::{
    ErrorKind, Grant, Host, Level, Limits, Piece, PieceError, Scope, Webhook, delete, get, json, post, reply, request,
};
use serde_json::{Value, json};
use support::{poller, poller_with};

fn account() -> Value {
    json!({"type": "CUSTOM_AUTH", "props": {"base_url": "https://own.test", "key": "canary-key"}})
}

/// The message of the panic that `test` ends in.
async fn failure(test: impl Future<Output = ()>) -> String {
    let panic = AssertUnwindSafe(test).catch_unwind().await.expect_err("the test should have failed");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[tokio::test]
async fn the_piece_sees_the_clock_and_the_call_that_the_test_set() {
    let (piece, host) = (poller().await, Host::new());
    let run = piece.action("now").run(&host).await;
    let expected = json!({"seconds": 1_704_067_200, "run": "run-1", "attempt": 1, "key": "run-1", "webhook": null});
    assert_eq!(*run.output(), expected);
    assert_eq!((run.logs()[0].level, run.logs()[0].message.as_str()), (Level::Info, "asked for the time"));

    host.clock().set("2026-01-01T00:00:00Z");
    host.clock().advance(Duration::from_secs(5));
    host.attempt(3);
    host.idempotency_key("step-7");
    host.webhook_url("https://hooks.test/7");
    let run = piece.action("now").run(&host).await;
    let (run_id, hook) = ("run-2", "https://hooks.test/7");
    let expected = json!({"seconds": 1_767_225_605, "run": run_id, "attempt": 3, "key": "step-7", "webhook": hook});
    assert_eq!(*run.output(), expected);
}

#[tokio::test]
async fn a_snapshot_of_a_run_is_the_same_every_time() {
    let piece = poller().await;
    let mut snapshots = Vec::new();
    for _ in 0..2 {
        let host = Host::new();
        host.connection(account());
        host.http().expect(get("https://own.test/v1").authorized().header("x-key", "canary-key")).respond(reply(204));
        snapshots.push(format!("{:#?}", piece.action("recall").run(&host).await));
    }
    assert_eq!(snapshots[0], snapshots[1]);
    assert!(snapshots[0].contains(r#""http.send GET https://own.test/v1 -> ok""#), "{}", snapshots[0]);
    assert!(snapshots[0].contains(r#""baseUrl": "https://own.test""#), "{}", snapshots[0]);
}

#[tokio::test]
async fn an_unexpected_request_fails_the_call_and_the_test() {
    let piece = poller().await;
    let message = failure(async {
        let host = Host::new();
        host.connection(account());
        host.http().expect(get("https://own.test/v2").header("x-key", "canary-key")).respond(reply(204));
        let run = piece.action("recall").run(&host).await;
        assert_eq!((run.error().code.as_str(), run.error().kind), ("unavailable", ErrorKind::Unavailable));
    })
    .await;
    assert_eq!(
        message,
        "the piece sent an unexpected request:
  GET https://own.test/v1
    x-key: **REDACTED**
  expected:
  - GET https://own.test/v2, header x-key: **REDACTED**
    but the address is https://own.test/v1
an expected request was never sent:
  GET https://own.test/v2, header x-key: **REDACTED**"
    );
}

#[tokio::test]
async fn a_failed_run_says_what_happened_on_the_way() {
    let piece = poller().await;
    let message = failure(async {
        piece.action("crash").run(&Host::new()).await.output();
    })
    .await;
    assert!(
        message.starts_with("action `crash` of piece `poller` failed: internal (guest_trap): the piece crashed: "),
        "{message}"
    );
    assert!(message.contains("as asked for") && message.contains("\nlogs:\n  WARN about to crash"), "{message}");

    let message = failure(async {
        let host = Host::new();
        host.connection(account());
        piece.action("recall").run(&host).await.output();
    })
    .await;
    assert!(
        message.contains("\nhost calls:\n") && message.contains("http.send GET https://own.test/v1 -> unavailable"),
        "{message}"
    );
    assert!(message.contains("\nthe piece sent an unexpected request:"), "{message}");
    assert!(!message.contains("canary"), "{message}");
}

#[tokio::test]
async fn verify_tells_once_and_leaves_nothing_for_the_end() {
    let message = failure(async {
        let host = Host::new();
        host.http().expect(get("https://poll.test/items")).times(2).respond(reply(200));
        host.verify();
    })
    .await;
    assert_eq!(message, "an expected request was sent 0 times instead of 2:\n  GET https://poll.test/items");
    let host = Host::new();
    host.http().allow(get("https://poll.test/items")).respond(reply(200));
    host.verify();
}

#[tokio::test]
async fn a_host_that_the_piece_did_not_declare_is_denied_as_in_production() {
    let (piece, host) = (poller().await, Host::new());
    let grant = Grant { hosts: Some(vec!["poll.test".parse().unwrap()]), ..Grant::default() };
    let narrowed = piece.granted(grant).await.unwrap();
    host.connection(account());
    let run = narrowed.action("recall").run(&host).await;
    assert_eq!((run.error().code.as_str(), run.error().kind), ("egress-denied", ErrorKind::Denied));
    assert!(run.denied()[0].starts_with("http.send: `own.test` is not among"), "{:?}", run.denied());
    assert!(host.http().requests().is_empty());
}

#[tokio::test]
async fn the_limits_of_the_grant_hold() {
    let limits = Limits { cpu: Duration::from_millis(50), ..Limits::default() };
    let (piece, host) = (poller_with(Grant { limits, ..Grant::default() }).await, Host::new());
    assert_eq!(piece.action("spin").run(&host).await.error().code, "cpu_limit");
    let run = poller().await.action("spin").timeout(Duration::from_millis(50)).run(&host).await;
    assert_eq!((run.error().code.as_str(), run.error().kind), ("timeout", ErrorKind::Timeout));
}

#[tokio::test]
async fn a_connection_is_required_checked_and_can_be_broken() {
    let (piece, host) = (poller().await, Host::new());
    assert_eq!(piece.action("recall").run(&host).await.error().code, "connection_required");

    host.connection(account());
    host.http().expect(get("https://poll.test/me").authorized()).respond(reply(204));
    assert_eq!(piece.validate(&host).await.output(), &json!(null));
    host.http().expect(get("https://poll.test/me")).respond(reply(401));
    assert_eq!(piece.validate(&host).await.error().kind, ErrorKind::Unauthorized);

    host.broken_connection(PieceError::new(ErrorKind::Unauthorized, "connection-expired", "connect again"));
    let run = piece.validate(&host).await;
    assert_eq!((run.error().kind, run.error().code.as_str()), (ErrorKind::Unauthorized, "connection-expired"));

    host.connection(json!({"type": "SECRET_TEXT", "secret_text": "canary"}));
    assert!(piece.action("recall").run(&host).await.result().is_err());

    let message = failure(async {
        let host = Host::new();
        host.connection(json!({"type": "CUSTOM_AUTH", "props": {"key": "canary"}}));
        let _ = piece.action("recall").run(&host).await;
    })
    .await;
    assert!(
        message.starts_with("a connection of type CUSTOM_AUTH with this value would not be accepted:\n/props/base_url"),
        "{message}"
    );
}

#[tokio::test]
async fn dropdowns_and_dynamic_properties_are_resolved_and_others_are_not() {
    let (piece, host) = (poller().await, Host::new());
    host.connection(account());
    host.http()
        .expect(get("https://poll.test/projects").query("q", "ma").authorized())
        .respond(json(200, json!([{"id": 7, "name": "Main"}])));
    let run = piece.options("pick", "project").search("ma").resolve(&host).await;
    assert_eq!(run.output()["options"], json!([{"label": "Main", "value": 7}]));

    let run = piece.options("pick", "fields").props(json!({"project": 7})).resolve(&host).await;
    assert_eq!(run.output()["field_7"]["type"], "SHORT_TEXT");

    for (owner, property, code) in
        [("pick", "count", "not_resolvable"), ("pick", "nothing", "unknown"), ("none", "x", "unknown")]
    {
        assert_eq!(piece.options(owner, property).resolve(&host).await.error().code, code);
    }
    let run =
        piece.action("pick").props(json!({"project": 7, "count": "2", "fields": {"field_7": "a"}})).run(&host).await;
    assert_eq!(run.output()["count"], 2);
}

#[tokio::test]
async fn a_webhook_trigger_lives_through_its_functions() {
    let (piece, host) = (poller().await, Host::new());
    let trigger = piece.trigger("paid");
    host.webhook_url("https://hooks.test/7");
    host.http()
        .expect(post("https://poll.test/hooks").json(json!({"url": "https://hooks.test/7"})))
        .respond(json(201, 42));
    assert_eq!(*trigger.enable(&host).await.output(), json!(null));
    assert_eq!(host.store().get(Scope::Flow, "hook"), Some(json!(42)));

    let handshake = trigger.handshake(&host, Webhook::with("GET").query("challenge", "abc")).await;
    assert_eq!(*handshake.output(), json!({"status": 200, "body": "abc"}));

    let order = Webhook::json(json!({"id": 8})).header("X-Signature", "s").raw_body("{ \"id\": 8 }");
    assert_eq!(
        trigger.receive(&host, order).await.events(),
        [json!({"body": {"id": 8}, "signature": "s", "length": 11})]
    );
    assert_eq!(trigger.test(&host).await.events(), [json!({"id": 7})]);

    host.http().expect(post("https://poll.test/hooks/renew")).respond(reply(204));
    assert_eq!(*trigger.renew(&host).await.output(), json!(null));
    host.http().expect(delete("https://poll.test/hooks/42")).respond(reply(204));
    assert_eq!(*trigger.disable(&host).await.output(), json!(null));
    assert!(host.store().keys(Scope::Flow).is_empty());
}

#[tokio::test]
async fn an_app_webhook_trigger_listens_and_a_manual_one_is_fired() {
    let (piece, host) = (poller().await, Host::new());
    let mention = piece.trigger("mention").props(json!({"list": "team-7"}));
    assert_eq!(*mention.enable(&host).await.output(), json!(null));
    assert_eq!(host.listeners(), [(vec!["mention".to_owned()], "team-7".to_owned())]);
    assert_eq!(mention.receive(&host, Webhook::json(json!({"a": 1}))).await.events(), [json!({"a": 1})]);
    assert_eq!(piece.trigger("fired").run(&host).await.events(), [json!({"by": "hand"})]);
    assert_eq!(piece.trigger("none").run(&host).await.error().code, "unknown");
}

#[tokio::test]
async fn metadata_can_be_asked_and_checked() {
    let piece = poller().await;
    piece.assert_metadata_valid().await;
    assert_eq!(piece.metadata().triggers.len(), 5);
    assert_eq!(piece.metadata().auth[0].kind(), "CUSTOM_AUTH");
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_a_reason() {
    let error = Piece::from_bytes(*b"\0asm\x01\0\0\0", Grant::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("the component is refused (not_a_component)"), "{error}");
    let error = Piece::load("nowhere.wasm").await.unwrap_err();
    assert!(format!("{error:?}").contains("cargo build --release --target wasm32-wasip2"), "{error:?}");
}

#[tokio::test]
async fn requests_can_be_looked_at_afterwards_and_hide_their_secrets_in_debug() {
    let (piece, host) = (poller().await, Host::new());
    host.connection(account());
    host.http().allow(request("get", "https://own.test/v1")).respond(reply(204));
    assert!(piece.action("recall").run(&host).await.result().is_ok());
    let requests = host.http().requests();
    assert_eq!(requests[0].header("X-Key"), Some("canary-key"));
    assert!(requests[0].authorized && !format!("{requests:?} {host:?}").contains("canary"));
}
