//! Providers with bad or odd responses to a refresh.

use futures_util::future::join_all;
use leno_testkit::peers::Scripted;
use leno_testkit::{Grant, Server};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::scene::{self, PIECE};

/// A host, and for each case a provider with a connection whose token has expired.
async fn stage(cases: &[&str]) -> (Server, Vec<Scripted>) {
    let mut providers = Vec::new();
    for _ in cases {
        providers.push(Scripted::start().await.unwrap());
    }
    let options = scene::bare().grant(PIECE, Grant::private(providers.iter().map(|provider| provider.address)));
    let server = Server::start(options).await.unwrap();
    let client = server.client();
    client.active("oauth-probe.wasm").await.unwrap();
    for (case, provider) in cases.iter().zip(&providers) {
        let base = provider.url();
        let value = json!({
            "type": "OAUTH2", "access_token": "old", "refresh_token": format!("refresh-of-{case}"), "token_type": "Bearer",
            "scope": "read", "expires_in": 3600, "claimed_at": 1_700_000_000, "token_url": format!("{base}/token"),
            "client_id": "leno", "client_secret": "s", "redirect_url": "", "props": {"base": base}, "data": {},
        });
        let body = json!({
            "externalId": case, "displayName": case, "pieceName": PIECE, "type": "OAUTH2", "value": value,
        });
        let made = client.post("/api/app-connections", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
    }
    (server, providers)
}

async fn ask(server: &Server, case: &str) -> (StatusCode, Value) {
    let answer = scene::request(server.url(), server, case).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn after_a_bad_answer_the_same_refresh_token_is_tried_again() {
    let bad: [(&str, Vec<u8>); 12] = [
        ("html", whole("text/html", b"<h1>Welcome</h1>")),
        ("empty", whole("application/json", b"")),
        ("truncated", whole("application/json", br#"{"access_token": "new"#)),
        ("list", whole("application/json", br#"["access_token"]"#)),
        ("number", whole("application/json", br#"{"access_token": 7, "token_type": "Bearer"}"#)),
        ("no-token", whole("application/json", br#"{"ok": false, "token_type": "Bearer"}"#)),
        ("nested", whole("application/json", "[".repeat(60_000).as_bytes())),
        ("big", whole("application/json", format!(r#"{{"access_token": "{}"}}"#, "x".repeat(5 << 20)).as_bytes())),
        ("busy", b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()),
        ("redirect", b"HTTP/1.1 307 T\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("garbage", b"nonsense\r\n\r\n".to_vec()),
        ("short", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{".to_vec()),
    ];
    let cases = bad.each_ref().map(|(case, _)| *case);
    let (server, providers) = stage(&cases).await;
    let checks = bad.into_iter().zip(&providers).map(async |((case, answer), provider)| {
        provider.raw(answer);
        let (status, body) = ask(&server, case).await;
        // These are no outages: a redirect stays one until the token URL is corrected, and `ok: false` is a refusal.
        let expected = match case {
            "redirect" | "no-token" => (StatusCode::FAILED_DEPENDENCY, "connection_refused"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "connection_not_ready"),
        };
        assert_eq!((status, body["code"].as_str().unwrap()), expected, "{case}: {body}");
        let (status, body) = scene::settle(&server, case).await;
        assert_eq!((status, &body["value"]["access_token"]), (StatusCode::OK, &json!("access-2")), "{case}: {body}");
        for request in provider.received() {
            let sent = String::from_utf8(request.body).unwrap();
            assert!(sent.contains(&format!("refresh_token=refresh-of-{case}")), "{case}: {sent}");
        }
    });
    join_all(checks).await;
}

#[tokio::test]
async fn odd_answers_that_are_legal_are_taken() {
    let odd = [
        ("text-life", json!({"access_token": "new", "token_type": "bearer", "expires_in": "7200"})),
        ("no-life", json!({"access_token": "new", "token_type": "BEARER"})),
        ("long-life", json!({"access_token": "new", "token_type": "Bearer", "expires_in": 1_000_000_000_000_u64})),
        ("fraction", json!({"access_token": "new", "token_type": "Bearer", "expires_in": 3600.0})),
        ("narrowed", json!({"access_token": "new", "token_type": "Bearer", "scope": "", "more": {"team": [1, 2]}})),
    ];
    let cases = odd.each_ref().map(|(case, _)| *case);
    let (server, providers) = stage(&cases).await;
    for ((case, answer), provider) in odd.into_iter().zip(&providers) {
        provider.answer(200, "application/json; charset=utf-8", answer.to_string());
        let (status, body) = ask(&server, case).await;
        assert_eq!((status, &body["value"]["access_token"]), (StatusCode::OK, &json!("new")), "{case}: {body}");
        let (_, whole) = scene::decrypt_all(&server, case).await;
        assert_eq!(whole["value"]["refresh_token"], format!("refresh-of-{case}"), "none came, so the old one stays");
    }
}

/// A good status with this body.
fn whole(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
