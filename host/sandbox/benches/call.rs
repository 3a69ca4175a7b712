//! One call of a no-op action: this crate beside bare wasmtime on the same bytes.
//!
//! Bare is the least that has the same isolation: a pooling engine, a fresh store and instance for each call, WASI for
//! the guest's standard library, JSON text in and out. No limits, no clocks, no accounts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{hint::black_box, path::PathBuf, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use leno_sandbox::{CallOptions, Capabilities, Context, Engine, EngineConfig, Entry, Grant, NoStore};
use wasmtime::{
    Config, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

fn component() -> Arc<[u8]> {
    let directory = std::env::var_os("LENO_TEST_PIECES").map_or_else(|| PathBuf::from("../../pieces"), PathBuf::from);
    std::fs::read(directory.join("text.wasm")).expect("pieces/text.wasm: run `cargo xtask pieces`").into()
}

struct Nowhere;

#[async_trait::async_trait]
impl leno_egress::Transport for Nowhere {
    async fn send(
        &self,
        _: leno_egress::Request,
        _: &leno_egress::Policy,
        _: &leno_egress::Caps,
    ) -> Result<leno_egress::Response, leno_egress::Error> {
        Err(leno_egress::Error::Invalid { problem: "no network in a bench".into() })
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        context: Context { run_id: "bench".into(), attempt: 1, idempotency_key: "bench".into(), webhook_url: None },
        tenant: None,
        connection: None,
        transport: Arc::new(Nowhere),
        store: Arc::new(NoStore),
        log: None,
        setup: None,
        audit: None,
        clock: None,
    }
}

struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "leno:piece/privileged-piece",
        exports: { default: async },
    });
}

fn call(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bytes = component();

    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(128 << 20);
    let mut config = Config::new();
    config.memory_reservation(128 << 20).concurrency_support(false);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = wasmtime::Engine::new(&config).unwrap();
    let mut linker = Linker::<Bare>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    let component = Component::from_binary(&engine, &bytes).unwrap();
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let bare = bindings::PrivilegedPiecePre::new(linker.instantiate_pre(&component).unwrap()).unwrap();

    let leno = Engine::new(EngineConfig::default()).unwrap();
    let piece = runtime.block_on(leno.load(bytes, |_| Grant::default())).unwrap();

    for (name, size) in [("small", 16), ("1 MiB", 1 << 20)] {
        let props = serde_json::json!({ "value": "x".repeat(size) }).to_string();
        let mut group = c.benchmark_group(format!("no-op action, {name}"));
        group.throughput(Throughput::Elements(1));
        group.bench_function("bare wasmtime", |b| {
            b.to_async(&runtime).iter(|| async {
                let state = Bare { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
                let mut store = Store::new(&engine, state);
                let piece = bare.instantiate_async(&mut store).await.unwrap();
                let answer = piece.leno_piece_actions().call_run(&mut store, "echo", &props).await.unwrap().unwrap();
                black_box(answer)
            });
        });
        group.bench_function("leno-sandbox", |b| {
            b.to_async(&runtime).iter(|| async {
                let entry = Entry::Run { action: "echo", props: &props };
                let report = piece.call(&entry, capabilities(), CallOptions::default()).await;
                black_box(report.result.unwrap())
            });
        });
        group.finish();
    }
}

criterion_group!(benches, call);
criterion_main!(benches);
