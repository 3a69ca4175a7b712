//! What a stored connection costs: for one run, and for many readers while tokens end.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use leno_testkit::{Grant, Options, Server, peers::Scripted};
use serde_json::json;

use crate::{
    bare,
    effort::Effort,
    load,
    load::address,
    table::{Budget, Table},
};

const PIECE: &str = "oauth-probe";
const INTERNAL: &str = "internal-token-of-the-bench";
/// Connections that are read.
const STORED: u64 = 10_000;
/// Readers at once.
const READERS: usize = 200;
/// Reads a second that are wanted, each with its row in the audit log.
const DECRYPTS: f64 = 5_000.0;
/// The life of their tokens in seconds, and how long before its end a token is renewed.
const LIFE: u64 = 3600;
const AHEAD: u64 = 900;

pub(crate) async fn measure(table: &mut Table, effort: Effort) -> Result<()> {
    let provider = Scripted::start().await?;
    let options = Options::new()
        .env("LENO_LOG", "warn")
        .env("INTERNAL_API_TOKEN", INTERNAL)
        .env("LENO_USER_CONNECTIONS", "100000")
        .env("LENO_TENANT_CONNECTIONS", "100000")
        .guest(PIECE)
        .grant(PIECE, Grant::private([provider.address]));
    let server = Server::start(options).await?;
    server.client().active("oauth-probe.wasm").await?;
    runs(table, effort, &server).await?;
    readers(table, effort, &server, &provider).await
}

/// The run endpoint with a connection that the action reads, beside an action without one.
async fn runs(table: &mut Table, effort: Effort, server: &Server) -> Result<()> {
    let client = server.client();
    let stored = client
        .post(
            "/api/app-connections",
            &json!({
                "externalId": "run", "displayName": "run", "pieceName": PIECE, "type": "SECRET_TEXT",
                "value": {"type": "SECRET_TEXT", "secret_text": "a-secret-of-the-bench"},
            }),
        )
        .await?;
    ensure!(stored.status == 201, "the connection is not stored: {}", stored.text);
    let run = |action: &str, body: &str| {
        load::post(&format!("/api/pieces/{PIECE}/actions/{action}/run"), client.token(), body)
    };
    let without = run("idle", r#"{"input":{}}"#);
    let with = run("noop", r#"{"input":{},"connectionExternalId":"run"}"#);
    let address = address(server.url())?;
    for request in [&without, &with] {
        load::run(address, request, effort.time / 4).await?;
    }
    let without = load::run(address, &without, effort.time).await?;
    let mut with = load::run(address, &with, effort.time).await?;
    let (p50, p99) = (bare::percentile(&mut with.times, 50), bare::percentile(&mut with.times, 99));
    table.row(
        "run endpoint with a stored connection (SQLite)",
        format!("{:.0}/s (p50 {p50:.1?}, p99 {p99:.1?})", with.rate),
        format!("{:.0}/s without one", without.rate),
        Some(with.rate / without.rate),
        Budget::AtLeast(0.7),
    );
    Ok(())
}

/// Many readers of many connections, one in a hundred of which is due for a new token each minute.
async fn readers(table: &mut Table, effort: Effort, server: &Server, provider: &Scripted) -> Result<()> {
    let client = server.client();
    let address = address(server.url())?;
    let due = (STORED / 100 * effort.time.as_secs()).div_ceil(60);
    // Storing them all takes a while; those that are due early are due at once.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let stored: Vec<Vec<u8>> = (0..STORED)
        .map(|number| {
            // A token is due when less than AHEAD of its life is left.
            let claimed_at = if number < due { now + AHEAD - LIFE } else { now };
            let body = json!({
                "externalId": format!("c{number}"), "displayName": "bench", "pieceName": PIECE, "type": "OAUTH2",
                "value": {
                    "type": "OAUTH2", "access_token": format!("access-of-{number}"), "token_type": "Bearer",
                    "refresh_token": format!("refresh-of-{number}"), "scope": "read", "expires_in": LIFE,
                    "claimed_at": claimed_at + number * effort.time.as_secs() / due.max(1) * u64::from(number < due),
                    "token_url": format!("{}/token", provider.url()), "client_id": "bench", "client_secret": "bench",
                    "redirect_url": "", "props": {"base": provider.url()}, "data": {},
                },
            });
            load::post("/api/app-connections", client.token(), &body.to_string())
        })
        .collect();
    load::once(address, stored, 16).await?;

    let owner = server.operator();
    let tenant = owner.tenant_id.unwrap_or_default();
    let reads = (0..STORED).map(|number| {
        let path = format!("/api/internal/connections/c{number}/decrypt?tenantId={tenant}&ownerId={}", owner.id);
        load::get(&path, &format!("x-internal-token: {INTERNAL}"))
    });
    let reads = Arc::new(reads.collect::<Vec<_>>());
    let mut read = load::run_each(address, reads, READERS, effort.time).await?;
    let (p50, p99) = (bare::percentile(&mut read.times, 50), bare::percentile(&mut read.times, 99));

    let received = provider.received();
    let refreshes = received.iter().map(|request| request.body.as_slice()).collect::<BTreeSet<_>>().len();
    ensure!(refreshes == received.len(), "{} refreshes were sent twice", received.len() - refreshes);
    table.row(
        "a stored connection read through the decrypt endpoint",
        format!("{:.0}/s (p50 {p50:.1?}, p99 {p99:.1?}), each of {refreshes} due tokens renewed once", read.rate),
        format!("{DECRYPTS:.0}/s; {STORED} connections, {READERS} readers, 1 % due each minute"),
        Some(read.rate / DECRYPTS),
        Budget::AtLeast(1.0),
    );
    Ok(())
}
