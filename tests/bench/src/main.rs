//! Prints the table of speed budgets, each figure beside its baseline measured in the same run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

mod bare;
mod cache;
mod cipher;
mod connections;
mod effort;
mod host;
mod http;
mod load;
mod oauth_app;
mod pieces;
mod serve;
mod start;
mod steady;
mod table;

use std::{env, path::PathBuf, time::Duration};

use anyhow::Result;

use crate::{effort::Effort, table::Table};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let record = args.iter().position(|arg| arg == "--record").and_then(|at| args.get(at + 1)).map(PathBuf::from);
    let effort = match quick {
        true => Effort { time: Duration::from_secs(2), calls: 10_000, reloads: 100 },
        false => Effort { time: Duration::from_secs(8), calls: 100_000, reloads: 1_000 },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.iter().any(|arg| arg == "--empty-axum") {
        return runtime.block_on(http::serve_empty());
    }
    let mut table = Table::default();
    runtime.block_on(async {
        let bare = bare::measure(&mut table, effort).await?;
        http::measure(&mut table, effort, bare).await?;
        cipher::measure(&mut table, effort)?;
        connections::measure(&mut table, effort).await?;
        oauth_app::measure(&mut table, effort).await?;
        cache::measure(&mut table).await?;
        start::measure(&mut table).await?;
        steady::measure(&mut table, effort).await
    })?;
    println!("{table}");
    if let Some(path) = record {
        std::fs::write(&path, table.document())?;
        eprintln!("written to {}", path.display());
    }
    match table.missed() {
        0 => Ok(()),
        missed => anyhow::bail!("{missed} budget(s) missed"),
    }
}
