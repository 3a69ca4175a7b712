//! The action by its name and its JSON, as the host calls it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use leno_metadata::{ConnectionValue, Metadata};
use leno_sdk::connection::Kind;
use leno_sdk::testing::FakeHost;
use leno_sdk::{ErrorKind, Result};
use piece_http::PIECE;
use serde_json::{Value, json};

const URL: &str = "https://api.example.com/items";

fn send(props: Value) -> Result<Value> {
    PIECE.run_action("send_request", &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn the_metadata_is_accepted_by_the_host() {
    let metadata = Metadata::parse(&PIECE.describe()).unwrap();
    assert_eq!(metadata.hosts(None).unwrap(), ["*"]);
    assert!(!metadata.actions["send_request"].require_auth);
}

#[test]
fn an_api_key_goes_into_the_header_or_the_query_that_the_connection_names() {
    let metadata = Metadata::parse(&PIECE.describe()).unwrap();
    let injected = |props: Value| {
        let value = ConnectionValue::new(json!({"type": "CUSTOM_AUTH", "props": props})).unwrap();
        let auth = metadata.auth_for(&value).unwrap().unwrap();
        assert_eq!(auth.hosts(&value).unwrap(), ["*"]);
        let injection = auth.credentials(&value).unwrap();
        let names = |pairs: &[(String, _)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        (names(&injection.headers), names(&injection.query))
    };
    assert_eq!(injected(json!({"api_key": "k", "header": "X-Api-Key"})), (vec!["X-Api-Key".into()], vec![]));
    assert_eq!(injected(json!({"api_key": "k", "query": "key"})), (vec![], vec!["key".into()]));
}

#[test]
fn a_plain_request_answers_status_headers_url_and_body() {
    let host = FakeHost::new();
    host.expect("GET", URL)
        .not_authorized()
        .reply(200)
        .header("Set-Cookie", "a=1")
        .header("set-cookie", "b=2")
        .json(json!({"id": 1}))
        .from_url("https://api.example.com/moved");
    let answer = send(json!({"url": URL})).unwrap();
    let headers = json!({"set-cookie": ["a=1", "b=2"], "content-type": "application/json"});
    let url = "https://api.example.com/moved";
    assert_eq!(answer, json!({"status": 200, "headers": headers, "url": url, "body": {"id": 1}}));
    let sent = &host.requests()[0];
    assert_eq!((sent.redirects, sent.timeout_ms), (10, None));
}

#[test]
fn the_query_is_encoded_and_lists_repeat_their_name() {
    let host = FakeHost::new();
    host.expect("GET", &format!("{URL}?q=a%20%26%20b&id=1&id=2#end")).reply(204);
    let query = json!({"q": "a & b", "id": [1, 2], "none": null});
    send(json!({"url": format!("{URL}#end"), "query": query, "headers": {"X-N": 5, "Accept": ["a", "b"]}})).unwrap();
    let sent = &host.requests()[0];
    assert_eq!(sent.header("x-n"), Some("5"));
    assert_eq!(sent.headers.iter().filter(|(name, _)| name == "Accept").count(), 2);
}

#[test]
fn every_kind_of_body_is_sent_with_its_content_type() {
    let host = FakeHost::new();
    for (props, content_type, body) in [
        (json!({"body_type": "json", "json": {"a": [1]}}), "application/json", "{\"a\":[1]}"),
        (
            json!({"body_type": "form", "form": {"a": "1 2", "b": [3, 4]}}),
            "application/x-www-form-urlencoded",
            "a=1%202&b=3&b=4",
        ),
        (json!({"body_type": "text", "text": "hi"}), "text/plain; charset=utf-8", "hi"),
        (json!({"body_type": "text", "text": "<a/>", "headers": {"Content-Type": "text/xml"}}), "text/xml", "<a/>"),
    ] {
        host.expect("POST", URL).header("content-type", content_type).with_body(body).reply(200);
        let mut props = props;
        props["url"] = URL.into();
        props["method"] = "POST".into();
        send(props).unwrap();
    }
}

#[test]
fn the_kind_of_a_body_is_that_of_the_only_property_with_something_in_it() {
    let host = FakeHost::new();
    let file = json!([{"name": "f", "file": {"filename": "a.png", "base64": "iVBO"}}]);
    for (props, content_type) in [
        (json!({"json": {"a": 1}}), Some("application/json")),
        (json!({"json": 0, "text": "", "form": {}, "files": []}), Some("application/json")),
        (json!({"form": {"a": 1}, "json": ""}), Some("application/x-www-form-urlencoded")),
        (json!({"text": "t"}), Some("text/plain; charset=utf-8")),
        (json!({"text": "t", "body_type": "none"}), None),
        (json!({}), None),
        (json!({"form": {"a": 1}, "files": file}), Some("multipart/form-data")),
    ] {
        host.expect("POST", URL).reply(200);
        let mut props = props;
        (props["url"], props["method"]) = (URL.into(), "POST".into());
        send(props.clone()).unwrap();
        let sent = host.requests().pop().unwrap();
        let found = sent.header("content-type").map(|value| value.split("; boundary").next().unwrap());
        assert_eq!((found, sent.body.is_empty()), (content_type, content_type.is_none()), "{props}");
    }
    let error = send(json!({"url": URL, "json": {"a": 1}, "text": "t"})).unwrap_err();
    let message = "body_type: is required, since both `json` and `text` have something in them";
    assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidInput, message));
}

#[test]
fn a_json_body_is_any_value_and_keeps_its_digits() {
    let host = FakeHost::new();
    for (given, sent) in [
        ("\"text\"", "\"text\""),
        ("\"\"", "\"\""),
        ("5", "5"),
        ("false", "false"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("[0.1234567890123456789,1e+400]", "[0.1234567890123456789,1e+400]"),
        ("\"{\\\"a\\\": 1.50}\"", "{\"a\":1.50}"),
        ("\"[1]\"", "[1]"),
        ("\"5\"", "\"5\""),
    ] {
        host.expect("PUT", URL).with_body(sent).reply(200).header("content-type", "application/json").bytes(sent);
        let props = format!("{{\"url\": \"{URL}\", \"method\": \"PUT\", \"body_type\": \"json\", \"json\": {given}}}");
        let answer = PIECE.run_action("send_request", &props).unwrap();
        assert!(answer.ends_with(&format!("\"body\":{sent}}}")), "{answer}");
    }
    let digits = "123456789012345678901234567890";
    host.expect("GET", &format!("{URL}?id={digits}")).with_body("").reply(200);
    let props = format!("{{\"url\": \"{URL}\", \"query\": {{\"id\": {digits}}}}}");
    PIECE.run_action("send_request", &props).unwrap();
}

#[test]
fn a_form_with_files_is_sent_with_its_own_boundary() {
    let host = FakeHost::new();
    host.expect("PUT", URL).reply(200);
    let file = json!({"filename": "a.png", "extension": "png", "base64": "iVBO"});
    send(json!({
        "url": URL, "method": "PUT", "body_type": "multipart", "form": {"title": "A"},
        "files": [{"name": "image", "file": file}], "headers": {"content-type": "multipart/form-data"},
    }))
    .unwrap();
    let sent = &host.requests()[0];
    let boundary = sent.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = sent.text();
    assert!(text.starts_with(&format!("--{boundary}\r\n")) && text.ends_with(&format!("--{boundary}--\r\n")), "{text}");
    assert!(text.contains("name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"), "{text}");
    assert!(text.contains("name=\"title\"\r\n\r\nA\r\n"), "{text}");
}

#[test]
fn a_body_that_is_asked_for_and_not_given_is_refused_before_anything_is_sent() {
    let host = FakeHost::new();
    for (kind, property) in [("json", "json"), ("form", "form"), ("text", "text")] {
        let error = send(json!({"url": URL, "body_type": kind})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().starts_with(&format!("{property}: is required")), "{error}");
    }
    assert!(host.requests().is_empty());
}

#[test]
fn a_connection_is_left_to_the_host() {
    let host = FakeHost::new();
    host.connect_sealed(Kind::SecretText, json!({}));
    host.expect("GET", URL).authorized().reply(200);
    send(json!({"url": URL})).unwrap();
    assert!(host.requests()[0].header("authorization").is_none());
}

#[test]
fn a_bad_status_fails_the_step_unless_it_may_not() {
    let host = FakeHost::new();
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthorized),
        (404, ErrorKind::NotFound),
        (429, ErrorKind::RateLimited),
        (503, ErrorKind::Unavailable),
    ] {
        host.expect("GET", URL).reply(status).header("Retry-After", "7").text("no");
        let error = send(json!({"url": URL})).unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, format!("http-{status}").as_str()));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
    host.expect("GET", URL).reply(404).text("no");
    assert_eq!(send(json!({"url": URL, "fail_on_status": false})).unwrap()["status"], 404);
    let long = json!({"errors": vec!["too long"; 1_000]});
    host.expect("GET", URL).reply(422).json(&long);
    let error = send(json!({"url": URL})).unwrap_err();
    assert_eq!(error.details().unwrap(), json!({"status": 422, "body": long}));
    assert!(error.message().len() < 500);
}

#[test]
fn the_answer_is_read_by_its_content_type_or_as_asked() {
    let host = FakeHost::new();
    let body = |content_type: &str, bytes: &[u8], read_as: &str| {
        host.expect("GET", URL).reply(200).header("content-type", content_type).bytes(bytes);
        send(json!({"url": URL, "response_type": read_as})).map(|answer| answer["body"].clone())
    };
    assert_eq!(body("application/problem+json; charset=utf-8", b"[1]", "auto").unwrap(), json!([1]));
    assert_eq!(body("application/json", b"<html>", "auto").unwrap(), "<html>");
    assert_eq!(body("text/csv", b"a,b", "auto").unwrap(), "a,b");
    assert_eq!(body("", b"plain", "auto").unwrap(), "plain");
    assert_eq!(body("image/png", b"PNG", "auto").unwrap(), "UE5H");
    assert_eq!(body("image/svg+xml", b"<svg/>", "auto").unwrap(), "<svg/>");
    assert_eq!(body("text/plain", b"\xff", "auto").unwrap(), "/w==");
    assert_eq!(body("text/json", b"[1]", "auto").unwrap(), json!([1]));
    assert_eq!(body("application/json", b"\xef\xbb\xbf[1]", "auto").unwrap(), json!([1]));
    assert_eq!(body("", b"\xef\xbb\xbf[1]", "json").unwrap(), json!([1]));
    assert_eq!(body("text/csv", b"\xef\xbb\xbfa", "auto").unwrap(), "a");
    assert_eq!(body("application/json", b"\xfe\xff\0[\0\"\0\xe9\0\"\0]", "auto").unwrap(), json!(["é"]));
    assert_eq!(body("application/json", b"[\"\\ud800\"]", "auto").unwrap(), "[\"\\ud800\"]");
    for charset in ["iso-8859-1", "windows-1252"] {
        let content_type = format!("text/html; charset={charset}");
        for read_as in ["auto", "text"] {
            assert_eq!(body(&content_type, b"caf\xe9 \xc2\xa9", read_as).unwrap(), "café Â©");
        }
    }
    assert_eq!(body("text/plain", b"", "auto").unwrap(), Value::Null);
    for (content_type, bytes) in [("", &b""[..]), ("application/json", b" \n"), ("", b"\xef\xbb\xbf")] {
        assert_eq!(body(content_type, bytes, "json").unwrap(), Value::Null);
    }
    assert_eq!(body("application/json", b" ", "auto").unwrap(), Value::Null);
    assert_eq!(body("text/plain", b" ", "auto").unwrap(), " ");
    assert_eq!(body("text/plain", b"\xff", "text").unwrap_err().code(), "http-decode");
    assert_eq!(body("text/plain", b"[1]", "json").unwrap(), json!([1]));
    assert_eq!(body("application/json", b"[1]", "text").unwrap(), "[1]");
    assert_eq!(body("application/json", b"[1]", "base64").unwrap(), "WzFd");
    let error = body("text/plain", b"{\"a\":", "json").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http-decode"));
}

#[test]
fn limits_are_passed_on_and_checked() {
    let host = FakeHost::new();
    host.expect("GET", URL).reply(302);
    send(json!({"url": URL, "timeout": 5, "follow_redirects": false})).unwrap();
    let sent = &host.requests()[0];
    assert_eq!((sent.redirects, sent.timeout_ms), (0, Some(5000)));
    let error = send(json!({"timeout": 601, "method": "FETCH"})).unwrap_err();
    for part in ["url: is required", "timeout: 601 is above the maximum of 600", "method: expected one of \"GET\""] {
        assert!(error.message().contains(part), "{error}");
    }
}
