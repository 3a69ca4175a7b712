//! The connection, the tenant, and what the answers of Gauzy mean.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use leno_metadata::{ConnectionValue, Metadata};
use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;
use piece_gauzy::PIECE;
use support::*;

fn tasks() -> Result<Value> {
    run("list_tasks", &json!({"organization": ORGANIZATION}))
}

#[test]
fn the_host_accepts_the_metadata_and_sends_the_token_to_the_connections_server_only() {
    let metadata = Metadata::parse(&PIECE.describe()).unwrap();
    for (value, header) in [
        (
            json!({"type": "CUSTOM_AUTH", "props": {"baseUrl": "https://gauzy.example.com:3000", "accessToken": "s3cret"}}),
            "Authorization",
        ),
        (
            json!({
                "type": "OAUTH2", "access_token": "s3cret", "client_id": "c", "client_secret": "x", "redirect_url": "https://leno.example.com/cb",
                "props": {"baseUrl": "https://gauzy.example.com:3000"}, "data": {"access_token": "s3cret"},
            }),
            "Authorization",
        ),
    ] {
        let value = ConnectionValue::new(value).unwrap();
        let auth = metadata.auth_for(&value).unwrap().unwrap();
        assert_eq!(metadata.hosts(Some(&value)).unwrap(), ["gauzy.example.com:3000"]);
        assert_eq!(auth.hosts(&value).unwrap(), ["gauzy.example.com:3000"]);
        let names: Vec<String> = auth.credentials(&value).unwrap().headers.into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().any(|name| name.eq_ignore_ascii_case(header)), "{names:?}");
        assert!(!value.settings(auth).to_string().contains("s3cret"));
    }
    assert_eq!((metadata.actions.len(), metadata.triggers.len()), (17, 8));
}

#[test]
fn the_sign_in_is_at_the_server_that_the_user_names() {
    let document: Value = serde_json::from_str(&PIECE.describe()).unwrap();
    let oauth = document["auth"].as_array().unwrap().iter().find(|auth| auth["type"] == "OAUTH2").unwrap();
    assert_eq!(oauth["authUrl"], "{baseUrl}/api/integration/ever-gauzy/oauth/authorize");
    assert_eq!(oauth["tokenUrl"], "{baseUrl}/api/integration/ever-gauzy/oauth/token");
    // Gauzy reads the client from the body only.
    assert_eq!(oauth["authorizationMethod"], "BODY");
}

#[test]
fn every_trigger_has_a_sample_and_polls() {
    let document: Value = serde_json::from_str(&PIECE.describe()).unwrap();
    for (name, trigger) in document["triggers"].as_object().unwrap() {
        assert!(trigger["sampleData"].is_object(), "{name}");
        assert_eq!(trigger["type"], "POLLING");
    }
}

#[test]
fn a_connection_holds_if_gauzy_knows_its_user() {
    for (kind, settings) in [
        (Kind::CustomAuth, json!({"baseUrl": "gauzy.example.com/api/"})),
        (Kind::OAuth2, json!({"props": {"baseUrl": BASE}, "data": {}, "scope": ""})),
    ] {
        let host = FakeHost::new();
        host.connect_sealed(kind, settings);
        expect(&host, "GET", "/user/me").query("includeEmployee", "true").reply(200).json(me());
        PIECE.validate().unwrap();
        expect(&host, "GET", "/user/me").reply(401).json(json!({"message": "Unauthorized", "statusCode": 401}));
        let error = PIECE.validate().unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "gauzy-reconnect"));
        assert!(error.message().ends_with("reconnect"), "{error}");
        expect(&host, "GET", "/user/me").reply(200).json(json!({"id": USER, "tenantId": null}));
        assert_eq!(PIECE.validate().unwrap_err().code(), "gauzy-no-tenant");
        expect(&host, "GET", "/user/me").reply(200).text("<!doctype html>");
        assert!(PIECE.validate().unwrap_err().message().contains("base URL"));
    }
    let host = FakeHost::new();
    host.connect_sealed(Kind::CustomAuth, json!({"baseUrl": " "}));
    assert_eq!(PIECE.validate().unwrap_err().code(), "no-base-url");
}

#[test]
fn every_request_names_the_tenant_which_is_asked_for_once() {
    let host = stranger();
    expect(&host, "GET", "/user/me").reply(200).json(me());
    for _ in 0..2 {
        expect_with_tenant(&host, "GET", "/tasks").reply(200).json(list([]));
        tasks().unwrap();
    }
    assert_eq!(host.requests().len(), 3);
    // A day later it is asked for again.
    host.advance(Duration::from_secs(24 * 60 * 60));
    expect(&host, "GET", "/user/me").reply(200).json(me());
    expect_with_tenant(&host, "GET", "/tasks").reply(200).json(list([]));
    tasks().unwrap();
}

#[test]
fn the_tenant_of_an_earlier_connection_is_replaced_and_a_missing_permission_stays_one() {
    let forbidden = json!({"message": "Forbidden resource", "error": "Forbidden", "statusCode": 403});
    let other = "11111111-1111-4111-8111-111111111111";
    let mut user = me();
    user["tenantId"] = other.into();
    let host = host();
    expect_with_tenant(&host, "GET", "/tasks").reply(403).json(&forbidden);
    expect(&host, "GET", "/user/me").reply(200).json(user);
    expect(&host, "GET", "/tasks").header("Tenant-Id", other).reply(200).json(list([]));
    tasks().unwrap();

    expect(&host, "GET", "/tasks").header("Tenant-Id", other).reply(403).json(&forbidden);
    let mut user = me();
    user["tenantId"] = other.into();
    expect(&host, "GET", "/user/me").reply(200).json(user);
    let error = tasks().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "gauzy-permission"));
    assert!(error.message().ends_with("it needs the permission ALL_ORG_VIEW or ORG_TASK_VIEW"), "{error}");
}

#[test]
fn nothing_is_lost_without_a_store() {
    let host = stranger();
    host.break_store(Error::unavailable("store-unavailable", "the store is out of order"));
    expect(&host, "GET", "/user/me").reply(200).json(me());
    expect_with_tenant(&host, "GET", "/tasks").reply(200).json(list([]));
    tasks().unwrap();
}

#[test]
fn a_busy_server_is_asked_again_within_the_time_that_is_left() {
    let host = host();
    for status in [429, 503] {
        expect(&host, "GET", "/tasks").reply(status).header("Retry-After", "0").text("slow down");
    }
    expect(&host, "GET", "/tasks").reply(200).json(list([]));
    tasks().unwrap();

    // No time is left for a wait of a minute.
    expect(&host, "GET", "/tasks").reply(429).header("Retry-After", "60").json(json!({"message": "Too many"}));
    let error = tasks().unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
    host.set_remaining(Duration::from_secs(2));
    expect(&host, "GET", "/tasks").reply(503).text("down");
    assert_eq!(tasks().unwrap_err().kind(), ErrorKind::Unavailable);
    // It is not asked for ever.
    host.set_remaining(Duration::from_secs(60));
    for _ in 0..6 {
        expect(&host, "GET", "/tasks").reply(503).header("Retry-After", "0").text("down");
    }
    assert_eq!(tasks().unwrap_err().code(), "gauzy-503");
}

/// G1: any exception that Gauzy did not foresee is answered 200 with a message.
#[test]
fn a_success_that_is_only_a_message_is_an_error() {
    let host = host();
    for (said, kind) in [
        ("invalid input syntax for type timestamp: \"{\"gt\":\"2026-01-01\"}\"", ErrorKind::InvalidInput),
        ("Property \"nope\" was not found in \"Employee\". Make sure your query is correct.", ErrorKind::InvalidInput),
        ("Connection terminated unexpectedly", ErrorKind::Unavailable),
    ] {
        expect(&host, "GET", "/tasks").reply(200).json(json!({"message": said}));
        let error = tasks().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.message(), format!("Gauzy could not do GET /tasks: {said}"));
    }
    for odd in [json!({}), json!({"total": 3}), json!("x"), json!(null)] {
        expect(&host, "GET", "/tasks").reply(200).json(odd);
        let error = tasks().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

/// G2: an error may be the raw error of the database.
#[test]
fn the_query_of_a_database_error_is_not_shown() {
    let host = host();
    let body = json!({
        "query": "SELECT \"email\" FROM \"task\"", "parameters": [ORGANIZATION, "secret@example.com"],
        "driverError": {"length": 142, "name": "error", "severity": "ERROR", "code": "22P02"}, "code": "22P02",
    });
    expect(&host, "GET", "/tasks").reply(400).json(body);
    let error = tasks().unwrap_err();
    assert_eq!(error.message(), "GET /tasks: Gauzy refused it: its database said: 22P02");
    assert!(!format!("{error:?}").contains("secret@example.com"));
    expect(&host, "GET", "/tasks").reply(400).json(json!({}));
    assert_eq!(tasks().unwrap_err().message(), "GET /tasks: Gauzy refused it: it gave no reason");
}

#[test]
fn the_messages_of_gauzy_are_kept_and_the_kinds_are_those_of_the_status() {
    let host = host();
    for (status, body, kind, message) in [
        (
            400,
            json!({"message": ["title must be a string", "title should not be empty"], "error": "Bad Request"}),
            ErrorKind::InvalidInput,
            "GET /tasks: Gauzy refused it: title must be a string; title should not be empty",
        ),
        (
            401, // G3
            json!({"message": "unauthorized", "error": "The requested record was not found", "statusCode": 401}),
            ErrorKind::Unauthorized,
            "Gauzy does not accept the connection's token (it said: unauthorized); reconnect",
        ),
        (
            403,
            json!({"message": "The time tracking functionality has been disabled for you."}),
            ErrorKind::Denied,
            "Gauzy does not let the user of this connection do GET /tasks: The time tracking functionality has been \
             disabled for you.",
        ),
        (
            404,
            json!({"statusCode": 404, "message": "The requested record was not found"}),
            ErrorKind::NotFound,
            "GET /tasks: Gauzy has no such record, or the user may not see it",
        ),
        (
            406,
            json!({"statusCode": 406, "message": "Validation failed (valid uuid is expected)"}),
            ErrorKind::InvalidInput,
            "GET /tasks: the id is malformed; give a UUID",
        ),
        (
            500,
            json!({"statusCode": 500, "message": "Internal server error"}),
            ErrorKind::Unavailable,
            "GET /tasks: Gauzy answered 500: Internal server error",
        ),
    ] {
        // A 403 makes the piece look whether the remembered tenant is right.
        if status == 403 {
            expect(&host, "GET", "/user/me").reply(200).json(me());
        }
        expect(&host, "GET", "/tasks").reply(status).json(body);
        let error = tasks().unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message));
    }
}

#[test]
fn what_is_no_id_is_refused_before_anything_is_sent() {
    let host = host();
    let before = host.requests().len();
    for id in ["abc", "..", "", "5764ceb2-85ba-47e7-85f9-6703e3b93d3a/.."] {
        let error = run("get_task", &json!({"organization": ORGANIZATION, "task": id})).unwrap_err();
        assert!(error.message().starts_with(&format!("task: `{id}` is not an id of Gauzy")), "{error}");
    }
    assert_eq!(host.requests().len(), before);
}

#[test]
fn a_custom_call_stays_below_the_api_and_finds_hidden_errors() {
    let host = host();
    expect_with_tenant(&host, "POST", "/tags")
        .query("a[0]", "1")
        .with_json(json!({"name": "hot"}))
        .reply(201)
        .json(json!({"id": TASK, "token": "x"}));
    let props =
        json!({"method": "POST", "path": "/api/tags", "query": {"a[0]": 1, "b": null}, "body": {"name": "hot"}});
    assert_eq!(run("custom_api_call", &props).unwrap(), json!({"status": 201, "body": {"id": TASK}}));

    let hidden = json!({"message": "boom"});
    expect(&host, "GET", "/tags").reply(200).json(&hidden);
    assert_eq!(run("custom_api_call", &json!({"path": "tags"})).unwrap_err().code(), "gauzy-failed");
    expect(&host, "GET", "/tags").reply(404).json(&hidden);
    let answer = run("custom_api_call", &json!({"path": "tags", "fail_on_error": false})).unwrap();
    assert_eq!(answer, json!({"status": 404, "body": hidden}));

    let before = host.requests().len();
    for path in ["", "/", "../admin", "a/%2e%2E/b", "https://evil.example.com/x", "tags?x=1", "a\\b"] {
        assert_eq!(
            run("custom_api_call", &json!({"path": path})).unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{path}"
        );
    }
    assert_eq!(host.requests().len(), before);
}
