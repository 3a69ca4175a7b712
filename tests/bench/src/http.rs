//! The run endpoint over HTTP, beside an empty axum handler and bare calls.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use axum::{Json, Router, routing::post};
use leno_testkit::{
    Options, Server,
    process::{self, Running},
};
use tokio::process::Command;

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

async fn start_empty() -> Result<(Running, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--empty-axum");
    let empty = Running::start(command)?;
    let address =
        empty.stdout.first(load::START, |line| line.strip_prefix("listening on ").map(load::address)).await??;
    Ok((empty, address))
}

pub(crate) async fn measure(table: &mut Table, effort: Effort, bare: f64) -> Result<()> {
    let body = format!(r#"{{"input":{INPUT}}}"#);
    let (empty, empty_address) = start_empty().await?;
    let server = Server::start(Options::new().env("LENO_LOG", "warn").piece("text", text()?)).await?;
    server.client().active("text.wasm").await?;
    let request = load::post(PATH, server.client().token(), &body);
    let leno_address = load::address(server.url())?;

    // A first round warms both up and is thrown away.
    for (address, time) in [(empty_address, effort.time / 4), (leno_address, effort.time / 4)] {
        load::run(address, &request, time).await?;
    }
    let axum = load::run(empty_address, &request, effort.time).await?;
    let cpu = || anyhow::Ok((process::figures(std::process::id())?.cpu, server.figures()?.cpu));
    let (load_before, leno_before) = cpu()?;
    let mut leno = load::run(leno_address, &request, effort.time).await?;
    let (load_after, leno_after) = cpu()?;
    let (load_cpu, leno_cpu) = (load_after - load_before, leno_after - leno_before);
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
    let each = |cpu: Duration| format!("{:.1?} a request", cpu.div_f64(leno.times.len() as f64));
    table.row(
        "CPU time of it, and of the load generator on the same cores",
        each(leno_cpu),
        format!(
            "{} of the load generator: {:.0} % of all",
            each(load_cpu),
            100.0 * load_cpu.div_duration_f64(load_cpu + leno_cpu)
        ),
        None,
        Budget::None,
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
