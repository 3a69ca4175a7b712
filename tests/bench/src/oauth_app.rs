//! What the authorization server does in a second: codes that are redeemed once each, and refusals beside a good client.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use leno_testkit::{
    Caller, OAuthClient, Options, Server,
    fresh::{self, Fresh},
    oauth_client::{AT, CLIENT, REDIRECT, SECRET, form, redemption},
};
use serde_json::Value;

use crate::{
    bare,
    effort::Effort,
    load,
    table::{Budget, Table},
};

/// Clients at once.
const CLIENTS: usize = 200;
/// Codes for each second of the measurement.
const CODES: u64 = 500;
/// How much slower a good client may be beside a flood of refused ones.
const SLOWER: f64 = 3.0;

fn options() -> Options {
    Options::new()
        .env("LENO_LOG", "warn")
        .oauth_client(REDIRECT)
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

/// A request for a token, as bytes.
fn token(form: &str) -> Vec<u8> {
    format!(
        "POST {AT}/token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )
    .into_bytes()
}

/// Redeems each of so many codes once.
async fn redeem(table: &mut Table, database: &str, server: &Server, count: u64) -> Result<()> {
    let tokens = futures_util::future::join_all((0..8).map(|_| codes(server, count / 8))).await;
    let mut requests = Vec::new();
    for codes in tokens {
        for code in codes? {
            requests.push(token(&redemption(&code, REDIRECT)));
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
    let (client, user) = (OAuthClient::new(server.url(), None), server.client_of(&Caller::user()));
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(client.code(&client, user.token()).await?);
    }
    Ok(codes)
}

/// A client that renews its token, alone and beside many who guess secrets from another address.
async fn flood(table: &mut Table, effort: Effort, server: &Server) -> Result<()> {
    let quiet = renewals(server, effort.time / 2).await?;
    let until = Instant::now() + effort.time / 2;
    let flood: Vec<_> = (0..32)
        .map(|_| {
            let client = OAuthClient::new(server.url(), Some([127, 0, 0, 2].into()));
            tokio::spawn(async move {
                let guess = [("client_id", CLIENT), ("client_secret", "a guess"), ("grant_type", "refresh_token")];
                let mut refused = 0_u64;
                while Instant::now() < until {
                    let (status, _) = client.token(form(&guess)).await?;
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
    let client = OAuthClient::new(server.url(), None);
    let code = codes(server, 1).await?.pop().context("no code")?;
    let (mut status, mut got) = client.redeem(&code).await?;
    let (mut times, until) = (Vec::new(), Instant::now() + time);
    while Instant::now() < until {
        ensure!(status == 200, "the client was answered {status}");
        let token = got.pointer("/refresh_token").and_then(Value::as_str).context("no refresh token")?.to_owned();
        let pairs = [
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
        ];
        let begun = Instant::now();
        (status, got) = client.token(form(&pairs)).await?;
        times.push(begun.elapsed());
    }
    Ok(bare::percentile(&mut times, 99))
}
