//! The OAuth app on two hosts, beside Redis, and as Activepieces uses it.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use leno_testkit::{
    Caller, Client, OAuthClient, Options, Server,
    fresh::{self, Fresh},
    oauth_client::{self, AT, CLIENT, REDIRECT, SECRET, parameter},
    peers,
    process::Running,
};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use tokio::process::Command;

const ISSUER: &str = "http://leno.test";

fn options() -> Options {
    Options::new()
        .env("LENO_PUBLIC_URL", ISSUER)
        .oauth_client(REDIRECT)
        .env("INTEGRATION_ENCRYPTION_KEY", &"ab".repeat(32))
        .env("JWT_SECRET", "a-secret-that-is-the-same-on-both-hosts")
        .env("LENO_OAUTH_PEER_REQUESTS", "0")
        .env("LENO_OAUTH_CLIENT_REQUESTS", "0")
}

/// Hosts that share what their options name, an application at each, and a user.
struct Hosts {
    servers: Vec<Server>,
    at: Vec<OAuthClient>,
    user: Client,
}

impl Hosts {
    async fn start(all: &[Options]) -> Self {
        let mut servers = Vec::new();
        for options in all {
            servers.push(Server::start(options.clone()).await.unwrap());
        }
        let token = Caller::user().token("a-secret-that-is-the-same-on-both-hosts");
        let user = Client::new(servers[0].url(), &token);
        let at = servers.iter().map(|server| OAuthClient::new(server.url(), None)).collect();
        Self { servers, at, user }
    }

    fn url(&self, host: usize) -> &str {
        self.servers[host].url()
    }

    async fn approve(&self, host: usize, id: &str) -> (u16, Value) {
        self.at[host].approve(self.user.token(), id).await.unwrap()
    }

    /// A code, decided on at another host, if there is one.
    async fn code(&self, host: usize) -> String {
        self.at[host].code(&self.at[self.at.len() - 1 - host], self.user.token()).await.unwrap()
    }

    async fn redeem(&self, host: usize, code: &str) -> (u16, Value) {
        self.at[host].redeem(code).await.unwrap()
    }

    async fn opens(&self, host: usize, token: &Value) -> u16 {
        self.at[host].opens(token).await.unwrap()
    }

    /// Redeems each of `codes` on all hosts, many times at once.
    async fn race(&self, codes: usize, times: usize) {
        for number in 0..codes {
            let code = self.code(number % self.at.len()).await;
            let tries = (0..times).map(|at| self.redeem(at % self.at.len(), &code));
            let answers = futures_util::future::join_all(tries).await;
            let won = answers.iter().filter(|(status, _)| *status == 200).count();
            assert_eq!(won, 1, "{answers:?}");
            for (_, body) in answers.iter().filter(|(status, _)| *status != 200) {
                assert_eq!(body["error"], "invalid_grant", "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_code_has_one_winner_of_two_hosts_and_a_revocation_reaches_both() {
    let Some(fresh) = Fresh::postgres("two hosts").await else { return };
    let shared = options().env("DATABASE_URL", &fresh.url());
    let hosts = Hosts::start(&[shared.clone(), shared]).await;
    hosts.race(100, 50).await;
    let (_, got) = hosts.redeem(0, &hosts.code(0).await).await;
    assert_eq!(hosts.opens(1, &got["access_token"]).await, 200);
    let form = [("token", got["refresh_token"].as_str().unwrap()), ("client_id", CLIENT), ("client_secret", SECRET)];
    let revoked = hosts.at[0].post("/revoke", oauth_client::form(&form)).await.unwrap();
    assert_eq!(revoked.status(), 200);
    assert_eq!(hosts.opens(0, &got["access_token"]).await, 401);
    // The other host reads it once a second.
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while hosts.opens(1, &got["access_token"]).await != 401 {
        assert!(std::time::Instant::now() < end, "the other host never hears of it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(hosts);
    fresh.remove().await;
}

/// Where Gauzy keeps a code: by the `jti` that anybody can read in it.
fn code_key(code: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(code.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    format!("oauth_app_code:{}", payload["jti"].as_str().unwrap())
}

#[tokio::test]
async fn requests_and_codes_are_in_redis_as_gauzy_keeps_them() {
    let Some(redis) = fresh::redis("two hosts") else { return };
    let Some(fresh) = Fresh::postgres("two hosts beside Redis").await else { return };
    let shared = options()
        .env("DATABASE_URL", &fresh.url())
        .env("REDIS_ENABLED", "true")
        .env("REDIS_HOST", "127.0.0.1")
        .env("REDIS_PORT", "6379");
    let hosts = Hosts::start(&[shared.clone(), shared]).await;
    let mut redis = redis::Client::open(redis).unwrap().get_multiplexed_async_connection().await.unwrap();

    let begun = hosts.at[0].begin().await.unwrap();
    let id = parameter(begun.headers()["location"].to_str().unwrap(), "request_id").unwrap();
    let key = format!("oauth_app_request:{id}");
    let kept: String = redis.get(&key).await.unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        (&kept["requestId"], &kept["clientId"], &kept["redirectUri"]),
        (&json!(id), &json!(CLIENT), &json!(REDIRECT))
    );
    assert!(kept["state"] == "s" && kept["createdAt"].as_i64().unwrap() > 1_700_000_000_000, "{kept}");
    let life: i64 = redis.pttl(&key).await.unwrap();
    assert!((500_000..=600_000).contains(&life), "{life}");

    let (_, approved) = hosts.approve(1, &id).await;
    assert!(!redis.exists::<_, bool>(&key).await.unwrap());
    let code = parameter(approved["redirect_url"].as_str().unwrap(), "code").unwrap();
    let key = code_key(&code);
    let life: i64 = redis.pttl(&key).await.unwrap();
    assert!((1..=60_000).contains(&life), "{life}");
    let (status, body) = hosts.redeem(0, &code).await;
    assert_eq!(status, 200, "{body}");
    assert!(!redis.exists::<_, bool>(&key).await.unwrap());
    hosts.race(100, 50).await;

    // A request that Gauzy took.
    let id = format!("gauzy-{}", uuid::Uuid::new_v4());
    let made = json!({"requestId": id, "clientId": CLIENT, "redirectUri": REDIRECT, "scope": "gauzy:all", "state": "g", "createdAt": 1});
    let _: () = redis.set_ex(format!("oauth_app_request:{id}"), made.to_string(), 60).await.unwrap();
    let (status, body) = hosts.approve(0, &id).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(parameter(body["redirect_url"].as_str().unwrap(), "state").as_deref(), Some("g"));

    // What was in Redis is gone: no code is good that cannot be found there.
    let code = hosts.code(0).await;
    let _: () = redis.del(code_key(&code)).await.unwrap();
    let (status, body) = hosts.redeem(0, &code).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    drop(hosts);
    fresh.remove().await;
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[tokio::test]
async fn redis_is_reached_by_tls_and_only_with_a_certificate_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, pem("CERTIFICATE", own.cert.der())).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", own.signing_key.serialized_der())).unwrap();
    let port = peers::free_port().unwrap();
    let mut command = Command::new("redis-server");
    command.current_dir(folder.path()).args([
        "--port",
        "0",
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--tls-auth-clients",
        "no",
    ]);
    command.args(["--tls-port", &port.to_string()]).arg("--tls-cert-file").arg(&certificate);
    command.arg("--tls-key-file").arg(&key).arg("--tls-ca-cert-file").arg(&certificate);
    let redis = match Running::start(command) {
        Ok(redis) => redis,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            eprintln!("skipped: Redis over TLS: {error}");
            return;
        }
    };
    let ready = |line: &str| line.contains("Ready to accept connections").then_some(());
    redis.stdout.first(Duration::from_secs(10), ready).await.unwrap();
    let by_tls = options().env("REDIS_ENABLED", "true").env("REDIS_URL", &format!("rediss://localhost:{port}"));
    let hosts = Hosts::start(&[by_tls.clone().env("SSL_CERT_FILE", certificate.to_str().unwrap())]).await;
    let (status, body) = hosts.redeem(0, &hosts.code(0).await).await;
    assert_eq!(status, 200, "{body}");
    // Without the certificate it could be anybody.
    let hosts = Hosts::start(&[by_tls]).await;
    let begun = hosts.at[0].begin().await.unwrap();
    let to = begun.headers()["location"].to_str().unwrap();
    assert_eq!(parameter(to, "error").as_deref(), Some("temporarily_unavailable"), "{to}");
}

#[tokio::test]
async fn without_its_redis_nothing_is_issued() {
    let port = peers::free_port().unwrap();
    let options = options().env("REDIS_ENABLED", "true").env("REDIS_URL", &format!("redis://127.0.0.1:{port}"));
    let hosts = Hosts::start(&[options]).await;
    let begun = hosts.at[0].begin().await.unwrap();
    // The client is known, so it is told.
    assert_eq!(begun.status(), 302);
    let to = begun.headers()["location"].to_str().unwrap();
    assert_eq!(parameter(to, "error").as_deref(), Some("temporarily_unavailable"), "{to}");
    let (status, body) = hosts.approve(0, "any").await;
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")), "{body}");
    // The rest of the host works.
    assert_eq!(hosts.user.get("/api/app-connections").await.unwrap().status, 200);
}

#[tokio::test]
async fn activepieces_own_requests_are_answered_as_it_expects() {
    let hosts = Hosts::start(&[options()]).await;
    // As Activepieces 0.83 sends it, in this order, with parameters that it always adds.
    let base = hosts.url(0);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!(
        "{base}{AT}/authorize?response_type=code&client_id={CLIENT}&redirect_uri={REDIRECT}&access_type=offline&state=st&prompt=consent&scope=gauzy%3Aall"
    );
    for header in [false, true] {
        let begun = hosts.at[0].open(&url).await.unwrap();
        let page = begun.headers()["location"].to_str().unwrap();
        assert!(page.starts_with(&format!("{ISSUER}/pages/auth/oauth/authorize?request_id=")), "{page}");
        let (_, approved) = hosts.approve(0, &parameter(page, "request_id").unwrap()).await;
        let code = parameter(approved["redirect_url"].as_str().unwrap(), "code").unwrap();
        let mut form = format!(
            "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fcloud.activepieces.com%2Fredirect&code={code}"
        );
        let mut request = http
            .post(format!("{base}{AT}/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("user-agent", "axios/1.15.0")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        if header {
            request = request.basic_auth(CLIENT, Some(SECRET));
        } else {
            form.push('&');
            form.push_str(&oauth_client::form(&[("client_id", CLIENT), ("client_secret", SECRET)]));
        }
        let answer = request.body(form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        // Without a refresh token Activepieces takes a connection for one that never ends.
        assert!(
            body["refresh_token"].is_string() && body["expires_in"] == 86_400 && body["scope"] == "gauzy:all",
            "{body}"
        );
        assert_eq!(hosts.opens(0, &body["access_token"]).await, 200);
    }
}

#[tokio::test]
async fn a_code_ends_when_its_time_is_up() {
    let hosts = Hosts::start(&[options().env("LENO_OAUTH_CODE_SECONDS", "1")]).await;
    let code = hosts.code(0).await;
    let end = std::time::Instant::now() + Duration::from_millis(2_100);
    tokio::time::sleep_until(end.into()).await;
    let (status, body) = hosts.redeem(0, &code).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{body}");
}
