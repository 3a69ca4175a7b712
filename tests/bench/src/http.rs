//! The run endpoint over HTTP, beside an empty axum handler and bare calls.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};
use axum::{Json, Router, routing::post};
use leno_testkit::{Options, Server};

use crate::{
    bare,
    effort::Effort,
    load,
    pieces::{INPUT, text},
    serve,
    table::{Budget, Table},
};

/// The route that is measured, on both servers.
const PATH: &str = "/api/pieces/text/actions/echo/run";

/// The baseline server: takes the same request on the same route and returns a JSON body of the same size.
pub(crate) async fn serve_empty() -> Result<()> {
    let answer = || async {
        Json(serde_json::json!({
            "runId": "019a0000-0000-7000-8000-000000000000", "piece": "text", "version": "0.1.0",
            "digest": "0000000000000000000000000000000000000000000000000000000000000000", "output": "hello", "logs": [],
            "usage": { "cpuMicros": 30, "wallMicros": 40, "memoryBytes": 1_114_112, "httpRequests": 0, "bytesIn": 0, "bytesOut": 0 },
        }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route(PATH, post(answer))).await?;
    Ok(())
}

/// A child that is ended when it is dropped.
struct Empty(Child);

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_empty() -> Result<(Empty, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?).arg("--empty-axum").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    Ok((Empty(child), load::address(line.trim_start_matches("listening on "))?))
}

pub(crate) async fn measure(table: &mut Table, effort: Effort, bare: f64) -> Result<()> {
    let body = format!(r#"{{"input":{INPUT}}}"#);
    let (empty, empty_address) = start_empty()?;
    let server = Server::start(Options::new().env("LENO_LOG", "warn").piece("text", text()?)).await?;
    server.client().active("text.wasm").await?;
    let request = load::post(PATH, server.client().token(), &body);
    let leno_address = load::address(server.url())?;

    // A first round warms both up and is thrown away.
    for (address, time) in [(empty_address, effort.time / 4), (leno_address, effort.time / 4)] {
        load::run(address, &request, time).await?;
    }
    let axum = load::run(empty_address, &request, effort.time).await?;
    let mut leno = load::run(leno_address, &request, effort.time).await?;
    drop(empty);

    let possible = 1.0 / (1.0 / axum.rate + 1.0 / bare);
    let (p50, p99) = (bare::percentile(&mut leno.times, 50), bare::percentile(&mut leno.times, 99));
    table.row("empty axum handler", format!("{:.0}/s", axum.rate), "-", None, Budget::None);
    table.row(
        "run endpoint over HTTP, no-op action",
        format!("{:.0}/s (p50 {p50:.1?}, p99 {p99:.1?})", leno.rate),
        format!("{possible:.0}/s = 1/(1/axum + 1/bare)"),
        Some(leno.rate / possible),
        Budget::AtLeast(0.7),
    );
    drop(server);
    let what = "the same beside `wasmtime serve`, a fresh instance for each request";
    match serve::measure(effort).await? {
        Some(serve) => table.row(
            what,
            format!("{:.0}/s", leno.rate),
            format!("{serve:.0}/s `wasmtime serve`, a hello component"),
            Some(leno.rate / serve),
            Budget::AtLeast(1.5),
        ),
        None => table.row(what, "not measured: no wasmtime on PATH", "-", None, Budget::None),
    }
    Ok(())
}
