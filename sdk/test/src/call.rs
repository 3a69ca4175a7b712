//! Calling a piece the way the server does.

mod action;
mod options;
mod trigger;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use action::ActionCall;
use async_trait::async_trait;
use leno_metadata::{Connection, PieceError};
use leno_sandbox::{Audit, CallOptions, Capabilities, Entry, Report, Step, Store, TriggerSetup};
pub use options::OptionsCall;
pub use trigger::TriggerCall;

use crate::{Host, Piece, Run, RunError, host::Given, http::Scripted};

/// One call to be made.
pub(crate) struct Call<'a> {
    piece: &'a Piece,
    host: &'a Host,
    /// What is called, for messages.
    what: String,
    connection: Option<Given>,
    transport: Arc<Scripted>,
    store: Arc<dyn Store>,
    setup: Option<Arc<dyn TriggerSetup>>,
    wall: Option<Duration>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(piece: &'a Piece, host: &'a Host, what: &str) -> Self {
        let metadata = piece.metadata();
        Self {
            piece,
            host,
            what: format!("{what} of piece `{}`", metadata.name.short()),
            connection: host.connection_for(metadata),
            transport: Arc::new(Scripted::new(host.script.clone(), piece.grant().private.clone())),
            store: host.store.clone(),
            setup: None,
            wall: None,
        }
    }

    /// Runs the step.
    pub(crate) async fn run(self, step: Step) -> Run {
        match self.piece.sandboxed().prepare(step, self.connection.is_some()) {
            Ok(prepared) => self.report(|capabilities, options| prepared.run(capabilities, options)).await,
            Err(refusal) => {
                let unexpected = self.transport.unexpected();
                Run { unexpected, ..Run::refused(self.what, RunError::from(refusal)) }
            }
        }
    }

    /// Asks the piece for its metadata again, with everything linked.
    pub(crate) async fn describe(self) -> Run {
        let piece = self.piece.sandboxed();
        let describe = |capabilities, options| async move { piece.call(&Entry::Describe, capabilities, options).await };
        self.report(describe).await
    }

    async fn report<F: Future<Output = Report>>(self, call: impl FnOnce(Capabilities, CallOptions) -> F) -> Run {
        let trail = Arc::new(Trail::default());
        let capabilities = Capabilities {
            context: self.host.context(),
            tenant: None,
            connection: self.connection.map(|given| Arc::new(given) as Arc<dyn Connection>),
            transport: self.transport.clone(),
            store: self.store,
            log: None,
            setup: self.setup,
            audit: Some(trail.clone()),
            clock: Some(self.host.clock.clone()),
        };
        let mut run = Run::new(self.what, call(capabilities, CallOptions { wall: self.wall, trace: true }).await);
        (run.usage.bytes_out, run.usage.bytes_in) = self.transport.traffic();
        run.unexpected = self.transport.unexpected();
        run.denied = std::mem::take(&mut *trail.denied.lock().unwrap_or_else(PoisonError::into_inner));
        run.revealed = trail.revealed.load(Ordering::Relaxed);
        run
    }
}

#[derive(Default)]
struct Trail {
    denied: Mutex<Vec<String>>,
    revealed: AtomicBool,
}

#[async_trait]
impl Audit for Trail {
    fn used(&self) {}

    async fn revealed(&self) -> Result<(), PieceError> {
        self.revealed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn denied(&self, function: &'static str, why: &str) {
        let entry = format!("{function}: {why}");
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}
