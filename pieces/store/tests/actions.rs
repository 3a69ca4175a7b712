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
    assert_eq!(run("get", json!({"key": "a", "default": {"x": 1}})).unwrap(), json!({"x": 1}));
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
    assert_eq!(run("add", json!({"key": "b", "amount": 1.7e308})).unwrap_err().code(), "too-large");
    assert_eq!(run("put", json!({"key": " ", "value": 1})).unwrap_err().code(), "empty-key");
}
