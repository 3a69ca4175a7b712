//! What the authorization server does in a second: codes that are redeemed once each, and refusals beside a good client.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use leno_testkit::{
    Caller, Options, Server,
    fresh::{self, Fresh},
};
use serde_json::{Value, json};

use crate::{
    bare,
    effort::Effort,
    load,
    table::{Budget, Table},
};

const CLIENT: &str = "bench";
const SECRET: &str = "secret-of-the-bench";
const REDIRECT: &str = "https://app.example.com/cb";
const AT: &str = "/api/integration/ever-gauzy/oauth";
/// Clients at once.
const CLIENTS: usize = 200;
/// Codes for each second of the measurement.
const CODES: u64 = 500;
/// How much slower a good client may be beside a flood of refused ones.
const SLOWER: f64 = 3.0;

fn options() -> Options {
    Options::new()
        .env("LENO_LOG", "warn")
        .env("GAUZY_OAUTH_APP_CLIENT_ID", CLIENT)
        .env("GAUZY_OAUTH_APP_CLIENT_SECRET", SECRET)
        .env("GAUZY_OAUTH_APP_CODE_SECRET", "code-secret")
        .env("GAUZY_OAUTH_APP_REDIRECT_URIS", REDIRECT)
        .env("LENO_OAUTH_CODE_SECONDS", "600")
        .env("LENO_OAUTH_PEER_REQUESTS", "0")
        .env("LENO_OAUTH_CLIENT_REQUESTS", "0")
        .env("LENO_PEER_AUTHORIZATIONS", "100000")
        .env("LENO_AUTHORIZATIONS", "100000")
        .env("LENO_USER_GRANTS", "100000")
        .env("LENO_TENANT_GRANTS", "100000")
}

pub(crate) async fn measure(table: &mut Table, effort: Effort) -> Result<()> {
    let codes = CODES * effort.time.as_secs();
    let server = Server::start(options().sqlite()).await?;
    redeem(table, "SQLite", &server, codes).await?;
    flood(table, effort, &server).await?;
    drop(server);
    let Some(fresh) = Fresh::postgres("the bench").await else { return Ok(()) };
    let on_postgres = options().env("DATABASE_URL", &fresh.url());
    let server = Server::start(on_postgres.clone()).await?;
    redeem(table, "PostgreSQL", &server, codes).await?;
    drop(server);
    let Some(redis) = fresh::redis("the bench") else { return Ok(()) };
    let on_redis = on_postgres.env("REDIS_ENABLED", "true").env("REDIS_URL", redis);
    let server = Server::start(on_redis).await?;
    redeem(table, "PostgreSQL and Redis", &server, codes).await?;
    drop(server);
    fresh.remove().await;
    Ok(())
}

/// A request for a token.
fn token(form: &[(&str, &str)]) -> Result<Vec<u8>> {
    let url = reqwest::Url::parse_with_params("http://form", form)?;
    let body = url.query().unwrap_or_default();
    Ok(format!(
        "POST {AT}/token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// Redeems each of so many codes once.
async fn redeem(table: &mut Table, database: &str, server: &Server, count: u64) -> Result<()> {
    let tokens = futures_util::future::join_all((0..8).map(|_| codes(server, count / 8))).await;
    let mut requests = Vec::new();
    for codes in tokens {
        for code in codes? {
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT),
                ("client_secret", SECRET),
                ("redirect_uri", REDIRECT),
                ("code", code.as_str()),
            ];
            requests.push(token(&form)?);
        }
    }
    let mut done = load::once(load::address(server.url())?, requests, CLIENTS).await?;
    let (p50, p99) = (bare::percentile(&mut done.times, 50), bare::percentile(&mut done.times, 99));
    table.row(
        &format!("codes redeemed ({database})"),
        format!("{:.0}/s (p50 {p50:.1?}, p99 {p99:.1?})", done.rate),
        format!("{count} codes, {CLIENTS} clients at once"),
        None,
        Budget::None,
    );
    Ok(())
}

/// Codes that a user gave.
async fn codes(server: &Server, count: u64) -> Result<Vec<String>> {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let user = server.client_of(&Caller::user());
    let query = [("client_id", CLIENT), ("redirect_uri", REDIRECT), ("response_type", "code")];
    let url = reqwest::Url::parse_with_params(&format!("{}{AT}/authorize", server.url()), query)?;
    let find = |to: &str, name: &str| -> Result<String> {
        let to = reqwest::Url::parse(to)?;
        let found = to.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.with_context(|| format!("no {name} in {to}"))
    };
    let mut codes = Vec::new();
    for _ in 0..count {
        let begun = http.get(url.clone()).send().await?;
        let to = begun.headers().get("location").context("no redirect")?.to_str()?;
        let id = find(to, "request_id")?;
        let approved = user.post(&format!("{AT}/authorize"), &json!({"request_id": id})).await?;
        codes.push(find(approved.body.pointer("/redirect_url").and_then(Value::as_str).unwrap_or_default(), "code")?);
    }
    Ok(codes)
}

/// A client that renews its token, alone and beside many who guess secrets from another address.
async fn flood(table: &mut Table, effort: Effort, server: &Server) -> Result<()> {
    let quiet = renewals(server, effort.time / 2).await?;
    let guess =
        Arc::new(token(&[("client_id", CLIENT), ("client_secret", "a guess"), ("grant_type", "refresh_token")])?);
    let url = format!("{}{AT}/token", server.url());
    let until = Instant::now() + effort.time / 2;
    let flood: Vec<_> = (0..32)
        .map(|_| {
            let (url, guess) = (url.clone(), guess.clone());
            tokio::spawn(async move {
                let http = reqwest::Client::builder().no_proxy().local_address(Some([127, 0, 0, 2].into())).build()?;
                let body = guess.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
                let mut refused = 0_u64;
                while Instant::now() < until {
                    let request = http.post(&url).header("content-type", "application/x-www-form-urlencoded");
                    let status = request.body(body.clone()).send().await?.status().as_u16();
                    ensure!(matches!(status, 401 | 429), "a guess was answered {status}");
                    refused += 1;
                }
                Ok(refused)
            })
        })
        .collect();
    let beside = renewals(server, effort.time / 2).await?;
    let mut refused = 0;
    for task in flood {
        refused += task.await??;
    }
    let rate = refused as f64 / (effort.time / 2).as_secs_f64();
    let times = beside.as_secs_f64() / quiet.as_secs_f64();
    table.row(
        "a client's renewals beside guesses from another address (p99, SQLite)",
        format!("{beside:.1?}, {rate:.0} guesses/s refused"),
        format!("{quiet:.1?} alone"),
        Some(times),
        Budget::AtMost(SLOWER),
    );
    Ok(())
}

/// The p99 of a client that renews its token again and again.
async fn renewals(server: &Server, time: Duration) -> Result<Duration> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}{AT}/token", server.url());
    let send = async |form: &[(&str, &str)]| -> Result<Value> {
        let body = reqwest::Url::parse_with_params("http://form", form)?.query().unwrap_or_default().to_owned();
        let request = http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await?;
        ensure!(answer.status() == 200, "the client was answered {}", answer.status());
        Ok(answer.json().await?)
    };
    let code = codes(server, 1).await?.pop().context("no code")?;
    let proof = [("client_id", CLIENT), ("client_secret", SECRET)];
    let form =
        [&proof[..], &[("grant_type", "authorization_code"), ("redirect_uri", REDIRECT), ("code", &code)]].concat();
    let mut got = send(&form).await?;
    let (mut times, until) = (Vec::new(), Instant::now() + time);
    while Instant::now() < until {
        let token = got.pointer("/refresh_token").and_then(Value::as_str).context("no refresh token")?.to_owned();
        let begun = Instant::now();
        got = send(&[&proof[..], &[("grant_type", "refresh_token"), ("refresh_token", &token)]].concat()).await?;
        times.push(begun.elapsed());
    }
    Ok(bare::percentile(&mut times, 99))
}
