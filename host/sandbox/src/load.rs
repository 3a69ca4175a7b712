//! From bytes to a piece that can be called.

use std::{sync::Arc, time::Instant};

use leno_base::Digest;
use leno_metadata::Metadata;
use tokio_util::sync::CancellationToken;
use wasmtime::component::InstancePre;

use crate::{
    CallOptions, Engine, Entry, Grant, Limits, LoadError, Piece, budgets,
    compile::CompileError,
    credential::Manifest,
    inspect::{self, check_imports},
    permits::Gate,
    piece::Loaded,
    program::{self, Exports, Program},
    state::CallState,
};

impl Engine {
    /// Loads a component: parses it, compares its imports with what is offered, compiles it (or takes the compiled form
    /// from the cache), calls `describe` without access to anything, and links it as `grant` returns for that
    /// metadata.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is left behind.
    pub async fn load(
        &self,
        bytes: Arc<[u8]>,
        grant: impl FnOnce(&Metadata) -> Grant + Send,
    ) -> Result<Piece, LoadError> {
        let digest = Digest::of(&bytes);
        let inspection = off_thread(&bytes, inspect::survey).await?;
        check_imports(&inspection)?;
        let component = match self.cached(digest) {
            Some(component) => component,
            None => {
                off_thread(&bytes, inspect::validate).await?;
                self.compiled(&bytes, digest).await?
            }
        };
        let wrong = |error: wasmtime::Error| LoadError::WrongWorld(format!("{error:#}"));
        let describing = self.0.privileged.instantiate_pre(&component).map_err(wrong)?;
        let metadata = self.describe(describing.clone()).await?;

        let grant = grant(&metadata);
        let linked = if grant.secrets {
            describing
        } else if inspection.wants_secrets() {
            return Err(LoadError::NotGranted(metadata.name.short().to_owned()));
        } else {
            self.0.base.instantiate_pre(&component).map_err(wrong)?
        };
        let program = self.program(linked, grant.limits.clone())?;
        let what = format!("piece `{}`", metadata.name.short());
        let calls = self.0.config.budgets.get(&budgets::MAX_CALLS_PER_PIECE);
        let gate = Gate::new(what, calls, self.0.config.queue_wait);
        let secrets = self.0.config.budgets.get(&budgets::SECRETS);
        let manifest = Manifest::new(metadata, grant, secrets).map_err(|error| LoadError::WrongWorld(error.message))?;
        Ok(Piece(Arc::new(Loaded { program, manifest: Arc::new(manifest), digest, inspection, gate })))
    }

    async fn describe(&self, linked: InstancePre<CallState>) -> Result<Metadata, LoadError> {
        let program = self.program(linked, Limits::describe())?;
        let report = program::run(&program, &Entry::Describe, None, CallOptions::default(), Instant::now()).await;
        let document = report.result.map_err(LoadError::Describe)?;
        Metadata::parse(document.as_str()).map_err(LoadError::Metadata)
    }

    fn program(&self, linked: InstancePre<CallState>, limits: Limits) -> Result<Program, LoadError> {
        let exports = Exports::of(&linked).map_err(|error| LoadError::WrongWorld(format!("{error:#}")))?;
        let cancel = CancellationToken::new();
        Ok(Program { engine: self.clone(), linked, exports, limits: Arc::new(limits), cancel })
    }
}

/// Reads a component without holding up the calls of others.
async fn off_thread<T: Send + 'static>(
    bytes: &Arc<[u8]>,
    read: fn(&[u8]) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let bytes = bytes.clone();
    let read = tokio::task::spawn_blocking(move || read(&bytes)).await;
    read.map_err(|error| CompileError::Host(error.to_string()))?
}
