//! Every action by its name and its JSON, as the host calls it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;
use leno_sdk::{ErrorKind, Result};
use piece_store::PIECE;
use serde_json::{Value, json};

fn run(action: &str, props: Value) -> Result<Value> {
    PIECE.run_action(action, &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn the_metadata_is_accepted_by_the_host() {
    let metadata = leno_metadata::Metadata::parse(&PIECE.describe()).unwrap();
    assert_eq!(metadata.actions.keys().collect::<Vec<_>>(), ["get", "put", "add", "remove"]);
}

#[test]
fn a_value_is_kept_read_and_removed() {
    let _host = FakeHost::new();
    assert_eq!(run("get", json!({"key": "a"})).unwrap(), Value::Null);
    for default in [json!({"x": 1}), json!(0), json!("none"), json!(""), json!(false)] {
        assert_eq!(run("get", json!({"key": "a", "default": default})).unwrap(), default);
    }
    assert_eq!(run("put", json!({"key": "a", "value": "text"})).unwrap(), "text");
    assert_eq!(run("get", json!({"key": " a "})).unwrap(), "text");
    assert_eq!(run("remove", json!({"key": "a"})).unwrap(), Value::Null);
    assert_eq!(run("get", json!({"key": "a"})).unwrap(), Value::Null);
}

#[test]
fn scopes_are_apart() {
    let host = FakeHost::new();
    run("put", json!({"key": "a", "value": 1})).unwrap();
    run("put", json!({"key": "a", "value": 2, "scope": "PROJECT"})).unwrap();
    assert_eq!(run("get", json!({"key": "a"})).unwrap(), 1);
    assert_eq!(host.stored(Scope::Project, "value.a"), Some(json!(2)));
}

#[test]
fn a_value_with_a_time_is_forgotten() {
    let host = FakeHost::new();
    run("put", json!({"key": "a", "value": 1, "ttl_seconds": 60})).unwrap();
    host.advance(Duration::from_secs(59));
    assert_eq!(run("get", json!({"key": "a"})).unwrap(), 1);
    host.advance(Duration::from_secs(1));
    assert_eq!(run("get", json!({"key": "a"})).unwrap(), Value::Null);
}

#[test]
fn a_counter_loses_no_addition_of_another_run() {
    let host = FakeHost::new();
    assert_eq!(run("add", json!({"key": "n"})).unwrap(), 1);
    host.interfere(Scope::Flow, "value.n", 41);
    assert_eq!(run("add", json!({"key": "n", "amount": 1})).unwrap(), 42);
    assert_eq!(run("add", json!({"key": "n", "amount": -0.5})).unwrap(), 41.5);
    assert_eq!(host.stored(Scope::Flow, "value.n"), Some(json!(41.5)));
}

#[test]
fn what_is_no_number_is_not_added_to() {
    let _host = FakeHost::new();
    run("put", json!({"key": "a", "value": "text"})).unwrap();
    let error = run("add", json!({"key": "a"})).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "not-a-number"));
    run("put", json!({"key": "b", "value": 1e308})).unwrap();
    let error = run("add", json!({"key": "b", "amount": 1})).unwrap_err();
    assert_eq!((error.code(), error.message()), ("too-large", "amount: 1e+308 + 1 has more than 38 digits"));
}

#[test]
fn digits_are_kept_by_every_action() {
    let _host = FakeHost::new();
    let raw = |action: &str, props: &str| PIECE.run_action(action, props).unwrap();
    for digits in ["123456789012345678901234567890", "0.1234567890123456789", "-0", "1.50", "1e+400"] {
        let value = format!("{{\"n\":[{digits}]}}");
        assert_eq!(raw("put", &format!("{{\"key\": \"k\", \"value\": {value}}}")), value);
        assert_eq!(raw("get", "{\"key\": \"k\"}"), value);
        assert_eq!(raw("get", &format!("{{\"key\": \"none\", \"default\": {value}}}")), value);
    }
    assert_eq!(raw("add", "{\"key\": \"c\", \"amount\": 0}"), "0");
    assert_eq!(raw("add", "{\"key\": \"c\", \"amount\": 9007199254740993}"), "9007199254740993");
    assert_eq!(raw("add", "{\"key\": \"c\", \"amount\": 0.10}"), "9007199254740993.1");
}

#[test]
fn a_key_is_refused_in_the_users_own_numbers_and_words() {
    let _host = FakeHost::new();
    let told = |key: &str| run("put", json!({"key": key, "value": 1})).unwrap_err().message().to_owned();
    assert_eq!(told(" "), "key: must not be empty");
    assert_eq!(told(&"é".repeat(128)), "key: has 128 characters; at most 122 are possible");
    assert_eq!(told("ab\nc"), "key: has a line feed after 2 characters; leave it out");
    assert_eq!(told("\u{7f}x"), "key: has the control character U+007F after 0 characters; leave it out");
    run("put", json!({"key": "é".repeat(122), "value": 1})).unwrap();
}
