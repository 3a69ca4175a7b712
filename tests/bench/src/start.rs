//! How a host starts with many pieces, and what pieces and calls take of its memory.

use std::time::Duration;

use anyhow::{Result, ensure};
use leno_testkit::{Options, Run, Server, craft::versioned::versioned};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    pieces::text,
    table::{Budget, Table},
};

/// Pieces of a well-filled host.
const PIECES: u64 = 200;
/// Calls in flight at once: as many as one tenant gets of the piece's permits.
const CALLS: u64 = 48;
/// How long such a call sleeps: long enough for all of them to have begun.
const SLEEP: Duration = Duration::from_secs(3);

pub(crate) async fn measure(table: &mut Table) -> Result<()> {
    many_pieces(table).await?;
    calls_in_flight(table).await
}

/// The start with a warm cache, and memory of a piece that is not called.
async fn many_pieces(table: &mut Table) -> Result<()> {
    let one = Options::new().env("LENO_LOG", "warn").piece("text", text()?);
    let many = (0..PIECES).fold(one.clone(), |options, number| {
        let name = format!("piece-{number}");
        let bytes = versioned(&name, "1.0.0", &format!("mark-{number:03}")).component();
        options.piece(&name, bytes)
    });
    let (one, many) = (started_again(one).await?, started_again(many).await?);
    table.row(
        &format!("start with {PIECES} cached pieces, until all can be called"),
        format!("{:.0?}", many.started),
        format!("{:.0?} with one", one.started),
        None,
        Budget::None,
    );
    let memory = many.figures()?.resident.saturating_sub(one.figures()?.resident) as f64 / PIECES as f64;
    table.row("memory of an idle piece, a crafted one", format!("{:.0} kB", memory / 1e3), "-", None, Budget::None);
    Ok(())
}

/// A server that was started a second time: its pieces are compiled, and it listens when they are loaded.
async fn started_again(options: Options) -> Result<Server> {
    let server = Server::start(options).await?;
    all_active(&server).await?;
    let server = server.restart().await?;
    all_active(&server).await?;
    Ok(server)
}

/// Waits until every file is active.
async fn all_active(server: &Server) -> Result<()> {
    let client = server.client();
    for file in client.files().await? {
        client.active(&file.file).await?;
    }
    Ok(())
}

/// Memory of a call that waits.
async fn calls_in_flight(table: &mut Table) -> Result<()> {
    const GUEST: &str = "hostile";
    let options = Options::new().env("LENO_LOG", "warn").guest(GUEST);
    let server = Server::start(options).await?;
    let client = server.client();
    client.active(&format!("{GUEST}.wasm")).await?;
    let sleep = |time: Duration| Run::new(GUEST, "sleep").input(json!({ "ms": time.as_millis() as u64 }));
    client.run(&sleep(Duration::from_millis(1))).await?;
    let before = server.figures()?.resident;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (client, run) = (client.clone(), sleep(SLEEP));
        calls.spawn(async move { client.run(&run).await });
    }
    let in_flight = async || anyhow::Ok(client.metrics().await?.sum("leno_calls_in_flight", &[]));
    while in_flight().await? < CALLS as f64 {
        ensure!(!calls.is_empty(), "the calls ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let during = server.figures()?.resident;
    for answer in calls.join_all().await {
        ensure!(answer?.status == 200, "a sleeping call failed");
    }
    let each = during.saturating_sub(before) as f64 / CALLS as f64;
    table.row("memory of a call in flight", format!("{:.0} kB", each / 1e3), "-", None, Budget::None);
    Ok(())
}
