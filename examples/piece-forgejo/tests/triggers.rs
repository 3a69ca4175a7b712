//! The triggers, through the functions that the host calls.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_sdk::prelude::*;
use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;
use piece_forgejo::{NewIssue, RepositoryEvent};
use sha2::Sha256;
use support::{HOOKS, ISSUES, host, issue};

const WATCHED: &str = r#"{"repository": "ada/engine"}"#;
const SUBSCRIBED: &str = r#"{"repository": "ada/engine", "events": ["push", "issue_comment"]}"#;
const URL: &str = "https://leno.example.com/api/webhooks/7";

fn numbers(events: &[String]) -> Vec<u64> {
    let number = |event: &String| serde_json::from_str::<Value>(event).unwrap()["number"].as_u64().unwrap();
    events.iter().map(number).collect()
}

#[test]
fn an_issue_is_reported_once_and_an_older_one_that_changed_is_not() {
    let host = host();
    let old = issue(1, "2026-01-01T10:00:00Z");
    host.expect("GET", ISSUES).query("state", "all").query("type", "issues").reply(200).json([&old]);
    NewIssue::TRIGGER.enable(WATCHED).unwrap();
    assert_eq!(host.schedules(), [("*/5 * * * *".to_owned(), "UTC".to_owned())]);

    let (second, third) = (issue(2, "2026-01-01T11:00:00+01:00"), issue(3, "2026-01-01T10:00:05Z"));
    for expected in [vec![2, 3], vec![]] {
        host.expect("GET", ISSUES).authorized().reply(200).json([&third, &second, &old]);
        assert_eq!(numbers(&NewIssue::TRIGGER.run(WATCHED, None).unwrap()), expected);
    }
    let since: Vec<bool> =
        host.requests().iter().map(|sent| sent.url.contains("since=2026-01-01T10%3A00%3A00.000Z")).collect();
    assert_eq!(since, [false, true, false]);
}

#[test]
fn pages_are_read_until_the_known_issues_begin() {
    let host = host();
    host.expect("GET", ISSUES).reply(200).header("link", NEXT).json([issue(1, "2026-01-01T10:00:00Z")]);
    NewIssue::TRIGGER.enable(WATCHED).unwrap();

    host.expect("GET", ISSUES)
        .query("page", "1")
        .reply(200)
        .header("link", NEXT)
        .json([issue(3, "2026-01-01T10:00:02Z")]);
    host.expect("GET", ISSUES).query("page", "2").reply(200).header("link", NEXT).json([
        issue(2, "2026-01-01T10:00:01Z"),
        // Changed since, and known.
        issue(1, "2026-01-01T09:00:00Z"),
    ]);
    assert_eq!(numbers(&NewIssue::TRIGGER.run(WATCHED, None).unwrap()), [2, 3]);
}

const NEXT: &str = r#"<https://git.example.com/x?page=2>; rel="next""#;

/// Enables the trigger. Returns the secret that the server got.
fn enable(host: &FakeHost) -> String {
    host.set_webhook_url(URL);
    host.expect("POST", HOOKS).authorized().reply(201).json(json!({"id": 12, "type": "gitea", "active": true}));
    RepositoryEvent::TRIGGER.enable(SUBSCRIBED).unwrap();
    let sent = host.requests().pop().unwrap().json();
    sent["config"]["secret"].as_str().unwrap().to_owned()
}

fn sign(secret: &str, body: &str) -> String {
    hex::encode(Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body).finalize().into_bytes())
}

fn delivery(family: &str, signature: &str, body: &str) -> String {
    let headers = json!({
        format!("x-{family}-event"): "issue_comment", format!("x-{family}-delivery"): "f6266f16",
        format!("x-{family}-signature"): signature,
    });
    json!({"method": "POST", "headers": headers, "queryParams": {}, "body": {"action": "created"}, "rawBody": body})
        .to_string()
}

#[test]
fn a_webhook_is_created_with_a_fresh_secret_and_removed() {
    let host = host();
    let secret = enable(&host);
    assert_eq!(secret.len(), 64);
    let sent = host.requests()[0].json();
    let config = json!({"url": URL, "content_type": "json", "secret": secret});
    assert_eq!(sent, json!({"type": "gitea", "config": config, "events": ["push", "issue_comment"], "active": true}));

    // Enabled again: the former webhook goes, and its secret with it.
    host.expect("DELETE", &format!("{HOOKS}/12")).authorized().reply(204);
    assert_ne!(enable(&host), secret);

    // It is gone already when somebody has removed it at the server.
    host.expect("DELETE", &format!("{HOOKS}/12")).reply(404).json(json!({"message": "The target couldn't be found."}));
    RepositoryEvent::TRIGGER.disable(SUBSCRIBED).unwrap();
    assert!(host.keys(Scope::Flow).is_empty());
    RepositoryEvent::TRIGGER.disable(SUBSCRIBED).unwrap();
}

#[test]
fn a_webhook_that_cannot_be_removed_is_not_forgotten() {
    let host = host();
    enable(&host);
    host.expect("DELETE", &format!("{HOOKS}/12")).reply(503).text("down");
    assert_eq!(RepositoryEvent::TRIGGER.disable(SUBSCRIBED).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(host.keys(Scope::Flow), ["hook"]);
}

#[test]
fn a_subscription_to_nothing_is_refused() {
    let host = host();
    host.set_webhook_url(URL);
    let error = RepositoryEvent::TRIGGER.enable(r#"{"repository": "ada/engine", "events": []}"#).unwrap_err();
    assert_eq!(error.message(), "events: choose at least one");
}

#[test]
fn a_signed_delivery_is_an_event_from_forgejo_and_from_gitea() {
    let host = host();
    let secret = enable(&host);
    let body = "{\n  \"action\": \"created\"\n}";
    for family in ["forgejo", "gitea"] {
        let events =
            RepositoryEvent::TRIGGER.run(SUBSCRIBED, Some(&delivery(family, &sign(&secret, body), body))).unwrap();
        let event: Value = serde_json::from_str(&events[0]).unwrap();
        assert_eq!(event, json!({"event": "issue_comment", "delivery": "f6266f16", "payload": {"action": "created"}}));
    }
}

#[test]
fn a_delivery_without_the_right_signature_is_denied() {
    let host = host();
    let secret = enable(&host);
    let body = r#"{"action": "created"}"#;
    let right = sign(&secret, body);
    let mut deliveries: Vec<String> = ["", "no hex", &right[..62], &sign("another secret", body), &sign(&secret, "{}")]
        .map(|signature| delivery("forgejo", signature, body))
        .into();
    deliveries.push(
        json!({"method": "POST", "headers": {"x-forgejo-event": "push"}, "body": {}, "rawBody": "{}"}).to_string(),
    );
    // Without the bytes there is nothing to verify.
    deliveries.push(
        json!({"method": "POST", "headers": {"x-forgejo-event": "push", "x-forgejo-signature": right}}).to_string(),
    );
    for request in deliveries {
        let error = RepositoryEvent::TRIGGER.run(SUBSCRIBED, Some(&request)).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "bad-signature"), "{request}");
    }
    host.expect("DELETE", &format!("{HOOKS}/12")).reply(204);
    RepositoryEvent::TRIGGER.disable(SUBSCRIBED).unwrap();
    assert!(RepositoryEvent::TRIGGER.run(SUBSCRIBED, Some(&delivery("forgejo", &right, body))).is_err());
}
