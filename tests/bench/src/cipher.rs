//! What it costs to check and decrypt the value of a connection.

use std::time::Instant;

use anyhow::Result;
use leno_vault::{Key, Keyring, Place};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    effort::Effort,
    table::{Budget, Table},
};

/// Values opened between two readings of the clock.
const ROUND: u64 = 1_000;

pub(crate) fn measure(table: &mut Table, effort: Effort) -> Result<()> {
    let keyring = Keyring::new(Key::parse(&"0123456789abcdef".repeat(4).into())?, Vec::new());
    let place =
        Place { table: "app_connection", tenant: "tenant", row: "row", facts: &["owner", "piece", "OAUTH2", "1"] };
    // As long as an OAuth 2.0 connection with signed tokens.
    let value = json!({
        "type": "OAUTH2", "access_token": "a".repeat(900), "refresh_token": "r".repeat(300), "expires_in": 3600,
        "claimed_at": 1_700_000_000, "token_url": "https://provider.example/token", "client_id": "client",
        "client_secret": "s".repeat(40), "data": {},
    });
    let plain = value.to_string();
    let sealed = keyring.seal(&plain.as_str().into(), place)?;
    let (begun, mut opened) = (Instant::now(), 0);
    while begun.elapsed() < effort.time {
        for _ in 0..ROUND {
            anyhow::ensure!(
                keyring.open(&sealed, place)?.expose_secret().len() == plain.len(),
                "another value came out"
            );
        }
        opened += ROUND;
    }
    let rate = opened as f64 / begun.elapsed().as_secs_f64();
    let what = format!("a value of {} bytes checked (HMAC) and decrypted (AES-CBC), one core", plain.len());
    table.row(&what, format!("{rate:.0}/s"), "-", None, Budget::None);
    Ok(())
}
