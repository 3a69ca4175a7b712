//! Memory over many calls and reloads, and reloads that no call notices.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use anyhow::{Result, ensure};
use leno_testkit::{Options, Run, Server, craft};

use crate::{
    effort::Effort,
    load,
    pieces::{INPUT, text},
    table::{Budget, Table},
};

pub(crate) async fn measure(table: &mut Table, effort: Effort) -> Result<()> {
    let options = Options::new()
        .env("LENO_LOG", "warn")
        .piece("text", text()?)
        .piece("versioned", craft::versioned::versioned("versioned", "1.0.0", "first-00").component());
    let server = Server::start(options).await?;
    server.client().active("text.wasm").await?;
    server.client().active("versioned.wasm").await?;
    let body = format!(r#"{{"input":{INPUT}}}"#);
    let request = load::post("/api/pieces/text/actions/echo/run", server.client().token(), &body);
    let address = load::address(server.url())?;

    // Warm: pools, caches and allocator arenas have their size after some load and some reloads.
    load::calls(address, &request, effort.calls / 10).await?;
    reload(&server, effort.reloads / 10, "warm").await?;
    let before = server.figures()?.resident;
    load::calls(address, &request, effort.calls).await?;
    let (calls, failures) = reload(&server, effort.reloads, "calm").await?;
    let after = server.figures()?.resident;

    let growth = after as f64 / before as f64;
    table.row(
        &format!("memory after {} calls and {} reloads", effort.calls, effort.reloads),
        format!("{:.1} MB", after as f64 / 1e6),
        format!("{:.1} MB before", before as f64 / 1e6),
        Some(growth),
        Budget::AtMost(1.05),
    );
    table.row(
        "calls that failed while the piece was replaced",
        format!("{failures} of {calls}"),
        "0",
        Some(failures as f64),
        Budget::AtMost(0.0),
    );
    Ok(())
}

/// Replaces a piece `times` times while it is being called. Returns the number of calls and of failures.
async fn reload(server: &Server, times: usize, marker: &str) -> Result<(u64, u64)> {
    let done = Arc::new(AtomicBool::new(false));
    let (calls, failures) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let caller = {
        let (client, done, calls, failures) = (server.client(), done.clone(), calls.clone(), failures.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let answer = client.run(&Run::new("versioned", "run")).await;
                calls.fetch_add(1, Ordering::Relaxed);
                if !answer.is_ok_and(|answer| answer.status == 200) {
                    failures.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    for turn in 0..times {
        let bytes = craft::versioned::versioned("versioned", "1.0.0", &format!("{marker}{turn:04}")).component();
        let digest = leno_base::Digest::of(&bytes).to_string();
        server.deliver("versioned.wasm", &bytes)?;
        server.client().active_with("versioned.wasm", &digest).await?;
    }
    done.store(true, Ordering::Relaxed);
    caller.await?;
    let (calls, failures) = (calls.load(Ordering::Relaxed), failures.load(Ordering::Relaxed));
    ensure!(calls > 0, "nothing was called while the piece was replaced");
    Ok((calls, failures))
}
