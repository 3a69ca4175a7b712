// A `json!` literal reads better without a reference.
#![allow(clippy::needless_pass_by_value)]

use bytes::Bytes;
use proptest::strategy::Strategy as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

fn response(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Response {
    Response {
        status,
        url: "https://p.test/token".into(),
        headers: vec![("content-type".into(), kind.into())],
        body: Bytes::from(body.into()),
        hold: leno_egress::Hold::default(),
    }
}

fn ask(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Result<Answer, TokenError> {
    let mut sent = Sent::default();
    sent.add("the-client-secret");
    read(&response(status, kind, body), &sent, 1_000_000)
}

fn json_answer(body: Value) -> Result<Answer, TokenError> {
    ask(200, "application/json", body.to_string())
}

#[track_caller]
fn malformed(body: impl Into<Vec<u8>>, why: &str) {
    match ask(200, "application/json", body).err() {
        Some(TokenError::Malformed { problem }) => assert!(problem.contains(why), "{problem}"),
        other => panic!("{why}: {other:?}"),
    }
}

#[test]
fn an_answer_gives_its_token_and_keeps_the_rest() {
    let answer = json_answer(json!({"access_token": "at", "token_type": "Bearer", "refresh_token": "rt", "scope": "s",
        "expires_in": "7200", "team": {"id": "T"}, "id_token": "x"}))
    .unwrap();
    assert_eq!(answer.access_token.expose_secret(), "at");
    assert_eq!(answer.refresh_token.unwrap().expose_secret(), "rt");
    assert_eq!(
        (answer.token_type.as_deref(), answer.scope.as_deref(), answer.expires_in),
        (Some("Bearer"), Some("s"), Some(7200))
    );
    assert_eq!(Value::Object(answer.data), json!({"team": {"id": "T"}, "id_token": "x"}));
}

#[test]
fn a_life_may_be_written_in_many_ways() {
    for (written, seconds) in [
        (json!(3600), Some(3600)),
        (json!("3600"), Some(3600)),
        (json!(3599.9), Some(3599)),
        (json!("3599.9"), Some(3599)),
        (json!(" 60 "), Some(60)),
        (json!(0), None),
        (json!(-5), None),
        (json!("-5"), None),
        (json!("soon"), None),
        (json!("NaN"), None),
        (json!(null), None),
        (json!(true), None),
        (json!([1]), None),
        (json!(1_000_000_000_000_u64), Some(LONGEST)),
        (json!(u64::MAX), Some(LONGEST)),
        (json!(1e300), Some(LONGEST)),
        (json!("inf"), Some(LONGEST)),
    ] {
        let answer = json_answer(json!({"access_token": "at", "expires_in": written})).unwrap();
        assert_eq!(answer.expires_in, seconds, "{written}");
    }
}

#[test]
fn only_bearer_tokens_in_any_case_are_taken() {
    for kind in [json!("bearer"), json!("BEARER"), json!("bot"), json!("user"), json!(null), json!("")] {
        assert!(json_answer(json!({"access_token": "at", "token_type": kind})).is_ok(), "{kind}");
    }
    for kind in [json!("mac"), json!("DPoP"), json!("bearer "), json!(1), json!(["bearer"])] {
        malformed(json!({"access_token": "at", "token_type": kind}).to_string(), "type is not bearer");
    }
}

#[test]
fn a_token_that_is_none_is_refused() {
    malformed(r#"{"token_type":"bearer"}"#, "no access token");
    malformed(r#"{"access_token":null}"#, "no access token");
    malformed(r#"{"access_token":""}"#, "empty");
    malformed(r#"{"access_token":"  "}"#, "empty");
    malformed(r#"{"access_token":["a"]}"#, "not a string");
    malformed(r#"{"access_token":{"a":1}}"#, "not a string");
}

#[test]
fn what_is_no_answer_is_refused_without_quoting_it() {
    malformed("", "empty");
    malformed("  \n", "empty");
    malformed("<html>the-token</html>", "not JSON");
    malformed(r#"{"access_token":"at""#, "not JSON");
    malformed(r#"{"access_token":"at"} trailing"#, "not JSON");
    malformed(r#""at""#, "not a JSON object");
    malformed("[1]", "not a JSON object");
    malformed("null", "not a JSON object");
    malformed(r#"{"access_token":"a","access_token":"b"}"#, "duplicate member");
    malformed(vec![0xff, 0xfe, b'{', 0], "not UTF-8");
    malformed(b"{\"access_token\":\"a\xe4\"}".as_slice(), "not UTF-8");
    for depth in [40, 120, 100_000] {
        let deep = format!(r#"{{"access_token":"a","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        match ask(200, "application/json", deep).err() {
            Some(TokenError::Malformed { problem }) => assert!(!problem.contains('['), "{problem}"),
            other => panic!("{depth}: {other:?}"),
        }
    }
    match ask(200, "text/html", "<html>a=b</html>").err() {
        Some(TokenError::Malformed { .. }) => {}
        other => panic!("{other:?}"),
    }
    match ask(200, "application/x-www-form-urlencoded", "access_token=a&access_token=b").err() {
        Some(TokenError::Malformed { problem }) => assert!(problem.contains("duplicate")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_byte_order_mark_a_form_and_a_nested_token_are_understood() {
    let answer = ask(200, "application/json", "\u{feff}{\"access_token\":\"at\"}").unwrap();
    assert_eq!(answer.access_token.expose_secret(), "at");
    let form = "access_token=a%2Bt&expires_in=60&scope=a+b&token_type=bearer&x=1";
    for kind in ["application/x-www-form-urlencoded; charset=utf-8", "text/plain", ""] {
        let answer = ask(200, kind, form).unwrap();
        assert_eq!(answer.access_token.expose_secret(), "a+t");
        assert_eq!((answer.expires_in, answer.scope.as_deref()), (Some(60), Some("a b")));
        assert_eq!(Value::Object(answer.data), json!({"x": "1"}));
    }
    // Says it is a form, and is JSON.
    assert!(ask(200, "application/x-www-form-urlencoded", r#"{"access_token":"a=b"}"#).is_ok());

    let slack = json!({"ok": true, "team": {"id": "T"}, "authed_user":
        {"id": "U", "access_token": "xoxp", "token_type": "user", "refresh_token": "r", "scope": "s",
        "expires_in": 9}});
    let answer = json_answer(slack).unwrap();
    assert_eq!(answer.access_token.expose_secret(), "xoxp");
    assert_eq!(answer.refresh_token.unwrap().expose_secret(), "r");
    assert_eq!((answer.expires_in, answer.scope.as_deref()), (Some(9), Some("s")));
    assert_eq!(Value::Object(answer.data), json!({"ok": true, "team": {"id": "T"}, "authed_user": {"id": "U"}}));
    let both =
        json!({"ok": true, "access_token": "xoxb", "token_type": "bot", "authed_user": {"access_token": "xoxp"}});
    assert_eq!(json_answer(both).unwrap().access_token.expose_secret(), "xoxb");
    let twitch = json!({"access_token": "at", "scope": ["a", "b"]});
    assert_eq!(json_answer(twitch).unwrap().scope.as_deref(), Some("a b"));
}

#[test]
fn errors_are_told_apart_whatever_their_status() {
    let grant = |description: &str| TokenError::InvalidGrant { description: description.into() };
    let refused = |status, error: &str, description: &str| TokenError::Refused {
        status,
        error: error.into(),
        description: description.into(),
    };
    let passing = |status| TokenError::Unavailable { status, retry_after: None };
    let failed = "OAuth2 token exchange failed with";
    for (status, body, expected) in [
        (400, json!({"error": "invalid_grant", "error_description": "expired"}), grant("expired")),
        (400, json!({"error": "invalid_grant"}), grant("invalid_grant")),
        (401, json!({"error": "invalid_grant"}), grant("invalid_grant")),
        (200, json!({"error": "bad_refresh_token", "error_description": "no"}), grant("no")),
        (200, json!({"ok": false, "error": "invalid_refresh_token"}), grant("invalid_refresh_token")),
        (400, json!({"status": "BAD_REFRESH_TOKEN", "message": "missing"}), grant("missing")),
        (200, json!({"error": "invalid_grant", "access_token": "at"}), grant("invalid_grant")),
        (
            401,
            json!({"error": "invalid_client"}),
            refused(401, "invalid_client", &format!("{failed} 401 (invalid_client)")),
        ),
        (
            200,
            json!({"ok": false, "error": "bad_client_secret"}),
            refused(200, "bad_client_secret", &format!("{failed} 200 (bad_client_secret)")),
        ),
        (200, json!({"ok": false, "access_token": "at"}), refused(200, "", &format!("{failed} 200"))),
        (
            400,
            json!({"error": {"message": "m", "type": "OAuthException", "code": 190}}),
            refused(400, "OAuthException", "m"),
        ),
        (
            400,
            json!({"error": "invalid_client", "error_description": "the-client-secret is wrong\n"}),
            refused(400, "invalid_client", "*** is wrong"),
        ),
        (
            400,
            json!({"error": "the-client-secret", "error_description": 7}),
            refused(400, "***", &format!("{failed} 400 (***)")),
        ),
        (404, json!([]), refused(404, "", &format!("{failed} 404"))),
        (400, json!({"error": "temporarily_unavailable"}), passing(400)),
        (200, json!({"ok": false, "error": "ratelimited"}), passing(200)),
        (429, json!({"error": "invalid_grant"}), passing(429)),
        (500, json!({"error": "invalid_grant"}), passing(500)),
        (503, json!(null), passing(503)),
    ] {
        assert_eq!(ask(status, "application/json", body.to_string()).err(), Some(expected), "{status} {body}");
    }
    let form = ask(200, "application/x-www-form-urlencoded", "error=bad_verification_code&error_description=a+b");
    assert_eq!(form.err(), Some(grant("a b")));
    assert!(matches!(ask(404, "text/html", "<html>").err(), Some(TokenError::Refused { status: 404, .. })));
    match ask(302, "text/html", "").err() {
        Some(TokenError::Refused { status: 302, error, .. }) => assert_eq!(error, "redirect"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    for (text, expected) in [
        ("120", Some(120)),
        ("Thu, 01 Jan 1970 00:17:00 GMT", Some(20)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("soon", None),
        ("-1", None),
    ] {
        let mut response = response(503, "text/plain", "");
        response.headers.push(("retry-after".into(), text.into()));
        let error = read(&response, &Sent::default(), 1_000_000).err();
        let retry_after = expected.map(Duration::from_secs);
        assert_eq!(error, Some(TokenError::Unavailable { status: 503, retry_after }), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_tell_a_secret(
        status in 200_u16..600,
        body in proptest::prop_oneof![
            proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            r#"\{("(access_token|error|expires_in|ok)":("the-client-secret"|\{\}|-?[0-9]{1,30}|null|\[1\]),?){0,3}\}"#
                .prop_map(String::into_bytes),
        ],
        kind in "(application/json|text/plain|application/x-www-form-urlencoded)?",
    ) {
        if let Err(error) = ask(status, &kind, body) {
            proptest::prop_assert!(!error.to_string().contains("the-client-secret"), "{}", error);
        }
    }
}
