//! The built-in piece `http`, in the sandbox: requests, responses, and refusals.

mod support;

use leno_test::{
    ErrorKind, Fault, Grant, Host, Limits, Piece, Run, delete, get, head, json, patch, post, put, reply, request, text,
};
use serde_json::{Value, json};
use support::{piece, piece_with};

const URL: &str = "https://api.example.test/v1/things";
const SECRET: &str = "s3cret/with+odd chars";

async fn send(piece: &Piece, host: &Host, props: Value) -> Run {
    piece.action("send_request").props(props).run(host).await
}

/// A connection of each type, with what it adds to a request.
fn connections() -> Vec<(Value, &'static str, String)> {
    let bearer = format!("Bearer {SECRET}");
    // base64 of `me:s3cret/with+odd chars`
    let basic = "Basic bWU6czNjcmV0L3dpdGgrb2RkIGNoYXJz".to_owned();
    let custom = json!({"api_key": SECRET, "header": "X-Api-Key", "prefix": "Token "});
    vec![
        (json!({"type": "SECRET_TEXT", "secret_text": SECRET}), "authorization", bearer),
        (json!({"type": "BASIC_AUTH", "username": "me", "password": SECRET}), "authorization", basic),
        (json!({"type": "CUSTOM_AUTH", "props": custom}), "x-api-key", format!("Token {SECRET}")),
    ]
}

/// No form of the secret is anywhere in what a run left behind.
fn assert_clean(run: &Run) {
    let seen = format!("{run:#?} {:?} {:?} {:?} {:?}", run.result(), run.logs(), run.host_calls(), run.denied());
    for form in [SECRET, "s3cret%2Fwith%2Bodd+chars", "s3cret%2Fwith%2Bodd%20chars", "bWU6czNjcmV0L3dpdGgrb2RkIGNoYXJz"]
    {
        assert!(!seen.contains(form), "`{form}` is in {seen}");
    }
    assert!(!run.has_revealed());
}

#[tokio::test]
async fn each_method_goes_out_as_it_is() {
    let (piece, host) = (piece("http").await, Host::new());
    for (method, expected) in [
        ("GET", get(URL)),
        ("POST", post(URL)),
        ("PUT", put(URL)),
        ("PATCH", patch(URL)),
        ("DELETE", delete(URL)),
        ("HEAD", head(URL)),
        ("OPTIONS", request("OPTIONS", URL)),
    ] {
        host.http().expect(expected).respond(reply(204).header("x-left", "7"));
        let run = send(&piece, &host, json!({"method": method, "url": URL})).await;
        let expected = json!({"status": 204, "headers": {"x-left": "7"}, "url": URL, "body": null});
        assert_eq!(*run.output(), expected, "{method}");
    }
}

#[tokio::test]
async fn query_headers_and_json_body_reach_the_service() {
    let (piece, host) = (piece("http").await, Host::new());
    host.http()
        .expect(
            post("https://api.example.test/v1/things?page=1&tag=a&tag=b+c&city=K%C3%B6ln")
                .header("X-Note", "7")
                .header("content-type", "application/json")
                .without_header("authorization")
                .not_authorized()
                .json(json!({"a": [1, null]})),
        )
        .respond(json(201, json!({"id": 7})));
    let props = json!({
        "method": "POST", "url": format!("{URL}?page=1"), "headers": {"X-Note": 7},
        "query": {"tag": ["a", "b c"], "city": "Köln"}, "body_type": "json", "json": {"a": [1, null]},
    });
    let run = send(&piece, &host, props).await;
    assert_eq!(run.output()["body"], json!({"id": 7}));
    assert_eq!(run.output()["status"], 201);
    let usage = run.usage();
    assert!(usage.http_requests == 1 && usage.bytes_out > 20 && usage.bytes_in > 8, "{usage:?}");
}

#[tokio::test]
async fn a_form_with_a_file_that_the_step_names_by_url_is_sent_as_multipart() {
    let (piece, host) = (piece("http").await, Host::new());
    host.http().expect(get("https://files.example.test/a.png")).respond(reply(200).body("PNG!"));
    host.http()
        .expect(post(URL).that("it is a form with the file", |sent| {
            let kind = sent.header("content-type").unwrap_or_default();
            kind.starts_with("multipart/form-data; boundary=")
                && ["name=\"note\"", "hello", "filename=\"a.png\"", "image/png", "PNG!"]
                    .iter()
                    .all(|part| sent.text().contains(part))
        }))
        .respond(reply(200));
    let props = json!({
        "method": "POST", "url": URL, "body_type": "multipart", "form": {"note": "hello"},
        "files": [{"name": "picture", "file": "https://files.example.test/a.png"}],
    });
    assert_eq!(send(&piece, &host, props).await.output()["status"], 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_a_problem_of_its_prop() {
    let (piece, host) = (piece("http").await, Host::new());
    host.http().expect(get("https://files.example.test/a.png")).respond(reply(404));
    let files = json!([{"name": "picture", "file": "https://files.example.test/a.png"}]);
    let run =
        send(&piece, &host, json!({"method": "POST", "url": URL, "body_type": "multipart", "files": files})).await;
    assert_eq!(run.error().code, "invalid_props");
    assert_eq!(run.error().problems[0].path, "/input/files/0/file");
    assert!(run.error().message.contains("status 404"), "{}", run.error());
}

#[tokio::test]
async fn the_answer_is_read_by_its_content_type_or_as_asked() {
    let (piece, host) = (piece("http").await, Host::new());
    host.http()
        .allow(get(URL))
        .respond(reply(200).header("content-type", "application/octet-stream").body([0, 255].as_slice()));
    assert_eq!(send(&piece, &host, json!({"url": URL})).await.output()["body"], "AP8=");
    let refused = send(&piece, &host, json!({"url": URL, "response_type": "json"})).await;
    assert!(refused.result().is_err());
}

#[tokio::test]
async fn the_credentials_of_each_type_of_connection_are_added_outside_of_the_piece() {
    let piece = piece("http").await;
    for (connection, name, value) in connections() {
        let host = Host::new();
        host.connection(connection);
        host.http().expect(get(URL).authorized().header(name, value)).respond(json(200, json!({"ok": true})));
        let run = send(&piece, &host, json!({"url": URL})).await;
        assert_eq!(run.output()["body"], json!({"ok": true}));
        assert_clean(&run);
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_not_in_the_url_that_the_piece_sees() {
    let (piece, host) = (piece("http").await, Host::new());
    host.connection(json!({"type": "CUSTOM_AUTH", "props": {"api_key": SECRET, "query": "api_key"}}));
    host.http().expect(get(URL).query("api_key", SECRET).query("a", "b")).respond(reply(204));
    let run = send(&piece, &host, json!({"url": URL, "query": {"a": "b", "api_key": "mine"}})).await;
    assert!(!run.output()["url"].as_str().unwrap().contains("s3cret"));
    assert_clean(&run);
}

#[tokio::test]
async fn a_service_that_repeats_the_credentials_does_not_give_them_to_the_flow() {
    let piece = piece("http").await;
    for status in [200, 401] {
        for (connection, name, value) in connections() {
            let host = Host::new();
            host.connection(connection);
            let echo = json(status, json!({"you sent": value, "in": [SECRET]})).header("x-echo", &value);
            host.http().expect(get(URL).header(name, &value)).respond(echo);
            let run = send(&piece, &host, json!({"url": URL})).await;
            assert_eq!(run.result().is_ok(), status == 200);
            assert_clean(&run);
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_leaves_the_credentials_behind() {
    let piece = piece("http").await;
    for (connection, name, value) in connections() {
        let host = Host::new();
        host.connection(connection);
        host.http()
            .expect(get(URL).header(name, value))
            .respond(reply(302).header("location", "https://cdn.example.test/x"));
        host.http()
            .expect(get("https://cdn.example.test/x").not_authorized().without_header(name))
            .respond(text(200, "there"));
        let run = send(&piece, &host, json!({"url": URL})).await;
        assert_eq!(run.output()["body"], "there");
        assert_eq!(run.output()["url"], "https://cdn.example.test/x");
        assert_clean(&run);
    }
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_asked_and_not_forever() {
    let (piece, host) = (piece("http").await, Host::new());
    host.http().allow(get(URL)).respond(reply(302).header("location", "/v1/things"));
    let run = send(&piece, &host, json!({"url": URL})).await;
    assert_eq!((run.error().code.as_str(), run.error().kind), ("too-many-redirects", ErrorKind::Unavailable));
    let run = send(&piece, &host, json!({"url": URL, "follow_redirects": false})).await;
    assert_eq!(run.output()["status"], 302);
}

#[tokio::test]
async fn what_is_not_public_is_out_of_reach_directly_and_by_redirect() {
    let (piece, host) = (piece("http").await, Host::new());
    for url in [
        "http://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.5/",
        "https://169.254.169.254/latest",
        "http://example.test/",
    ] {
        let run = send(&piece, &host, json!({"url": url})).await;
        assert_eq!((run.error().code.as_str(), run.error().kind), ("egress-denied", ErrorKind::Denied), "{url}");
        assert_eq!(run.denied().len(), 1, "{run:?}");
    }
    host.http().expect(get(URL)).respond(reply(302).header("location", "https://169.254.169.254/latest"));
    let run = send(&piece, &host, json!({"url": URL})).await;
    assert_eq!(run.error().code, "egress-denied");
    assert_eq!(host.http().requests().len(), 1);
}

#[tokio::test]
async fn an_operator_narrows_and_widens_where_the_piece_may_go() {
    let grant = Grant {
        hosts: Some(vec!["10.0.0.5".parse().unwrap(), "api.example.test".parse().unwrap()]),
        private: vec!["10.0.0.5:8080".parse().unwrap()],
        ..Grant::default()
    };
    let (piece, host) = (piece_with("http", grant).await, Host::new());
    host.http().expect(get("http://10.0.0.5:8080/")).respond(reply(200));
    assert_eq!(send(&piece, &host, json!({"url": "http://10.0.0.5:8080/"})).await.output()["status"], 200);
    let run = send(&piece, &host, json!({"url": "https://other.example.test/"})).await;
    assert_eq!(run.error().code, "egress-denied");
    assert!(run.error().message.contains("operator"), "{}", run.error());
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_clear() {
    let grant = Grant { private: vec!["10.0.0.5".parse().unwrap()], ..Grant::default() };
    let (piece, host) = (piece_with("http", grant).await, Host::new());
    host.connection(json!({"type": "SECRET_TEXT", "secret_text": SECRET}));
    host.http().expect(get("http://10.0.0.5/").authorized()).respond(reply(200));
    assert_eq!(send(&piece, &host, json!({"url": "http://10.0.0.5/"})).await.output()["status"], 200);
    let run = send(&piece, &host, json!({"url": "http://93.184.215.14/"})).await;
    assert_eq!(run.error().code, "egress-denied");
    assert_clean(&run);
}

#[tokio::test]
async fn statuses_and_outages_become_errors_of_their_kind() {
    let (piece, host) = (piece("http").await, Host::new());
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthorized),
        (404, ErrorKind::NotFound),
        (429, ErrorKind::RateLimited),
        (503, ErrorKind::Unavailable),
    ] {
        host.http().expect(get(URL)).respond(text(status, "no").header("retry-after", "3"));
        let run = send(&piece, &host, json!({"url": URL})).await;
        assert_eq!(run.error().kind, kind, "{status}: {}", run.error());
        host.http().expect(get(URL)).respond(text(status, "no"));
        let run = send(&piece, &host, json!({"url": URL, "fail_on_status": false})).await;
        assert_eq!(run.output()["status"], status);
    }
    for (fault, code, kind) in [
        (Fault::Timeout, "timeout", ErrorKind::Timeout),
        (Fault::Unavailable, "unavailable", ErrorKind::Unavailable),
        (Fault::Dns, "dns-failed", ErrorKind::Unavailable),
        (Fault::Tls, "tls-failed", ErrorKind::Unavailable),
    ] {
        host.http().expect(get(URL)).fail(fault);
        let run = send(&piece, &host, json!({"url": URL})).await;
        assert_eq!((run.error().code.as_str(), run.error().kind), (code, kind));
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_cut_off() {
    let limits = Limits { http_response_body: 1000, ..Limits::default() };
    let (piece, host) = (piece_with("http", Grant { limits, ..Grant::default() }).await, Host::new());
    host.http()
        .allow(get(URL))
        .respond_with(|sent| reply(200).body("x".repeat(sent.query("n").unwrap().parse().unwrap())));
    assert_eq!(send(&piece, &host, json!({"url": format!("{URL}?n=1000")})).await.output()["status"], 200);
    let run = send(&piece, &host, json!({"url": format!("{URL}?n=1001")})).await;
    assert_eq!(run.error().code, "response-too-large");
}

#[tokio::test]
async fn headers_that_frame_the_message_are_refused() {
    let (piece, host) = (piece("http").await, Host::new());
    for (name, value) in [("Host", "evil.test"), ("Content-Length", "0"), ("X-A", "a\r\nX-B: b"), ("Bad Name", "x")] {
        let run = send(&piece, &host, json!({"url": URL, "headers": {name: value}})).await;
        assert_eq!(
            (run.error().code.as_str(), run.error().kind),
            ("invalid-request", ErrorKind::InvalidInput),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_metadata_is_valid() {
    piece("http").await.assert_metadata_valid().await;
}
