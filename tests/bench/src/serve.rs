//! `wasmtime serve`: what one gets without this host, a fresh instance for each request.
//!
//! It runs the guest `hello-http`. There is no token, no JSON and no piece: less work than the run endpoint does.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{effort::Effort, load, load::address};

/// The program that `LENO_BENCH_WASMTIME` names, else the one on the path.
fn program() -> Option<PathBuf> {
    let named = env::var_os("LENO_BENCH_WASMTIME").filter(|name| !name.is_empty()).map(PathBuf::from);
    let searched = || {
        let path: OsString = env::var_os("PATH")?;
        env::split_paths(&path).map(|directory| directory.join("wasmtime")).find(|file| file.is_file())
    };
    named.or_else(searched)
}

/// A child that is ended when it is dropped.
struct Serving {
    child: Child,
    _guest: tempfile::NamedTempFile,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(program: &Path) -> Result<(Serving, SocketAddr)> {
    let guest = tempfile::NamedTempFile::with_suffix(".wasm")?;
    std::fs::write(guest.path(), leno_testkit::guests::guest("hello-http"))?;
    let child = Command::new(program)
        // One request to an instance: the default for such components, and the same isolation as a piece's. The guest's
        // standard library wants an environment.
        .args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--max-instance-reuse-count", "1"])
        .arg(guest.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let mut serving = Serving { child, _guest: guest };
    let mut line = String::new();
    BufReader::new(serving.child.stderr.take().context("no output")?).read_line(&mut line)?;
    let told = line.trim().strip_prefix("Serving HTTP on ");
    let address = address(told.with_context(|| format!("`{} serve` said: {line}", program.display()))?)?;
    Ok((serving, address))
}

/// Requests a second of `wasmtime serve`; `None` without that program.
pub(crate) async fn measure(effort: Effort) -> Result<Option<f64>> {
    let Some(program) = program() else { return Ok(None) };
    let (_serving, address) = start(&program)?;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    load::run(address, request, effort.time / 4).await?;
    Ok(Some(load::run(address, request, effort.time).await?.rate))
}
