//! The wasmtime engine: one configuration for everything that compiles or runs a piece.

use std::{sync::Arc, time::Duration};

use leno_base::{
    TenantId,
    budget::{Budget, Budgets, Each},
    fair::Permit,
};
use leno_egress::PrivateGrant;
use serde::Serialize;
use wasmtime::component::Linker;

use crate::{
    Cache, Compiler, Failure, budgets, compile::CompileError, files::Files, linker, permits::Gate, settings,
    state::CallState,
};

/// How long guest code runs before the host checks its clocks. Short enough for a fair share of the threads, long
/// enough to cost nothing.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// How an [`Engine`] is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The limits of what calls share: see [`budgets`](crate::budgets).
    pub budgets: Budgets,
    /// How long a call waits for a permit before it is refused.
    pub queue_wait: Duration,
    /// Non-public addresses from which files by URL may be fetched.
    pub file_private: Vec<PrivateGrant>,
    /// Where compiled code is kept.
    pub cache: Option<Cache>,
    /// Where compilation happens.
    pub compiler: Compiler,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            budgets: Budgets::default(),
            queue_wait: Duration::from_secs(1),
            file_private: Vec::new(),
            cache: None,
            compiler: Compiler::InProcess,
        }
    }
}

/// An engine that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused: most often there is too little address space for the pool.
    #[error(
        "the WebAssembly engine could not start with room for {max_calls} calls (if the address space is limited, lower LENO_MAX_CALLS): {reason}"
    )]
    Start {
        /// [`budgets::MAX_CALLS`].
        max_calls: usize,
        /// wasmtime's words.
        reason: String,
    },
    /// The thread that ticks could not be started.
    #[error("the clock thread could not start: {0}")]
    Ticker(#[from] std::io::Error),
}

/// Compiles, loads and runs pieces. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) base: Linker<CallState>,
    pub(crate) privileged: Linker<CallState>,
    pub(crate) gate: Gate,
    pub(crate) files: Files,
    /// The memory of all guests, by tenant.
    pub(crate) memory: Each<Option<TenantId>>,
    /// Outputs and logs of ended calls, by tenant.
    pub(crate) outputs: Each<Option<TenantId>>,
    pub(crate) details: Arc<Budget>,
    pub(crate) denials: Arc<Budget>,
    pub(crate) config: EngineConfig,
}

/// How full the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Calls under way.
    pub calls: usize,
    /// Component instances alive.
    pub component_instances: u64,
    /// Core instances alive.
    pub core_instances: u64,
    /// Linear memories in use.
    pub memories: usize,
    /// Fiber stacks in use.
    pub stacks: usize,
}

impl Engine {
    /// Starts an engine and its clock thread, which ends with the engine.
    ///
    /// # Errors
    /// [`EngineError`]: too little address space, or no thread.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let calls = config.budgets.get(&budgets::MAX_CALLS);
        let max_calls = usize::try_from(calls.limit()).unwrap_or(usize::MAX);
        let failed = |error: wasmtime::Error| EngineError::Start { max_calls, reason: format!("{error:#}") };
        let wasmtime = settings::running(max_calls).map_err(failed)?;
        let base = linker::base(&wasmtime).map_err(failed)?;
        let privileged = linker::privileged(&base).map_err(failed)?;
        let weak = wasmtime.weak();
        // A separate thread: a guest that spins can hold every thread of the runtime, timers included.
        std::thread::Builder::new().name("leno-ticker".into()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
        let gate = Gate::new("this host".into(), calls, config.queue_wait);
        let memory = config.budgets.shared(&budgets::GUEST_MEMORY);
        let outputs = config.budgets.shared(&budgets::OUTPUT);
        let (details, denials) = (config.budgets.get(&budgets::ERROR_DETAILS), config.budgets.get(&budgets::DENIALS));
        let files = Files::new(&config.budgets, config.file_private.clone());
        Ok(Self(Arc::new(Inner { wasmtime, base, privileged, gate, files, memory, outputs, details, denials, config })))
    }

    /// How full the engine is.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let calls = self.0.gate.taken();
        match self.0.wasmtime.pooling_allocator_metrics() {
            Some(metrics) => Pool {
                calls,
                component_instances: metrics.component_instances(),
                core_instances: metrics.core_instances(),
                memories: metrics.memories(),
                stacks: metrics.stacks(),
            },
            None => Pool { calls, component_instances: 0, core_instances: 0, memories: 0, stacks: 0 },
        }
    }

    /// Calls at once that this engine has room for.
    #[must_use]
    pub fn max_calls(&self) -> usize {
        self.0.gate.size()
    }

    /// Whether the cache has a compiled form of a component, so that loading it will hardly compile it.
    #[must_use]
    pub fn is_compiled(&self, digest: leno_base::Digest) -> bool {
        self.0.config.cache.as_ref().is_some_and(|cache| cache.has(&self.0.wasmtime, digest))
    }

    /// The compiled form of a component, if it is in the cache.
    pub(crate) fn cached(&self, digest: leno_base::Digest) -> Option<wasmtime::component::Component> {
        self.0.config.cache.as_ref()?.load(&self.0.wasmtime, digest)
    }

    /// Compiles a component and caches its compiled form.
    pub(crate) async fn compiled(
        &self,
        bytes: &Arc<[u8]>,
        digest: leno_base::Digest,
    ) -> Result<wasmtime::component::Component, CompileError> {
        let engine = &self.0.wasmtime;
        let native = self.0.config.compiler.compile(bytes).await?;
        if let Some(cache) = &self.0.config.cache
            && let Err(error) = cache.save(engine, digest, &native)
        {
            // The piece works without; the next start is slower.
            tracing::warn!(%digest, %error, "compiled code was not cached");
        }
        crate::cache::deserialize(engine, &native).map_err(|error| {
            let text = format!("{error:#}");
            // The pool's words, with both numbers; wasmtime has no type for them. Anything else is no fault of the
            // component, which was compiled a moment ago.
            if text.contains("exceeds") { CompileError::TooLarge(text) } else { CompileError::Host(text) }
        })
    }

    pub(crate) async fn enter(&self, tenant: Option<TenantId>) -> Result<Permit<Option<TenantId>>, Failure> {
        self.0.gate.enter(tenant).await
    }
}
