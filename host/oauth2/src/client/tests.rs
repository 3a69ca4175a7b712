//! Tests against a provider of bytes on loopback, which sends exactly what a test says, whole or in part.

// A `json!` literal reads better without a reference.
#![allow(clippy::needless_pass_by_value)]

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use leno_egress::{Client, ClientConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

struct At(u64);

impl Clock for At {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0)
    }
}

const NOW: u64 = 1_795_311_849;

/// What the provider does after it has read a request.
#[derive(Clone)]
enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, one each 20 ms.
    Drip(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Says nothing and keeps the connection.
    Silence,
}

struct Provider {
    address: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, reply.clone(), Arc::clone(&log)));
            }
        });
        Self { address, seen }
    }

    async fn json(status: &str, body: &Value) -> Self {
        Self::start(Reply::Bytes(http(status, "content-type: application/json\r\n", body.to_string().as_bytes()))).await
    }

    fn private(&self) -> Vec<PrivateGrant> {
        vec![self.address.to_string().parse().unwrap()]
    }

    fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    fn schema(&self, more: Value) -> OAuth2 {
        schema(&self.url(), more)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn schema(token_url: &str, more: Value) -> OAuth2 {
    let mut document =
        json!({"authUrl": "https://p.test/authorize", "tokenUrl": token_url, "scope": ["read", "write"]});
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn serve(mut stream: TcpStream, reply: Reply, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            seen.lock().unwrap().push(text);
            break;
        }
    }
    match reply {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Drip(bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Reply::Reset(bytes) => {
            drop(stream.write_all(&bytes).await);
            stream.set_zero_linger().unwrap();
        }
        Reply::Silence => std::future::pending().await,
    }
}

fn client() -> TokenClient {
    let transport = Client::new(ClientConfig::default()).unwrap();
    TokenClient::new(Arc::new(transport), Arc::new(At(NOW)))
}

fn value(members: Value) -> ConnectionValue {
    ConnectionValue::new(members).unwrap()
}

fn form(more: Value) -> ConnectionValue {
    let mut members = json!({"type": "OAUTH2", "client_id": "id", "client_secret": "the-client-secret",
        "redirect_url": "https://app.test/cb", "code": "the-code", "scope": "s", "code_verifier": "the-verifier"});
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value(members)
}

fn stored(token_url: &str, more: Value) -> ConnectionValue {
    let mut members = json!({"type": "OAUTH2", "access_token": "at-1", "token_type": "Bearer",
        "refresh_token": "the-refresh-token", "scope": "read", "expires_in": 3600, "claimed_at": 1_700_000_000,
        "token_url": token_url, "client_id": "id", "client_secret": "the-client-secret",
        "redirect_url": "https://app.test/cb", "authorization_method": "BODY", "grant_type": "authorization_code",
        "props": {"tenant": "t"}, "data": {"team": "T1", "id_token": "old"}});
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value(members)
}

async fn refresh(reply: Reply) -> Result<ConnectionValue, TokenError> {
    let provider = Provider::start(reply).await;
    let client = client().with_timeout(Duration::from_millis(400));
    let outcome = client.refresh(None, &stored(&provider.url(), json!({})), None, &provider.private()).await;
    assert_eq!(provider.seen().len(), 1, "a token request is sent once");
    if let Err(error) = &outcome {
        assert!(!error.to_string().contains("the-"), "{error}");
    }
    outcome
}

fn error<T>(outcome: Result<T, TokenError>) -> TokenError {
    outcome.err().unwrap()
}

#[tokio::test]
async fn a_code_becomes_the_value_of_the_reference() {
    let answer = json!({"access_token": "at", "token_type": "Bearer", "refresh_token": "rt", "scope": "s",
        "expires_in": "7200", "team": {"id": "T"}, "id_token": "x"});
    let provider = Provider::json("200 OK", &answer).await;
    let granted =
        client().exchange(&provider.schema(json!({})), &form(json!({})), None, &provider.private()).await.unwrap();
    // Member by member in the order of the reference.
    let expected = json!({"type": "OAUTH2", "access_token": "at", "token_type": "Bearer", "refresh_token": "rt",
        "scope": "s", "expires_in": 7200, "claimed_at": NOW, "token_url": provider.url(), "client_id": "id",
        "client_secret": "the-client-secret", "redirect_url": "https://app.test/cb", "authorization_method": "BODY",
        "grant_type": "authorization_code", "data": {"team": {"id": "T"}, "id_token": "x"}});
    assert_eq!(granted.to_json().expose_secret(), expected.to_string());
    let request = provider.seen().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /token http/1.1\r\n"), "{head}");
    assert!(head.contains("accept: application/json") && !head.contains("authorization"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    assert_eq!(
        body,
        "grant_type=authorization_code&code=the-code&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&\
         code_verifier=the-verifier&client_id=id&client_secret=the-client-secret"
    );
}

#[tokio::test]
async fn the_operators_secret_travels_in_the_header_and_is_not_stored() {
    let provider = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    let secret = SecretString::from("operators-secret");
    let app = PlatformApp { client_id: "op", client_secret: &secret };
    let sent = form(json!({"type": "PLATFORM_OAUTH2", "client_id": "users", "access_token": "planted",
        "code_verifier": null, "code_challenge": "alias", "props": {"evil": "x"}}));
    let schema = provider.schema(json!({"authorizationMethod": "HEADER"}));
    let granted = client().exchange(&schema, &sent, Some(&app), &provider.private()).await.unwrap();
    let stored = granted.expose();
    assert_eq!((&stored["client_id"], &stored["access_token"]), (&json!("op"), &json!("at")));
    assert!(stored.get("client_secret").is_none() && stored.get("expires_in").is_none());
    let text = granted.to_json();
    assert!(!text.expose_secret().contains("secret") && !text.expose_secret().contains("evil"));
    let request = provider.seen().remove(0);
    assert!(request.contains("uthorization: Basic b3A6b3BlcmF0b3JzLXNlY3JldA=="), "{request}");
    assert!(request.contains("code_verifier=alias") && !request.contains("client_secret"), "{request}");

    // A refresh gets the secret from its caller, and works without one.
    let mut again = granted.expose().clone();
    again["refresh_token"] = json!("rt");
    let again = value(again);
    let renewed = client().refresh(Some(&schema), &again, Some(&secret), &provider.private()).await.unwrap();
    assert!(renewed.expose().get("client_secret").is_none());
    assert!(matches!(
        client().refresh(Some(&schema), &again, None, &provider.private()).await,
        Err(TokenError::Unsent { .. })
    ));
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn all_that_is_missing_is_said_at_once() {
    let schema = schema(
        "https://{tenant}.p.test/token",
        json!({"props": {
        "tenant": {"type": "SHORT_TEXT", "displayName": "T", "required": true},
        "other": {"type": "SHORT_TEXT", "displayName": "O", "required": true}}}),
    );
    let faults = async |sent: Value, app: Option<&PlatformApp<'_>>| match client()
        .exchange(&schema, &value(sent), app, &[])
        .await
    {
        Err(ExchangeError::Invalid(problems)) => problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("granted"),
    };
    assert_eq!(
        faults(
            json!({"type": "OAUTH2", "grant_type": "client_credentials", "authorization_method": "QUERY",
                "client_id": 7}),
            None
        )
        .await,
        ["/grant_type", "/client_id", "/client_secret", "/authorization_method", "/props/tenant", "/props/other"]
    );
    assert_eq!(
        faults(json!({"type": "OAUTH2", "access_token": "", "props": []}), None).await,
        ["/client_id", "/client_secret", "/redirect_url", "/code", "/props", "/props/tenant"]
    );
    let secret = SecretString::from("s");
    let app = PlatformApp { client_id: "op", client_secret: &secret };
    let evil =
        json!({"type": "PLATFORM_OAUTH2", "access_token": "planted", "props": {"tenant": "evil.com/", "other": "x"}});
    assert_eq!(faults(evil, Some(&app)).await, ["/redirect_url", "/code", "/props/tenant"]);
    assert_eq!(faults(json!({"type": "PLATFORM_OAUTH2", "code": "c"}), None).await, ["/type"]);
    assert_eq!(faults(json!({"type": "CLOUD_OAUTH2", "code": "c"}), None).await, ["/type"]);
    assert_eq!(faults(json!({"type": "SECRET_TEXT", "secret_text": "c"}), None).await, ["/type"]);
}

#[tokio::test]
async fn a_value_with_a_token_is_stored_as_sent_without_its_code() {
    let sent = json!({"type": "OAUTH2", "access_token": "at", "custom": 1, "code": "c", "code_verifier": "v"});
    let schema = schema("https://p.test/token", json!({}));
    let granted = client().exchange(&schema, &value(sent), None, &[]).await.unwrap();
    assert_eq!(granted.expose(), &json!({"type": "OAUTH2", "access_token": "at", "custom": 1}));
}

#[tokio::test]
async fn client_credentials_are_claimed_and_claimed_again() {
    let provider = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    let schema = provider.schema(json!({"grantType": "client_credentials", "scope": ["x", "{t}"], "props": {
        "t": {"type": "SHORT_TEXT", "displayName": "T", "required": true}}}));
    let sent = value(
        json!({"type": "OAUTH2", "client_id": "id", "client_secret": "se:c&r t", "props": {"t": "T", "n": 1, "o": {}}}),
    );
    let granted = client().exchange(&schema, &sent, None, &provider.private()).await.unwrap();
    assert_eq!((&granted.expose()["scope"], &granted.expose()["expires_in"]), (&json!("x T"), &json!(3600)));
    let renewed = client().refresh(Some(&schema), &granted, None, &provider.private()).await.unwrap();
    assert_eq!(renewed.expose(), granted.expose());
    for request in provider.seen() {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let golden = "grant_type=client_credentials&scope=x+T&t=T&n=1&client_id=id&client_secret=se%3Ac%26r+t";
        assert_eq!(body, golden);
    }
}

#[tokio::test]
async fn a_refresh_goes_where_the_piece_says_and_not_where_the_value_does() {
    let provider = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    let elsewhere = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    let both = [provider.private(), elsewhere.private()].concat();
    let value = stored(&elsewhere.url(), json!({}));
    let of_piece = provider.schema(json!({}));
    client().refresh(Some(&of_piece), &value, None, &both).await.unwrap();
    let template = format!("http://{}/{{tenant}}/token", provider.address);
    client().refresh(Some(&schema(&template, json!({}))), &value, None, &both).await.unwrap();
    let missing = schema("https://{region}.p.test/token", json!({}));
    let found = error(client().refresh(Some(&missing), &value, None, &both).await);
    assert!(matches!(&found, TokenError::Unsent { problem } if problem.contains("`region`")), "{found:?}");
    // A user who names a host of a granted network does not reach it.
    let chosen =
        schema("{tenant}", json!({"props": {"tenant": {"type": "SHORT_TEXT", "displayName": "T", "required": true}}}));
    let to_provider = stored("", json!({"props": {"tenant": provider.url()}}));
    let network = ["127.0.0.0/8".parse().unwrap()];
    for found in [
        client().refresh(Some(&chosen), &to_provider, None, &network).await,
        client().refresh(None, &stored(&provider.url(), json!({})), None, &network).await,
    ] {
        let found = error(found);
        assert!(matches!(&found, TokenError::Unsent { problem } if !problem.contains("::")), "{found:?}");
    }
    client().refresh(Some(&chosen), &to_provider, None, &provider.private()).await.unwrap();
    assert_eq!((provider.seen().len(), elsewhere.seen().len()), (3, 0));
    assert!(provider.seen()[1].starts_with("POST /t/token "));
}

#[tokio::test]
async fn a_refresh_keeps_what_did_not_come_back() {
    let answer = json!({"access_token": "at-2", "expires_in": 60.9, "id_token": "new", "more": true});
    let provider = Provider::json("200 OK", &answer).await;
    let old = stored(&provider.url(), json!({}));
    let new = client().refresh(None, &old, None, &provider.private()).await.unwrap();
    let mut expected = old.expose().clone();
    expected["access_token"] = json!("at-2");
    expected["expires_in"] = json!(60);
    expected["claimed_at"] = json!(NOW);
    expected["data"] = json!({"team": "T1", "id_token": "new", "more": true});
    assert_eq!(new.expose(), &expected);

    let answer = json!({"access_token": "at-3", "refresh_token": "rt-3", "token_type": "bearer", "scope": "narrow"});
    let provider = Provider::json("200 OK", &answer).await;
    let new = client().refresh(None, &stored(&provider.url(), json!({})), None, &provider.private()).await.unwrap();
    let new = new.expose();
    assert_eq!(
        (&new["refresh_token"], &new["scope"], &new["token_type"]),
        (&json!("rt-3"), &json!("narrow"), &json!("bearer"))
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_nothing_travels_on() {
    let elsewhere = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let headers = format!("location: {}\r\n", elsewhere.url());
        let reply = Reply::Bytes(http(status, &headers, b""));
        let found = error(refresh(reply).await);
        assert!(matches!(&found, TokenError::Refused { error, .. } if error == "redirect"), "{found:?}");
    }
    assert_eq!(elsewhere.seen(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_whole_leaves_the_outcome_unknown() {
    let whole = http("200 OK", "content-type: application/json\r\n", br#"{"access_token":"at"}"#);
    let half = whole[..whole.len() - 5].to_vec();
    let big = http("200 OK", "", &vec![b'x'; 5 << 20]);
    let started = Instant::now();
    for reply in [
        Reply::Drip(whole.clone()),
        Reply::Silence,
        Reply::Reset(half.clone()),
        Reply::Reset(Vec::new()),
        Reply::Bytes(half),
        Reply::Bytes(Vec::new()),
        Reply::Bytes(big),
        Reply::Bytes(b"no http at all\r\n\r\n".to_vec()),
        Reply::Bytes(http("200 OK", "content-encoding: gzip\r\n", b"no gzip")),
    ] {
        let found = error(refresh(reply).await);
        assert!(matches!(found, TokenError::Unknown { .. }) && found.may_have_spent(), "{found:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_compressed_answer_is_read_and_a_bomb_is_not() {
    // 20 MiB of spaces after a good response, which gzip packs into 20 kB.
    for (size, fits) in [(100, true), (20 << 20, false)] {
        let mut plain = br#"{"access_token":"at"}"#.to_vec();
        plain.resize(plain.len() + size, b' ');
        let packed = gzip(&plain);
        let outcome = refresh(Reply::Bytes(http("200 OK", "content-encoding: gzip\r\n", &packed))).await;
        match outcome {
            Ok(new) => assert!(fits && new.expose()["access_token"] == "at"),
            Err(found) => assert!(!fits && matches!(found, TokenError::Unknown { .. }), "{found:?}"),
        }
    }
}

/// The reference implementation packs it: this host has no compressor.
fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    let plain = plain.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&plain).unwrap());
    let packed = gzip.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    packed
}

#[tokio::test]
async fn what_was_not_sent_is_known_not_to_be() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = vec![port.to_string().parse().unwrap()];
    let found = error(client().refresh(None, &stored(&format!("http://{port}/token"), json!({})), None, &closed).await);
    assert!(matches!(found, TokenError::Unsent { .. }) && !found.may_have_spent(), "{found:?}");

    // The provider is up, and its address is not granted.
    let provider = Provider::json("200 OK", &json!({"access_token": "at"})).await;
    let number = u32::from_be_bytes([127, 0, 0, 1]);
    let port = provider.address.port();
    for url in [
        provider.url(),
        format!("http://localhost:{port}/token"),
        format!("https://{number}:{port}/token"),
        format!("https://0x7f.1:{port}/token"),
        format!("https://[::1]:{port}/token"),
        format!("https://[::ffff:127.0.0.1]:{port}/token"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://2852039166/".to_owned(),
        "http://example.com/token".to_owned(),
        "https://user:pass@example.com/token".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:,x".to_owned(),
        "/token".to_owned(),
        "https://{tenant}.example.com/token".to_owned(),
        String::new(),
    ] {
        let found = error(client().refresh(None, &stored(&url, json!({})), None, &[]).await);
        assert!(matches!(found, TokenError::Unsent { .. }), "{url}: {found:?}");
        let outcome = client().exchange(&schema(&url, json!({})), &form(json!({})), None, &[]).await;
        let refused =
            matches!(outcome, Err(ExchangeError::Token(TokenError::Unsent { .. }) | ExchangeError::Invalid(_)));
        assert!(refused, "{url}");
    }
    assert_eq!(provider.seen(), [""; 0]);
}

#[tokio::test]
async fn errors_and_odd_answers_come_through_the_wire() {
    let json = |status, body: &str| Reply::Bytes(http(status, "content-type: application/json\r\n", body.as_bytes()));
    let found =
        error(refresh(json("400 Bad", r#"{"error":"invalid_grant","error_description":"the-refresh-token"}"#)).await);
    assert_eq!(found, TokenError::InvalidGrant { description: "***".into() });
    let found = error(refresh(json("401 No", r#"{"error":"invalid_client"}"#)).await);
    assert!(matches!(found, TokenError::Refused { status: 401, .. }), "{found:?}");
    let busy = Reply::Bytes(http("503 Busy", "retry-after: 7\r\n", b"<html>"));
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(error(refresh(busy).await), TokenError::Unavailable { status: 503, retry_after });
    let html = Reply::Bytes(http("200 OK", "content-type: text/html\r\n", b"<html>the-client-secret"));
    assert!(matches!(error(refresh(html).await), TokenError::Malformed { .. }));
    assert!(matches!(error(refresh(json("204 No Content", "")).await), TokenError::Malformed { .. }));
    let form = Reply::Bytes(http(
        "200 OK",
        "content-type: application/x-www-form-urlencoded\r\n",
        b"access_token=a%20t&expires_in=9",
    ));
    let new = refresh(form).await.unwrap();
    assert_eq!((&new.expose()["access_token"], &new.expose()["expires_in"]), (&json!("a t"), &json!(9)));
}

#[tokio::test]
async fn a_connection_is_revoked_where_the_piece_says() {
    let provider = Provider::start(Reply::Bytes(http("200 OK", "", b""))).await;
    let url = format!("http://{}/revoke/{{tenant}}", provider.address);
    let schema = provider.schema(json!({"revocationUrl": url}));
    let value = stored(&provider.url(), json!({}));
    assert!(client().revoke(&schema, &value, None, &provider.private()).await.unwrap());
    let request = provider.seen().remove(0);
    assert!(request.starts_with("POST /revoke/t HTTP/1.1"), "{request}");
    let body = "token=the-refresh-token&token_type_hint=refresh_token&client_id=id&client_secret=the-client-secret";
    assert!(request.ends_with(body), "{request}");
    assert!(!client().revoke(&provider.schema(json!({})), &value, None, &provider.private()).await.unwrap());
    assert_eq!(provider.seen().len(), 1);

    let provider = Provider::json("503 Busy", &json!({})).await;
    let schema = provider.schema(json!({"revocationUrl": provider.url()}));
    let outcome = client().revoke(&schema, &value, None, &provider.private()).await;
    assert!(matches!(error(outcome), TokenError::Unavailable { .. }));
}
