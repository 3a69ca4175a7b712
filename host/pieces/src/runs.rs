//! Running steps: from a request, or a flow, to a report.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use leno_base::{
    Actor, Digest, TenantId,
    budget::{Budget, Budgets},
};
use leno_db::{Db, DbError};
use leno_egress::Transport;
use leno_metadata::{Connection, PieceName, VersionReq};
use leno_sandbox::{CallOptions, Capabilities, Context, Failure, Prepared, Report, Step, Store, TriggerSetup, Usage};
use uuid::Uuid;

use crate::{
    NotFound, Registry, Version,
    breaker::Breaker,
    budgets::{DENIALS_LOGGED, FAILURES_LOGGED},
    lines::Lines,
    observer::Observer,
    trail::Trail,
    uses::{User, Uses},
};

/// Makes the store of one call: of the actor's tenant, the piece, and the flow if there is one.
pub type StoreFor = Arc<dyn Fn(&Actor, &PieceName, Option<&str>) -> Arc<dyn Store> + Send + Sync>;

/// One step to run.
#[derive(Clone)]
pub struct StepRequest {
    /// Which piece.
    pub piece: PieceName,
    /// In which version.
    pub version: VersionReq,
    /// What for.
    pub step: Step,
    /// The connection, if the step has one.
    pub connection: Option<Arc<dyn Connection>>,
    /// What the step belongs to.
    pub context: StepContext,
    /// Lowers the time limit of the call.
    pub wall: Option<Duration>,
}

impl StepRequest {
    /// A step that belongs to no flow and has no connection.
    #[must_use]
    pub fn new(piece: PieceName, version: VersionReq, step: Step) -> Self {
        Self { piece, version, step, connection: None, context: StepContext::default(), wall: None }
    }
}

/// What a step belongs to. A request that runs a single action has the default.
#[derive(Clone)]
pub struct StepContext {
    /// The flow: its steps share the store's flow scope.
    pub flow: Option<String>,
    /// The flow's run; a fresh id when absent.
    pub run: Option<String>,
    /// The step's name in the flow, for logs and the audit log.
    pub step: Option<String>,
    /// 1 for the first try.
    pub attempt: u32,
    /// Equal on every retry of the same step; the run's id when absent.
    pub idempotency_key: Option<String>,
    /// The public URL of the flow's trigger.
    pub webhook_url: Option<String>,
    /// Takes what a trigger arranges while it is enabled.
    pub setup: Option<Arc<dyn TriggerSetup>>,
}

impl Default for StepContext {
    fn default() -> Self {
        Self { flow: None, run: None, step: None, attempt: 1, idempotency_key: None, webhook_url: None, setup: None }
    }
}

/// A step that was run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The run's id.
    pub id: String,
    /// The piece.
    pub piece: PieceName,
    /// The version that ran.
    pub version: semver::Version,
    /// Its digest.
    pub digest: Digest,
    /// The type of the property whose options were resolved.
    pub resolved: Option<&'static str>,
    /// The result.
    pub report: Report,
}

/// Why a step was not run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such piece or version.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The piece takes no such step.
    #[error(transparent)]
    Step(#[from] leno_sandbox::Refusal),
    /// This version crashed on every recent call of this tenant.
    #[error("piece `{piece}` crashed on its last calls and is paused for this tenant; try again in {} ms", .retry_after.as_millis())]
    CircuitOpen {
        /// The piece.
        piece: String,
        /// When calls are allowed again.
        retry_after: Duration,
    },
}

/// Runs steps. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    registry: Registry,
    transport: Arc<dyn Transport>,
    store_for: StoreFor,
    db: Db,
    observer: Arc<dyn Observer>,
    breaker: Breaker,
    denials_logged: Arc<Budget>,
    failures: Lines,
    uses: Uses,
}

impl Runs {
    /// Runs the pieces of `registry`. Their requests go out through `transport`, uses of secrets are recorded in `db`,
    /// `observer` is called for every call, and refusals are logged within `budgets`.
    #[must_use]
    pub fn new(
        registry: Registry,
        transport: Arc<dyn Transport>,
        store_for: StoreFor,
        db: Db,
        observer: Arc<dyn Observer>,
        budgets: &Budgets,
    ) -> Self {
        let denials_logged = budgets.get(&DENIALS_LOGGED);
        let (breaker, failures) = (Breaker::default(), Lines::new(budgets.get(&FAILURES_LOGGED)));
        let uses = Uses::new(db.clone(), budgets);
        Self(Arc::new(Inner { registry, transport, store_for, db, observer, breaker, denials_logged, failures, uses }))
    }

    /// Writes the uses of connections that were counted for a minute to the audit log. Returns how many entries there were.
    ///
    /// # Errors
    /// The database failed; they are counted still.
    pub async fn write_uses(&self) -> Result<usize, DbError> {
        self.0.uses.pass(Instant::now()).await
    }

    /// Writes all uses of connections that were counted, once no step runs any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn finish(&self) -> Result<(), DbError> {
        self.0.uses.finish().await
    }

    /// Runs a step once, for `actor`. Dropping the future ends the call.
    ///
    /// # Errors
    /// [`Refusal`], when nothing ran. What happened in the piece is in the report.
    pub async fn run(&self, actor: &Actor, request: StepRequest) -> Result<Run, Refusal> {
        let version = self.0.registry.get(&request.piece, &request.version)?;
        let stored =
            request.connection.as_ref().and_then(|connection| Some((connection.id()?.into(), label(&request.step))));
        let prepared = version.piece.prepare(request.step, request.connection.is_some())?;
        let call = Call {
            connection: request.connection,
            stored,
            context: request.context,
            options: CallOptions { wall: request.wall, trace: false },
        };
        self.call(actor, &version, prepared, call).await
    }

    async fn call(&self, actor: &Actor, version: &Version, prepared: Prepared, call: Call) -> Result<Run, Refusal> {
        let inner = &self.0;
        let (name, digest) = (version.name(), version.piece.digest());
        inner
            .breaker
            .admit(digest, &actor.tenant, Instant::now())
            .map_err(|retry_after| Refusal::CircuitOpen { piece: name.short().to_owned(), retry_after })?;
        let Call { connection, stored, context, options } = call;
        let user = |connection| User {
            tenant: actor.tenant.clone(),
            connection,
            by: actor.name().into(),
            piece: name.clone(),
            version: version.version().clone(),
        };
        let id = context.run.unwrap_or_else(|| Uuid::now_v7().to_string());
        let trail = Arc::new(Trail {
            run: id.clone(),
            step: context.step,
            piece: name.clone(),
            actor: actor.clone(),
            using: stored.map(|(connection, step)| (user(connection), step)),
            uses: inner.uses.clone(),
            db: inner.db.clone(),
            observer: inner.observer.clone(),
            logged: inner.denials_logged.clone(),
            denials: AtomicU64::new(0),
            reveals: AtomicU64::new(0),
        });
        let capabilities = Capabilities {
            context: Context {
                run_id: id.clone(),
                attempt: context.attempt,
                idempotency_key: context.idempotency_key.unwrap_or_else(|| id.clone()),
                webhook_url: context.webhook_url,
            },
            tenant: Some(actor.tenant.clone()),
            connection,
            transport: inner.transport.clone(),
            store: (inner.store_for)(actor, name, context.flow.as_deref()),
            log: None,
            setup: context.setup,
            audit: Some(trail),
            clock: None,
        };
        let resolved = prepared.resolves();
        let tenant = &actor.tenant;
        let mut record =
            Record { run: &id, tenant, version, observer: &*inner.observer, failures: &inner.failures, done: false };
        let report = prepared.run(capabilities, options).await;
        record.end(&report);
        let crashed = report.result.as_ref().is_err_and(Failure::is_guest_fault);
        inner.breaker.note(digest, &actor.tenant, crashed, Instant::now());
        drop(record);
        Ok(Run { id, piece: name.clone(), version: version.version().clone(), digest, resolved, report })
    }
}

struct Call {
    connection: Option<Arc<dyn Connection>>,
    /// The row of the connection, if it is stored, and what the step is called in the audit log.
    stored: Option<(Arc<str>, String)>,
    context: StepContext,
    options: CallOptions,
}

/// The action, the trigger, `OWNER.PROPERTY` of options, or `validate`.
fn label(step: &Step) -> String {
    match step {
        Step::Action { name, .. } | Step::Trigger { name, .. } => name.clone(),
        Step::Options { owner, property, .. } => format!("{owner}.{property}"),
        Step::Validate => "validate".to_owned(),
    }
}

/// The record of a run in the log and the metrics, also when its caller is dropped.
struct Record<'a> {
    run: &'a str,
    tenant: &'a TenantId,
    version: &'a Version,
    observer: &'a dyn Observer,
    failures: &'a Lines,
    done: bool,
}

impl Record<'_> {
    fn end(&mut self, report: &Report) {
        self.done = true;
        self.observer.called(self.version.name(), report.outcome(), &report.usage);
        let (piece, version, digest) = (self.version.name(), self.version.version(), self.version.piece.digest());
        let Usage { cpu_micros, wall_micros, memory_bytes, .. } = report.usage;
        match &report.result {
            Ok(_) => {
                tracing::debug!(run = self.run, %piece, %version, %digest, cpu_micros, wall_micros, memory_bytes, "run ended");
            }
            Err(failure) => {
                let Some(left_out) = self.failures.next(self.tenant, Instant::now()) else { return };
                let (outcome, code) = (failure.outcome(), failure.code());
                tracing::info!(run = self.run, %piece, %version, %digest, outcome, code, cpu_micros, wall_micros, memory_bytes, left_out, "run failed");
            }
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.observer.called(self.version.name(), Failure::Cancelled.outcome(), &Usage::default());
            let Some(left_out) = self.failures.next(self.tenant, Instant::now()) else { return };
            tracing::info!(run = self.run, piece = %self.version.name(), version = %self.version.version(), outcome = "cancelled", left_out, "the caller disconnected");
        }
    }
}
