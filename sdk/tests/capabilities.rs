//! The host's functions, as the author calls them and as the fake host implements them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use leno_sdk::connection::Kind;
use leno_sdk::http::{HttpError, send_all};
use leno_sdk::log::Level;
use leno_sdk::prelude::*;
use leno_sdk::secrets;
use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;

const URL: &str = "https://api.example.com/x";

/// The message of the panic in `run`.
fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(run).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn an_unexpected_request_fails_the_test_and_lists_the_expected_ones() {
    let text = panic_of(|| {
        let host = FakeHost::new();
        host.expect("GET", URL).query("page", "2").authorized().reply(200);
        host.expect("POST", URL).with_json(json!({"a": 1})).reply(200);
        // The test fails even if the piece ignores the error.
        let _ = http::get(URL).query("page", 1).authorize().send();
    });
    for part in [
        "GET https://api.example.com/x?page=1 (authorized)",
        "GET https://api.example.com/x ?page=2 (authorized)",
        "POST https://api.example.com/x {\"a\":1}",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn an_expected_request_that_is_never_sent_fails_the_test() {
    let text = panic_of(|| {
        let host = FakeHost::new();
        host.expect("GET", URL).reply(200);
    });
    assert!(text.contains("did not send the expected requests:\n  GET https://api.example.com/x"), "{text}");
}

#[test]
fn a_new_fake_host_knows_nothing_of_the_one_before() {
    let host = FakeHost::new();
    host.put(Scope::Flow, "a", 1);
    drop(host);
    assert!(FakeHost::new().keys(Scope::Flow).is_empty());
}

#[test]
fn requests_are_sent_as_they_were_put_together() {
    let host = FakeHost::new();
    host.expect("POST", "https://api.example.com/x?a=1&b=%C3%BC%20%26").reply(201).text("ok");
    let response = http::post(format!("{URL}?a=1"))
        .query("b", "ü &")
        .query_opt("c", None::<u32>)
        .basic("user", "pass")
        .header("Content-Type", "application/vnd.x+json")
        .json(&json!({"n": 1}))
        .timeout(Duration::from_millis(1500))
        .redirects(2)
        .send()
        .unwrap();
    assert_eq!((response.status(), response.is_success()), (201, true));
    assert_eq!(response.text().unwrap(), "ok");
    let sent = &host.requests()[0];
    assert_eq!(sent.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(sent.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type")).count(), 1);
    assert_eq!(sent.json(), json!({"n": 1}));
    assert_eq!((sent.timeout_ms, sent.redirects, sent.authorized), (Some(1500), 2, false));
}

#[test]
fn a_response_that_cannot_be_read_names_the_path() {
    let host = FakeHost::new();
    host.expect("GET", URL).reply(200).json(json!({"items": [{"id": 1}, {"id": "two"}]}));
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    struct Page {
        items: Vec<Item>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    struct Item {
        id: u32,
    }
    let error: Error = http::get(URL).query("secret", "s").send().unwrap().json::<Page>().unwrap_err().into();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http-decode"));
    assert_eq!(
        error.message(),
        "the response of https://api.example.com/x cannot be read: items[1].id: invalid type: string \"two\", expected u32"
    );
}

#[test]
fn a_status_can_be_matched_or_becomes_an_error() {
    let host = FakeHost::new();
    host.expect("GET", URL).reply(404).text("gone fishing");
    let error = http::get(URL).send().unwrap().error_for_status().unwrap_err();
    assert_eq!(error.status(), Some(404));
    let error = Error::from(error);
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "http-404"));
    assert_eq!(error.message(), "https://api.example.com/x responded with status 404: gone fishing");
    host.expect("GET", URL).reply(302);
    assert!(http::get(URL).send().unwrap().error_for_status().is_ok());
}

#[test]
fn a_refusal_of_the_host_keeps_its_kind_and_code() {
    let host = FakeHost::new();
    host.expect("GET", URL).fail(Error::denied("egress-denied", "example.com is not allowed"));
    let error = http::get(URL).send().unwrap_err();
    assert!(matches!(&error, HttpError::Send(reason) if reason.code() == "egress-denied"));
    assert_eq!(Error::from(error).kind(), ErrorKind::Denied);
}

#[test]
fn responses_to_several_requests_are_in_the_order_of_the_requests() {
    let host = FakeHost::new();
    for id in [2, 1] {
        host.expect("GET", &format!("{URL}/{id}")).reply(200).text(&id.to_string());
    }
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let responses =
        send_all([http::get(format!("{URL}/1")), http::post(URL).json(&unwritable), http::get(format!("{URL}/2"))]);
    let texts: Vec<Option<String>> =
        responses.into_iter().map(|response| response.ok().and_then(|response| response.text().ok())).collect();
    assert_eq!(texts, [Some("1".to_owned()), None, Some("2".to_owned())]);
}

#[test]
fn the_store_is_typed_and_scoped_and_forgets_in_time() {
    let host = FakeHost::new();
    store::flow().put("a", &vec![1, 2]).unwrap();
    assert_eq!(store::flow().get::<Vec<u32>>("a").unwrap(), Some(vec![1, 2]));
    assert_eq!(store::project().get::<Vec<u32>>("a").unwrap(), None);
    let error = store::flow().get::<String>("a").unwrap_err();
    assert!(error.message().starts_with("the stored value of `a` cannot be read: invalid type"), "{error}");
    store::flow().put_for("b", &1, Duration::from_millis(1500)).unwrap();
    host.advance(Duration::from_millis(1999));
    assert_eq!(store::flow().get("b").unwrap(), Some(1));
    host.advance(Duration::from_millis(1));
    assert_eq!(store::flow().get::<u32>("b").unwrap(), None);
    store::flow().delete("a").unwrap();
    assert_eq!(host.keys(Scope::Flow), ["b"]);
}

#[test]
fn compare_and_set_sets_only_what_is_as_expected() {
    let _host = FakeHost::new();
    let flow = store::flow();
    assert!(flow.compare_and_set("n", None, &1).unwrap());
    assert!(!flow.compare_and_set("n", None, &2).unwrap());
    assert!(!flow.compare_and_set("n", Some(&5), &2).unwrap());
    assert!(flow.compare_and_set("n", Some(&1), &2).unwrap());
    assert_eq!(flow.get("n").unwrap(), Some(2));
}

#[test]
fn an_update_is_tried_again_after_another_run_was_faster() {
    let host = FakeHost::new();
    host.interfere(Scope::Flow, "n", 10);
    host.interfere(Scope::Flow, "n", 20);
    let mut calls = 0;
    let new = store::flow().update("n", |old: Option<u32>| {
        calls += 1;
        Ok(old.unwrap_or(0) + 1)
    });
    assert_eq!((new.unwrap(), calls), (21, 3));
    for _ in 0..40 {
        host.interfere(Scope::Flow, "n", calls);
        calls += 1;
    }
    let error = store::flow().update("n", |old: Option<u32>| Ok(old.unwrap_or(0) + 1)).unwrap_err();
    assert_eq!(error.code(), "store-contention");
    host.break_store(Error::unavailable("db", "the database is away"));
    assert_eq!(store::flow().get::<u32>("n").unwrap_err().code(), "db");
}

#[test]
fn the_connection_shows_its_settings_and_its_secrets_only_when_granted() {
    let host = FakeHost::new();
    assert_eq!(connection::kind(), None);
    assert_eq!(secrets::reveal::<Value>().err().unwrap().code(), "no-connection");
    host.connect_sealed(Kind::CustomAuth, json!({"base_url": "https://x.example"}));
    assert_eq!(connection::kind(), Some(Kind::CustomAuth));
    let settings: Map = connection::settings().unwrap();
    assert_eq!(settings["base_url"], "https://x.example");
    assert_eq!(secrets::reveal::<Value>().err().unwrap().kind(), ErrorKind::Denied);
    host.connect(Kind::CustomAuth, json!({}), json!({"key": "s3cret"}));
    assert_eq!(secrets::reveal::<Value>().unwrap().expose()["key"], "s3cret");
    let error = secrets::reveal::<std::collections::BTreeMap<String, u32>>().err().unwrap();
    assert!(!error.message().contains("s3cret"), "{error}");
}

#[test]
fn the_context_and_the_clock_are_the_tests() {
    let host = FakeHost::new();
    let ctx = Context::current();
    host.set_attempt(3);
    host.set_remaining(Duration::from_secs(2));
    host.set_webhook_url("https://hooks.example.com/1");
    assert_eq!((ctx.attempt(), ctx.remaining()), (3, Duration::from_secs(2)));
    assert_eq!(ctx.webhook_url().as_deref(), Some("https://hooks.example.com/1"));
    assert!(!ctx.run_id().is_empty() && !ctx.idempotency_key().is_empty());
    host.set_now("2024-03-14T00:00:00Z".parse().unwrap());
    host.advance(Duration::from_secs(61));
    assert_eq!(DateTime::now().to_string(), "2024-03-14T00:01:01.000Z");
}

#[test]
fn records_carry_level_text_and_fields() {
    let host = FakeHost::new();
    let user = "ada";
    log::debug!("plain");
    log::error!(user, count = 1 + 1; "{user} failed {}", "twice");
    let logs = host.logs();
    assert_eq!((logs[0].level, logs[0].message.as_str()), (Level::Debug, "plain"));
    assert_eq!((logs[1].level, logs[1].message.as_str()), (Level::Error, "ada failed twice"));
    assert_eq!(logs[1].fields, [("user".into(), "ada".into()), ("count".into(), "2".into())]);
}
