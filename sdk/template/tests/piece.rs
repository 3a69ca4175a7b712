//! Calls the piece as the host does, with a fake host: the tests need neither WebAssembly nor a network.

use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;
use piece::{NewGuest, PIECE};

const GUESTS: &str = "https://api.example.com/guests";

#[test]
fn a_greeting_has_the_tone_and_the_name() {
    let _host = FakeHost::new();
    let text = PIECE
        .run_action("greet", r#"{"name": "Ada", "tone": "formal", "times": 2}"#)
        .unwrap();
    assert_eq!(text, r#"{"text":"Good day, Good day, Ada!"}"#);
}

#[test]
fn wrong_properties_are_refused_by_name() {
    let error = PIECE.run_action("greet", r#"{"times": 9}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.message(),
        "name: is required; times: 9 is above the maximum of 3"
    );
}

#[test]
fn every_new_guest_is_reported_once() {
    let host = FakeHost::new();
    let ada = json!({"id": 1, "name": "Ada", "arrived_at": "2024-03-14T10:00:00Z"});
    let bob = json!({"id": 2, "name": "Bob", "arrived_at": "2024-03-14T10:00:00Z"});
    host.expect("GET", GUESTS)
        .authorized()
        .reply(200)
        .json([&ada]);
    host.expect("GET", GUESTS)
        .query("since", "2024-03-14T10:00:00.000Z")
        .reply(200)
        .json([&ada, &bob]);

    NewGuest::TRIGGER.enable("{}").unwrap();
    let events = NewGuest::TRIGGER.run("{}", None).unwrap();
    assert_eq!(events, [bob.to_string()]);
}

#[test]
fn a_rejected_key_is_reported() {
    let host = FakeHost::new();
    host.connect_sealed(Kind::SecretText, json!({}));
    host.expect("GET", "https://api.example.com/me")
        .authorized()
        .reply(401)
        .text("unknown key");
    let error = PIECE.validate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(
        error.message().ends_with("responded with status 401: unknown key"),
        "{error}"
    );
}
