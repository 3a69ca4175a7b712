//! The actions by their names and JSON, as the host calls them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use leno_metadata::{ConnectionValue, Metadata};
use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;
use piece_forgejo::PIECE;
use support::{ISSUES, host, issue};

const REPOSITORIES: &str = "https://git.example.com/api/v1/user/repos";
const LABELS: &str = "https://git.example.com/api/v1/repos/ada/engine/labels";
const NEW: &str = "2026-01-01T10:00:00Z";

fn run(action: &str, props: &Value) -> Result<Value> {
    PIECE.run_action(action, &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

fn options(action: &str, property: &str, props: &Value, search: Option<&str>) -> Value {
    serde_json::from_str(&PIECE.resolve(action, property, &props.to_string(), search).unwrap()).unwrap()
}

fn repository(name: &str) -> Value {
    json!({
        "id": 5, "full_name": name, "description": "", "private": true, "archived": false, "fork": false,
        "html_url": format!("https://git.example.com/{name}"), "default_branch": "main", "open_issues_count": 2,
        "updated_at": NEW,
    })
}

#[test]
fn the_host_accepts_the_metadata_and_sends_the_token_to_the_connections_server_only() {
    let metadata = Metadata::parse(&PIECE.describe()).unwrap();
    let props = json!({"baseUrl": "https://git.example.com:3000/forge", "accessToken": "s3cret"});
    let value = ConnectionValue::new(json!({"type": "CUSTOM_AUTH", "props": props})).unwrap();
    let auth = metadata.auth_for(&value).unwrap().unwrap();
    assert_eq!(metadata.hosts(Some(&value)).unwrap(), ["git.example.com:3000"]);
    assert_eq!(auth.hosts(&value).unwrap(), ["git.example.com:3000"]);
    let names: Vec<String> = auth.credentials(&value).unwrap().headers.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Authorization"]);
    assert_eq!(value.settings(auth), json!({"baseUrl": "https://git.example.com:3000/forge"}));
}

#[test]
fn a_server_may_have_a_path_and_its_address_no_scheme() {
    for (base, url) in [
        ("https://example.com/forge/", "https://example.com/forge/api/v1/user"),
        (" git.example.com:3000 ", "https://git.example.com:3000/api/v1/user"),
        ("http://10.0.0.5:3000", "http://10.0.0.5:3000/api/v1/user"),
    ] {
        let host = FakeHost::new();
        host.connect_sealed(Kind::CustomAuth, json!({"baseUrl": base}));
        host.expect("GET", url).authorized().reply(200).json(json!({"login": "ada"}));
        PIECE.validate().unwrap();
    }
}

#[test]
fn a_page_of_repositories_says_how_many_there_are_and_whether_another_follows() {
    let host = host();
    host.expect("GET", REPOSITORIES)
        .query("page", "2")
        .query("limit", "1")
        .authorized()
        .reply(200)
        .header("X-Total-Count", "3")
        .header(
            "Link",
            r#"<https://git.example.com/x?page=3>; rel="next",<https://git.example.com/x?page=3>; rel="last""#,
        )
        .json([repository("ada/engine")]);
    let list = run("list_repositories", &json!({"page": 2, "limit": 1})).unwrap();
    assert_eq!((&list["items"][0]["full_name"], &list["total"]), (&json!("ada/engine"), &json!(3)));
    assert_eq!(list["next_page"], 3);

    host.expect("GET", REPOSITORIES)
        .reply(200)
        .header("link", r#"<https://git.example.com/x?page=1>; rel="first""#)
        .json(json!([]));
    assert_eq!(run("list_repositories", &json!({})).unwrap()["next_page"], Value::Null);
}

#[test]
fn issues_are_filtered_as_asked() {
    let host = host();
    host.expect("GET", ISSUES)
        .query("type", "issues")
        .query("state", "all")
        .query("labels", "bug,needs info")
        .query("q", "a & b")
        .reply(200)
        .json([issue(7, NEW)]);
    let props = json!({
        "repository": "ada/engine", "state": "all", "labels": ["bug", "needs info"], "search": "a & b",
    });
    assert_eq!(run("list_issues", &props).unwrap()["items"][0]["number"], 7);
    host.expect("GET", &format!("{ISSUES}?type=issues&state=open&page=1&limit=50")).reply(200).json(json!([]));
    run("list_issues", &json!({"repository": "ada/engine"})).unwrap();
}

#[test]
fn an_issue_is_created_with_its_labels() {
    let host = host();
    let body = json!({"title": "It hurts", "body": "When I do this.", "labels": [3], "assignees": ["ada"]});
    host.expect("POST", ISSUES).authorized().with_json(body.clone()).reply(201).json(issue(7, NEW));
    let mut props = body;
    props["repository"] = "ada/engine".into();
    let created = run("create_issue", &props).unwrap();
    assert_eq!((&created["number"], &created["user"]["login"]), (&json!(7), &json!("ada")));
}

#[test]
fn a_retry_returns_what_the_first_attempt_created() {
    let host = host();
    let props = json!({"repository": "ada/engine", "title": "It hurts"});
    host.expect("POST", ISSUES).reply(201).json(issue(7, NEW));
    let first = run("create_issue", &props).unwrap();
    host.set_attempt(2);
    assert_eq!(run("create_issue", &props).unwrap(), first);
    assert_eq!(host.requests().len(), 1);

    // Another request under the same key is another thing.
    host.expect("POST", ISSUES).reply(201).json(issue(8, NEW));
    let other = json!({"repository": "ada/engine", "title": "It still hurts"});
    assert_eq!(run("create_issue", &other).unwrap()["number"], 8);
    // A day later the result is gone.
    host.advance(Duration::from_secs(24 * 60 * 60));
    host.expect("POST", ISSUES).reply(201).json(issue(9, NEW));
    assert_eq!(run("create_issue", &props).unwrap()["number"], 9);
}

#[test]
fn an_attempt_that_failed_is_repeated() {
    let host = host();
    let props = json!({"repository": "ada/engine", "issue": 7, "body": "Me too."});
    let comments = format!("{ISSUES}/7/comments");
    host.expect("POST", &comments).reply(503).text("down");
    assert_eq!(run("add_comment", &props).unwrap_err().kind(), ErrorKind::Unavailable);
    let comment = json!({
        "id": 90, "html_url": "https://git.example.com/ada/engine/issues/7#issuecomment-90",
        "user": {"id": 1, "login": "ada"}, "body": "Me too.", "created_at": NEW, "updated_at": NEW,
    });
    host.expect("POST", &comments).with_json(json!({"body": "Me too."})).reply(201).json(comment);
    assert_eq!(run("add_comment", &props).unwrap()["id"], 90);
}

#[test]
fn nothing_is_created_while_the_store_cannot_tell_what_was() {
    let host = host();
    host.break_store(Error::unavailable("store-unavailable", "the store is out of order"));
    let error = run("create_issue", &json!({"repository": "ada/engine", "title": "A"})).unwrap_err();
    assert_eq!(error.code(), "store-unavailable");
    assert!(host.requests().is_empty());
}

#[test]
fn the_servers_own_message_is_the_error() {
    let host = host();
    for (status, kind, said) in [
        (401, ErrorKind::Unauthorized, "user does not exist [uid: 0, name: ]"),
        (404, ErrorKind::NotFound, "The target couldn't be found."),
        (422, ErrorKind::InvalidInput, "[Title]: Required"),
    ] {
        let body = json!({"message": said, "url": "https://git.example.com/api/swagger"});
        host.expect("GET", ISSUES).reply(status).json(body);
        let error = run("list_issues", &json!({"repository": "ada/engine"})).unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, format!("http-{status}").as_str()));
        assert_eq!(error.message(), format!("{ISSUES} responded with status {status}: {said}"));
    }
    host.expect("GET", ISSUES).reply(429).header("Retry-After", "7").text("slow down");
    let error = run("list_issues", &json!({"repository": "ada/engine"})).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
    assert!(error.message().ends_with("429: slow down"), "{error}");
}

#[test]
fn what_is_no_repository_is_refused_before_anything_is_sent() {
    let host = host();
    for name in ["engine", "", "/", "ada/", "a/b/c", "../user", "ada/.."] {
        let error = run("list_issues", &json!({"repository": name})).unwrap_err();
        assert_eq!(error.message(), format!("repository: `{name}` is not a repository; write OWNER/NAME"));
    }
    let error = run("create_issue", &json!({"repository": "ada/engine", "title": " "})).unwrap_err();
    assert_eq!(error.message(), "title: must not be empty");
    assert!(host.requests().is_empty());
}

#[test]
fn repositories_are_those_of_the_user_until_the_user_searches() {
    let host = host();
    host.expect("GET", REPOSITORIES).reply(200).json([repository("ada/engine")]);
    let expected = json!([{"label": "ada/engine", "value": "ada/engine"}]);
    assert_eq!(options("create_issue", "repository", &json!({}), None)["options"], expected);

    host.expect("GET", "https://git.example.com/api/v1/repos/search")
        .query("q", "loom")
        .reply(200)
        .json(json!({"ok": true, "data": [repository("charles/loom")]}));
    let found = options("create_issue", "repository", &json!({}), Some("loom"));
    assert_eq!(found["options"][0]["value"], "charles/loom");
}

#[test]
fn labels_and_issues_are_those_of_the_chosen_repository() {
    let host = host();
    for (action, property) in [("create_issue", "labels"), ("list_issues", "labels"), ("add_comment", "issue")] {
        let nothing = options(action, property, &json!({}), None);
        assert_eq!(
            (&nothing["disabled"], &nothing["placeholder"]),
            (&json!(true), &json!("Choose a repository first"))
        );
    }
    let chosen = json!({"repository": "ada/engine"});
    for (action, values) in [("create_issue", json!([3, 4])), ("list_issues", json!(["bug", "wish"]))] {
        host.expect("GET", LABELS)
            .query("page", "1")
            .reply(200)
            .header("link", r#"<https://git.example.com/x?page=2>; rel="next""#)
            .json(json!([{"id": 3, "name": "bug", "color": "ee0701"}]));
        host.expect("GET", LABELS).query("page", "2").reply(200).json(json!([{"id": 4, "name": "wish"}]));
        let labels = options(action, "labels", &chosen, None);
        assert_eq!(labels["options"][0]["label"], "bug");
        assert_eq!(json!([labels["options"][0]["value"], labels["options"][1]["value"]]), values);
    }
    host.expect("GET", ISSUES).query("q", "hurts").reply(200).json([issue(7, NEW)]);
    let issues = options("add_comment", "issue", &chosen, Some("hurts"));
    assert_eq!(issues["options"], json!([{"label": "#7 Issue 7", "value": 7}]));
}
