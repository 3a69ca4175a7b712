//! `wasmtime serve`: what one gets without this host, a fresh instance for each request.
//!
//! It runs the guest `hello-http`. There is no token, no JSON and no piece: less work than the run endpoint does.

use std::{
    env,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use leno_testkit::process::Running;
use tokio::process::Command;

use crate::{effort::Effort, load};

/// The program that `LENO_BENCH_WASMTIME` names, else the one on the path.
fn program() -> Option<PathBuf> {
    let named = env::var_os("LENO_BENCH_WASMTIME").filter(|name| !name.is_empty()).map(PathBuf::from);
    let searched = || {
        let path: OsString = env::var_os("PATH")?;
        env::split_paths(&path).map(|directory| directory.join("wasmtime")).find(|file| file.is_file())
    };
    named.or_else(searched)
}

async fn start(program: &Path) -> Result<(Running, SocketAddr, tempfile::NamedTempFile)> {
    let guest = tempfile::NamedTempFile::with_suffix(".wasm")?;
    std::fs::write(guest.path(), leno_testkit::guests::guest("hello-http"))?;
    let mut command = Command::new(program);
    // One request to an instance: the default for such components, and the same isolation as a piece's. The guest's
    // standard library wants an environment.
    command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--max-instance-reuse-count", "1"]).arg(guest.path());
    let serving = Running::start(command)?;
    let told = |line: &str| line.strip_prefix("Serving HTTP on ").map(load::address);
    let address = serving.stderr.first(load::START, told).await??;
    Ok((serving, address, guest))
}

/// Requests a second of `wasmtime serve`; `None` without that program.
pub(crate) async fn measure(effort: Effort) -> Result<Option<f64>> {
    let Some(program) = program() else { return Ok(None) };
    let (_serving, address, _guest) = start(&program).await?;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    load::run(address, request, effort.time / 4).await?;
    Ok(Some(load::run(address, request, effort.time).await?.rate))
}
