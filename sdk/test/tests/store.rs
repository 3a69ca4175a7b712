//! The built-in piece `store`, in the sandbox.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use leno_test::{ErrorKind, Host, Piece, PieceError, Scope};
use serde_json::{Value, json};
use support::piece;

async fn run(piece: &Piece, host: &Host, action: &str, props: Value) -> Value {
    piece.action(action).props(props).run(host).await.output().clone()
}

#[tokio::test]
async fn a_value_is_kept_between_runs_until_it_is_removed() {
    let (piece, host) = (piece("store").await, Host::new());
    assert_eq!(run(&piece, &host, "get", json!({"key": "k", "default": ["none"]})).await, json!(["none"]));
    assert_eq!(run(&piece, &host, "put", json!({"key": "k", "value": {"a": [1]}})).await, json!({"a": [1]}));
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!({"a": [1]}));
    assert_eq!(run(&piece, &host, "remove", json!({"key": "k"})).await, json!(null));
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!(null));
    assert_eq!(run(&piece, &host, "remove", json!({"key": "k"})).await, json!(null));
}

#[tokio::test]
async fn a_flow_and_its_project_have_values_of_their_own() {
    let (piece, host) = (piece("store").await, Host::new());
    run(&piece, &host, "put", json!({"key": "k", "value": 1, "scope": "FLOW"})).await;
    run(&piece, &host, "put", json!({"key": "k", "value": 2, "scope": "PROJECT"})).await;
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!(1));
    assert_eq!(run(&piece, &host, "get", json!({"key": "k", "scope": "PROJECT"})).await, json!(2));
    assert_eq!(host.store().keys(Scope::Flow), host.store().keys(Scope::Project));
}

#[tokio::test]
async fn a_value_with_a_time_to_live_is_forgotten_when_it_is_over() {
    let (piece, host) = (piece("store").await, Host::new());
    run(&piece, &host, "put", json!({"key": "k", "value": 1, "ttl_seconds": 60})).await;
    host.clock().advance(Duration::from_secs(59));
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!(1));
    host.clock().advance(Duration::from_secs(1));
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!(null));
}

#[tokio::test]
async fn a_counter_counts_in_whole_numbers_and_in_fractions() {
    let (piece, host) = (piece("store").await, Host::new());
    assert_eq!(run(&piece, &host, "add", json!({"key": "n"})).await, json!(1));
    assert_eq!(run(&piece, &host, "add", json!({"key": "n", "amount": -3})).await, json!(-2));
    assert_eq!(run(&piece, &host, "add", json!({"key": "n", "amount": 0.5})).await, json!(-1.5));
}

#[tokio::test]
async fn a_counter_loses_no_addition_when_another_run_is_faster() {
    let (piece, host) = (piece("store").await, Host::new());
    run(&piece, &host, "add", json!({"key": "n"})).await;
    let key = &host.store().keys(Scope::Flow)[0];
    host.store().interfere(Scope::Flow, key, 41);
    let run = piece.action("add").props(json!({"key": "n"})).run(&host).await;
    assert_eq!(*run.output(), json!(42));
    let tries = run.host_calls().iter().filter(|call| call.function == "store.compare-and-set").count();
    assert_eq!(tries, 2, "{run:#?}");
}

#[tokio::test]
async fn eight_runs_at_once_add_up() {
    let (piece, host) = (piece("store").await, Host::new());
    let sums = join_all((0..8).map(|_| run(&piece, &host, "add", json!({"key": "n"})))).await;
    let mut sums: Vec<i64> = sums.iter().map(|sum| sum.as_i64().unwrap()).collect();
    sums.sort_unstable();
    assert_eq!(sums, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(run(&piece, &host, "get", json!({"key": "n"})).await, json!(8));
}

#[tokio::test]
async fn what_is_not_a_number_is_not_added_to_and_stays() {
    let (piece, host) = (piece("store").await, Host::new());
    run(&piece, &host, "put", json!({"key": "n", "value": "three"})).await;
    let refused = piece.action("add").props(json!({"key": "n"})).run(&host).await;
    assert_eq!(refused.error().code, "not-a-number");
    assert_eq!(run(&piece, &host, "get", json!({"key": "n"})).await, json!("three"));
}

#[tokio::test]
async fn limits_and_failures_of_the_store_reach_the_caller() {
    let (piece, host) = (piece("store").await, Host::new());
    let long = piece.action("get").props(json!({"key": "k".repeat(200)})).run(&host).await;
    assert_eq!(long.error().kind, ErrorKind::InvalidInput);
    let large = piece.action("put").props(json!({"key": "k", "value": "x".repeat(600 << 10)})).run(&host).await;
    assert_eq!((large.error().code.as_str(), large.error().kind), ("store-value-too-large", ErrorKind::InvalidInput));
    assert!(host.store().keys(Scope::Flow).is_empty());

    host.store().fail(PieceError::new(ErrorKind::Unavailable, "database-down", "the database is down"));
    let down = piece.action("get").props(json!({"key": "k"})).run(&host).await;
    assert_eq!((down.error().code.as_str(), down.error().kind), ("database-down", ErrorKind::Unavailable));
    host.store().repair();
    assert_eq!(run(&piece, &host, "get", json!({"key": "k"})).await, json!(null));
}

#[tokio::test]
async fn the_metadata_is_valid() {
    piece("store").await.assert_metadata_valid().await;
}
