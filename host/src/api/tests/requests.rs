//! Requests that cannot work get a 4xx that says what to do, and never a 5xx.

use proptest::prelude::*;

use super::*;

const OPTIONS: &str = "/api/pieces/options";

#[tokio::test]
async fn an_unknown_address_or_method_is_a_problem_too() {
    let host = Host::empty().await;
    for path in ["/", "/api", "/api/", "/api/pieces/", "/api/pieces/a/b/c", "/nothing/here", "/%ff"] {
        let problem = host.get(path).await.refused(404, "no_route");
        assert!(problem.detail().contains("/api/openapi.json"), "{}", problem.text);
    }
    for (method, path, allow) in [
        ("DELETE", "/api/pieces", "GET,HEAD"),
        ("GET", ECHO, "POST"),
        ("GET", OPTIONS, "POST"),
        ("PATCH", "/api/admin/pieces", "GET,HEAD,POST"),
        ("POST", "/healthz", "GET,HEAD"),
        ("OPTIONS", "/api/pieces", "GET,HEAD"),
    ] {
        let answer = host.send(request(method, path).body(Body::empty()).unwrap()).await;
        let answer = answer.refused(405, "method_not_allowed");
        let mut allowed: Vec<&str> = answer.headers["allow"].to_str().unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where_it_breaks() {
    let host = Host::empty().await;
    for path in [ECHO, OPTIONS] {
        for (body, words) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("{\"input\": {},}", "line 1 column 14"),
            ("{\n\"input\": x\n}", "line 2 column 10"),
            ("{\"input\": {}} x", "trailing characters"),
            ("{\"input\": \"\u{7}\"}", "control character"),
            ("not json", "line 1 column 2"),
        ] {
            let problem = host.post(path, body).await.refused(400, "malformed_json");
            assert!(problem.detail().contains(words), "{body:?}: {}", problem.text);
        }
        host.post(path, Body::from(vec![0xff, 0xfe, b'{'])).await.refused(400, "malformed_json");
        let deep = format!("{{\"input\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let problem = host.post(path, deep).await.refused(400, "malformed_json");
        assert!(problem.detail().contains("recursion limit"), "{}", problem.text);
        for not_an_object in ["[]", "1", "null", "\"x\""] {
            let problem = host.post(path, not_an_object).await.refused(400, "invalid_request");
            assert!(problem.detail().contains("send an object"), "{}", problem.text);
        }
    }
}

#[tokio::test]
async fn every_wrong_member_is_listed_at_once_and_no_value_is_quoted() {
    let host = Host::empty().await;
    let body = json!({
        "input": 5, "version": 1, "timeoutMs": "soon", "idempotencyKey": [], "auth": {}, "a/b": "s3cr3t", "connection": "s3cr3t",
    });
    let problem = host.json(ECHO, &body).await.refused(400, "invalid_request");
    let mut paths = problem.paths();
    paths.sort_unstable();
    assert_eq!(paths, ["/auth", "/a~1b", "/connection", "/idempotencyKey", "/input", "/timeoutMs", "/version"]);
    assert!(!problem.text.contains("s3cr3t"), "{}", problem.text);
    assert!(problem.detail().contains("known members: input, version"), "{}", problem.text);

    let problem = host.json(ECHO, &json!({})).await.refused(400, "invalid_request");
    assert_eq!(problem.paths(), ["/input"]);
    assert!(problem.detail().contains("is missing"), "{}", problem.text);
    let problem = host.json(OPTIONS, &json!({"input": {}})).await.refused(400, "invalid_request");
    assert_eq!(problem.paths(), ["/pieceName", "/actionName", "/propertyName"]);
    let problem = host.post(ECHO, "{\"input\": {}, \"input\": {}}").await.refused(400, "invalid_request");
    assert!(problem.detail().contains("duplicate field `input`"), "{}", problem.text);
}

#[tokio::test]
async fn every_wrong_value_is_listed_at_once() {
    let host = Host::empty().await;
    let body = json!({"input": {}, "version": "latest", "timeoutMs": 0, "idempotencyKey": ""});
    let problem = host.json(ECHO, &body).await.refused(400, "invalid_request");
    assert_eq!(problem.paths(), ["/timeoutMs", "/idempotencyKey", "/version"]);
    for (member, value) in [
        ("timeoutMs", json!(600_001)),
        ("timeoutMs", json!(-1)),
        ("timeoutMs", json!(1.5)),
        ("idempotencyKey", json!("x".repeat(256))),
        ("idempotencyKey", json!("a\nb")),
        ("version", json!(">=1.0.0")),
        ("input", json!([])),
        ("input", json!(null)),
    ] {
        let mut body = json!({"input": {}});
        body[member] = value;
        let problem = host.json(ECHO, &body).await.refused(400, "invalid_request");
        assert_eq!(problem.paths(), [format!("/{member}")], "{body}");
    }
    let body = json!({"pieceName": "No Such", "actionName": "a", "propertyName": "p", "pieceVersion": "x"});
    assert_eq!(host.json(OPTIONS, &body).await.paths(), ["/pieceName", "/pieceVersion"]);
}

#[tokio::test]
async fn a_body_of_another_type_or_size_is_refused_before_it_is_read() {
    let host = Host::empty().await;
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = request("POST", ECHO).header("authorization", format!("Bearer {}", host.token));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = host.send(request.body("{\"input\": {}}".into()).unwrap()).await;
        assert_eq!(answer.refused(415, "wrong_content_type").headers["accept"], "application/json");
    }
    let large = format!("{{\"input\": {{\"x\": \"{}\"}}}}", "x".repeat(MAX_BODY));
    let problem = host.post(ECHO, large.clone()).await.refused(413, "budget_exceeded");
    assert!(problem.detail().contains(&MAX_BODY.to_string()), "{}", problem.text);
    // The same without a length in front, in pieces.
    let chunks: Vec<Result<_, std::io::Error>> =
        large.into_bytes().chunks(9_999).map(|chunk| Ok(chunk.to_vec())).collect();
    let streamed = Body::from_stream(futures_util::stream::iter(chunks));
    host.post(ECHO, streamed).await.refused(413, "budget_exceeded");
    let broken = Body::from_stream(futures_util::stream::iter([Ok("{\"inp"), Err(std::io::Error::other("gone"))]));
    host.post(ECHO, broken).await.refused(400, "body_incomplete");
    // A body with a false length is refused by the length it states.
    let lying = request("POST", ECHO)
        .header("authorization", format!("Bearer {}", host.token))
        .header("content-type", "application/json")
        .header("content-length", "99999999999");
    host.send(lying.body("{}".into()).unwrap()).await.refused(413, "budget_exceeded");
}

#[tokio::test]
async fn a_connection_is_never_ignored() {
    let host = Host::empty().await;
    let at = |member: &str, value: Value| {
        let mut body = json!({"input": {}});
        body[member] = value;
        body
    };
    for body in [
        at("connectionExternalId", json!("mine")),
        at("auth", json!("{{connections['mine']}}")),
        json!({"input": {"auth": "{{connections['mine']}}"}}),
        json!({"input": {}, "connectionExternalId": "mine", "auth": "{{connections[\"mine\"]}}"}),
    ] {
        host.json(ECHO, &body).await.refused(404, "connection_not_found");
    }
    for (body, paths) in [
        (at("auth", json!("mine")), vec!["/auth"]),
        (at("auth", json!("{{ connections['mine'] }}")), vec!["/auth"]),
        (json!({"input": {"auth": "{{steps.a}}"}}), vec!["/input/auth"]),
        (json!({"input": {"auth": {"secret_text": "s3cr3t"}}}), vec!["/input/auth"]),
        (at("connectionExternalId", json!("")), vec!["/connectionExternalId"]),
        (json!({"input": {}, "connectionExternalId": "a", "auth": "{{connections['b']}}"}), vec!["/auth"]),
        (json!({"input": {}, "connectionExternalId": "a", "connection": {"type": "SECRET_TEXT"}}), vec!["/connection"]),
        (at("connection", json!({"secret_text": "s3cr3t"})), vec!["/connection/type"]),
    ] {
        let problem = host.json(ECHO, &body).await.refused(400, "invalid_request");
        assert_eq!(problem.paths(), paths, "{body}");
        assert!(!problem.text.contains("s3cr3t"), "{}", problem.text);
    }
}

#[tokio::test]
async fn a_raw_connection_value_is_refused_in_production() {
    let host = Host::new(Setup { production: true, ..Setup::default() }).await;
    let value = json!({"type": "SECRET_TEXT", "secret_text": "s3cr3t"});
    let problem =
        host.json(ECHO, &json!({"input": {}, "connection": value})).await.refused(400, "connection_in_production");
    assert!(!problem.text.contains("s3cr3t"));
}

/// Any JSON, now and then with names that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("input"),
        Just("version"),
        Just("auth"),
        Just("timeoutMs"),
        Just("connection"),
        Just("type"),
        Just("value"),
        Just("pieceName"),
        Just("actionName"),
        Just("propertyName"),
        Just("text"),
        Just("echo"),
        Just("OAUTH2"),
        Just("{{connections['a']}}"),
        Just("^1.0.0"),
        Just("\u{0}"),
        Just("é\u{202e}"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let key = prop_oneof![3 => word.clone().prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every response to random requests is declared in the document and never a 5xx.
#[test]
fn no_body_makes_the_host_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let host = runtime.block_on(Host::with_piece());
    let body = prop_oneof![
        4 => any_json().prop_map(|value| value.to_string().into_bytes()),
        2 => (any_json(), any_json()).prop_map(|(input, other)| {
            json!({"input": {"value": input}, "idempotencyKey": other}).to_string().into_bytes()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    let path = prop_oneof![
        Just(ECHO),
        Just(OPTIONS),
        Just("/api/admin/pieces"),
        Just("/api/pieces/text/actions/nothing/run"),
        Just("/api/pieces/@activepieces/piece-text/actions/echo/run"),
    ];
    let kind = prop_oneof![Just("application/json"), Just("application/wasm"), Just("multipart/form-data; boundary=x")];
    proptest!(ProptestConfig::with_cases(400), |(path in path, kind in kind, body in body)| {
        let request = request("POST", path)
            .header("authorization", format!("Bearer {}", host.operator))
            .header("content-type", if path.contains("admin") { kind } else { "application/json" });
        let answer = runtime.block_on(host.send(request.body(Body::from(body)).unwrap()));
        prop_assert!(answer.status < 500, "{path}: {}", answer.text);
    });
}

/// Neither do addresses and queries.
#[test]
fn no_address_makes_the_host_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let host = runtime.block_on(Host::empty());
    let part = prop_oneof![
        Just("api".to_owned()),
        Just("pieces".to_owned()),
        Just("admin".to_owned()),
        Just("%2e%2e".to_owned()),
        Just("%ff".to_owned()),
        Just("docs".to_owned()),
        "[!$&'()*+,:=@a-zA-Z0-9._~-]{0,12}",
        any::<String>().prop_map(|text| percent_encoding::utf8_percent_encode(
            &text,
            percent_encoding::NON_ALPHANUMERIC
        )
        .to_string()),
    ];
    let query = "(limit|version|view|searchQuery|categories)=[!$'()*+,:=@a-zA-Z0-9._~&%-]{0,12}";
    proptest!(ProptestConfig::with_cases(400), |(parts in prop::collection::vec(part, 0..6), query in query)| {
        let uri = format!("/{}?{query}", parts.join("/"));
        let Ok(uri) = uri.parse::<http::Uri>() else { return Ok(()) };
        for method in ["GET", "POST", "DELETE"] {
            let request = Request::builder().method(method).uri(uri.clone())
                .header("authorization", format!("Bearer {}", host.operator));
            let answer = runtime.block_on(host.send(request.body(Body::empty()).unwrap()));
            prop_assert!(answer.status < 500, "{method} {uri}: {}", answer.text);
        }
    });
}
