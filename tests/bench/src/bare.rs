//! Calls in the process: this crate's sandbox beside bare wasmtime on the same bytes.
//!
//! Bare is the least that has the same isolation: a pooling engine, a fresh store and instance for each call, WASI for
//! the guest's standard library, JSON text in and out. No limits, no clocks, no accounts. It is measured with the pool's
//! default settings, and tuned: what stays resident between two calls is what stays so in Leno's pool.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use leno_sandbox::{CallOptions, Engine, EngineConfig, Entry, Grant};
use wasmtime::{
    Config, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{
    effort::Effort,
    pieces::{INPUT, capabilities, text},
    table::{Budget, Table},
};

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::restriction)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "leno:piece/privileged-piece",
        exports: { default: async },
    });
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Bare wasmtime with the `text` piece.
struct Bare {
    engine: wasmtime::Engine,
    piece: bindings::PrivilegedPiecePre<State>,
}

impl Bare {
    fn new(bytes: &[u8], tuned: bool) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.max_memory_size(128 << 20);
        if tuned {
            leno_sandbox::keep_resident(&mut pool);
        }
        let mut config = Config::new();
        config.memory_reservation(128 << 20).concurrency_support(false);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let component = Component::from_binary(&engine, bytes)?;
        linker.define_unknown_imports_as_traps(&component)?;
        let piece = bindings::PrivilegedPiecePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, piece })
    }

    async fn call(&self, props: &String) -> Result<String> {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        let piece = self.piece.instantiate_async(&mut store).await?;
        let answer = piece.leno_piece_actions().call_run(&mut store, "echo", props).await?;
        answer.map_err(|error| anyhow::anyhow!("{}", error.message))
    }
}

/// Calls of a no-op: median times and calls a second on all cores. Returns the rate of tuned bare wasmtime.
pub(crate) async fn measure(table: &mut Table, effort: Effort) -> Result<f64> {
    let bytes = text()?;
    let untuned = Arc::new(Bare::new(&bytes, false)?);
    let tuned = Arc::new(Bare::new(&bytes, true)?);
    let engine = Engine::new(EngineConfig::default())?;
    let begun = Instant::now();
    let piece = engine.load(bytes.into(), |_| Grant::default()).await?;
    let loading = begun.elapsed();

    for (what, size, budget) in [("small", 5, 1.3), ("1 MiB", 1 << 20, 1.2)] {
        let props = format!(r#"{{"value":"{}"}}"#, "x".repeat(size));
        let turn = if size > 1000 { 4 } else { 200 };
        let (mut untuned_times, mut tuned_times, mut leno_times) = (Vec::new(), Vec::new(), Vec::new());
        let until = Instant::now() + effort.time;
        // By turns, so that whatever else the machine does hits all.
        while Instant::now() < until {
            for (bare, times) in [(&untuned, &mut untuned_times), (&tuned, &mut tuned_times)] {
                for _ in 0..turn {
                    let begun = Instant::now();
                    let answer = bare.call(&props).await?;
                    times.push(begun.elapsed());
                    ensure!(answer.len() >= size, "the bare call answered {answer}");
                }
            }
            for _ in 0..turn {
                let begun = Instant::now();
                let entry = Entry::Run { action: "echo", props: &props };
                let report = piece.call(&entry, capabilities(), CallOptions::default()).await;
                leno_times.push(begun.elapsed());
                report.result?;
            }
        }
        let leno = percentile(&mut leno_times, 50);
        let spread = format!("{leno:.1?} (p99 {:.1?})", percentile(&mut leno_times, 99));
        let ratio = |bare: Duration| Some(leno.as_secs_f64() / bare.as_secs_f64());
        let what = format!("in-process call, no-op, {what} JSON, median");
        let (tuned, untuned) = (percentile(&mut tuned_times, 50), percentile(&mut untuned_times, 50));
        let baseline = format!("{tuned:.1?} bare wasmtime, tuned alike");
        table.row(&what, &spread, baseline, ratio(tuned), Budget::AtMost(budget));
        table.row(
            "the same beside default settings",
            spread,
            format!("{untuned:.1?} bare wasmtime"),
            ratio(untuned),
            Budget::None,
        );
    }

    let mut rates = Vec::new();
    for bare in [&untuned, &tuned] {
        let bare = bare.clone();
        let call = move || {
            let bare = bare.clone();
            async move { bare.call(&INPUT.to_owned()).await.map(drop) }
        };
        rates.push(rate(effort.time, call).await?);
    }
    let leno_rate = rate(effort.time, move || {
        let piece = piece.clone();
        async move {
            let props = INPUT.to_owned();
            let entry = Entry::Run { action: "echo", props: &props };
            piece.call(&entry, capabilities(), CallOptions::default()).await.result.map(drop).map_err(Into::into)
        }
    })
    .await?;
    let [untuned, tuned] = rates.as_slice() else { unreachable!("two were measured") };
    let bare = format!("{tuned:.0}/s bare wasmtime, tuned alike; {untuned:.0}/s with its defaults");
    table.row(
        "in-process calls a second, all cores",
        format!("{leno_rate:.0}/s"),
        bare,
        Some(leno_rate / tuned),
        Budget::None,
    );
    table.row("first load of a piece, not cached", format!("{loading:.1?}"), "-", None, Budget::None);
    Ok(*tuned)
}

/// Calls a second with one task per core.
async fn rate<F, Fut>(time: Duration, call: F) -> Result<f64>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..cores)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while begun.elapsed() < time {
                    call().await?;
                    calls += 1;
                }
                anyhow::Ok(calls)
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await??;
    }
    Ok(calls as f64 / begun.elapsed().as_secs_f64())
}

/// The time that `percent` of `times` stay within.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}
