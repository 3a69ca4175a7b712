//! Third parties beside Leno: a real OAuth provider, a browser, Node's own cryptography.
//!
//! They are Node programs in `tests/interop/peers`, run where their packages were installed: in `LENO_PEERS_DIR`, else in
//! `peers` in the target directory, which `cargo xtask test` fills.

mod browser;
mod provider;
mod scripted;

pub use browser::{Browser, Page};
pub use provider::{Fault, Provider, Setup, State};
pub use scripted::Scripted;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::guests;

/// The client's secret at the provider, for both of its confidential clients.
pub const CLIENT_SECRET: &str = "leno-secret-0123456789";

/// The folder with the peers and their packages; `None`, said on standard error, if `cargo xtask test` did not install
/// them, which with `CI=true` fails before any test runs.
#[must_use]
#[allow(clippy::print_stderr, reason = "a test that does not run must say so")]
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("LENO_PEERS_DIR").map(PathBuf::from);
    let folder = named.or_else(|| Some(guests::target_dir()?.join("peers"))).unwrap_or_default();
    if folder.join("node_modules/oidc-provider").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no peers in {}; `cargo xtask test` installs them", folder.display());
    None
}

/// Runs a program of the peers, with `input` as JSON on its standard input. Returns its output as JSON.
///
/// # Errors
/// When it fails; with what it said.
pub async fn node(folder: &Path, program: &str, input: &Value) -> anyhow::Result<Value> {
    let mut command = Command::new("node");
    command.arg(program).current_dir(folder);
    run(command, program, input).await
}

/// Runs the program called `name`, with `input` as JSON on its standard input. Returns its output as JSON.
///
/// # Errors
/// When it fails; with what it said.
pub async fn run(mut command: Command, name: &str, input: &Value) -> anyhow::Result<Value> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    stdin.write_all(input.to_string().as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{name} failed ({}): {stderr}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no JSON; it said: {stderr}"))
}

/// A port of 127.0.0.1 that was free a moment ago: for a server whose address must be known before it starts.
///
/// # Errors
/// When there is none.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
