//! Running actions and resolving properties: from a request to a report.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use leno_base::{Actor, Digest, SystemClock, milliseconds};
use leno_db::{AuditEntry, Db, audit_log};
use leno_egress::Transport;
use leno_metadata::{
    Choices, Coerced, Connection, ErrorKind, PieceError, PieceName, Problems, Properties, PropertyKind, VersionReq,
    coerce, parse_properties,
};
use leno_sandbox::{Audit, CallOptions, Capabilities, Context, Entry, Failure, Report, Store, Usage};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{NotFound, Registry, Version, breaker::Breaker, files};

/// Gives a call the small state of its tenant and piece.
pub type StoreFor = Arc<dyn Fn(&Actor, &PieceName) -> Arc<dyn Store> + Send + Sync>;

/// Told of what calls do, for the metrics of the host. Methods return at once.
pub trait Observer: Send + Sync {
    /// A call ended, with `outcome` from the closed set of [`Report::outcome`] or because its caller was dropped.
    fn called(&self, piece: &PieceName, outcome: &'static str, usage: &Usage);
    /// A piece saw the value of its connection.
    fn revealed(&self, piece: &PieceName);
    /// A host function refused something that a piece asked for.
    fn denied(&self, piece: &PieceName, function: &'static str);
}

/// One action to run.
#[derive(Clone)]
pub struct RunRequest {
    /// Which piece.
    pub piece: PieceName,
    /// In which version.
    pub version: VersionReq,
    /// Which action.
    pub action: String,
    /// The input, not yet coerced.
    pub input: Value,
    /// The connection, if the step has one.
    pub connection: Option<Arc<dyn Connection>>,
    /// Lowers the time limit.
    pub wall: Option<Duration>,
    /// Equal on every retry of the same step; the run's id when absent.
    pub idempotency_key: Option<String>,
    /// Whether to list host calls.
    pub trace: bool,
}

/// One property to resolve.
#[derive(Clone)]
pub struct OptionsRequest {
    /// Which piece.
    pub piece: PieceName,
    /// In which version.
    pub version: VersionReq,
    /// The action or trigger that the property belongs to.
    pub owner: String,
    /// The property.
    pub property: String,
    /// The values chosen so far.
    pub input: Value,
    /// What the user typed to search.
    pub search: Option<String>,
    /// The connection, if one is chosen.
    pub connection: Option<Arc<dyn Connection>>,
}

/// A call that was made.
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
    /// What came out.
    pub report: Report,
}

/// Why no call was made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such piece or version.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The piece has no such action, trigger or property; the text says what it has.
    #[error("{0}")]
    Unknown(String),
    /// The input does not fit: every problem.
    #[error("{0}")]
    Input(#[from] Problems),
    /// The action needs a connection.
    #[error("action `{action}` of piece `{piece}` needs a connection ({kinds}); name one in the request")]
    ConnectionRequired {
        /// The piece.
        piece: String,
        /// The action.
        action: String,
        /// The types of connection that the piece takes.
        kinds: String,
    },
    /// The property's options are not for the piece to say.
    #[error(
        "property `{property}` is of type {kind}: only DROPDOWN, MULTI_SELECT_DROPDOWN and DYNAMIC are resolved by the piece"
    )]
    NotResolvable {
        /// The property.
        property: String,
        /// Its type.
        kind: &'static str,
    },
    /// This version crashed on every recent call of this tenant.
    #[error("piece `{piece}` crashed on its last calls and is given a rest; try again in {} ms", .retry_after.as_millis())]
    CircuitOpen {
        /// The piece.
        piece: String,
        /// When calls are let through again.
        retry_after: Duration,
    },
}

/// Runs actions. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    registry: Registry,
    transport: Arc<dyn Transport>,
    store_for: StoreFor,
    db: Db,
    observer: Arc<dyn Observer>,
    breaker: Breaker,
}

impl Runs {
    /// Runs the pieces of `registry`; their requests go out through `transport`, and what they see of secrets is written down
    /// in `db`.
    #[must_use]
    pub fn new(
        registry: Registry,
        transport: Arc<dyn Transport>,
        store_for: StoreFor,
        db: Db,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self(Arc::new(Inner { registry, transport, store_for, db, observer, breaker: Breaker::default() }))
    }

    /// Runs an action once. Dropping the future ends the call.
    ///
    /// # Errors
    /// [`Refusal`], when nothing ran. What happened in the piece is in the report.
    pub async fn run(&self, actor: &Actor, request: RunRequest) -> Result<Run, Refusal> {
        let version = self.0.registry.get(&request.piece, &request.version)?;
        let metadata = version.piece.metadata();
        let Some(action) = metadata.actions.get(&request.action) else {
            return Err(unknown(&request.piece, "action", &request.action, metadata.actions.keys()));
        };
        if request.connection.is_none() && action.require_auth && metadata.auth.iter().any(|auth| auth.required) {
            return Err(Refusal::ConnectionRequired {
                piece: request.piece.short().to_owned(),
                action: request.action,
                kinds: metadata.auth.iter().map(|auth| auth.kind()).collect::<Vec<_>>().join(" or "),
            });
        }
        let props = self.props(&version, &action.props, &request.input).await?;
        let call = Call {
            connection: request.connection,
            idempotency_key: request.idempotency_key,
            options: CallOptions { wall: request.wall, trace: request.trace },
        };
        let props = props.value.to_string();
        self.call(actor, &version, &Entry::Run { action: &request.action, props: &props }, call).await
    }

    /// Asks the piece for the options of a dropdown, or the properties of a dynamic property.
    ///
    /// The values chosen so far are coerced as for a run, but none is required: the user is still choosing.
    ///
    /// # Errors
    /// [`Refusal`], when nothing ran.
    pub async fn options(&self, actor: &Actor, request: OptionsRequest) -> Result<Run, Refusal> {
        let version = self.0.registry.get(&request.piece, &request.version)?;
        let metadata = version.piece.metadata();
        let action = metadata.actions.get(&request.owner).map(|action| &action.props);
        let props = action.or_else(|| metadata.triggers.get(&request.owner).map(|trigger| &trigger.props));
        let Some(props) = props else {
            let names = metadata.actions.keys().chain(metadata.triggers.keys());
            return Err(unknown(&request.piece, "action or trigger", &request.owner, names));
        };
        let Some(property) = props.get(&request.property) else {
            return Err(unknown(&request.piece, "property", &request.property, props.keys()));
        };
        let dynamic = matches!(property.kind, PropertyKind::Dynamic(_));
        if !dynamic && !matches!(property.kind, PropertyKind::Dropdown(_) | PropertyKind::MultiSelectDropdown(_)) {
            return Err(Refusal::NotResolvable { property: request.property, kind: property.kind.name() });
        }
        let chosen = coerce(&optional(props), &request.input)?.value.to_string();
        let entry = Entry::Resolve {
            owner: &request.owner,
            property: &request.property,
            props: &chosen,
            search: request.search.as_deref(),
        };
        let call = Call { connection: request.connection, idempotency_key: None, options: CallOptions::default() };
        let mut run = self.call(actor, &version, &entry, call).await?;
        if let Ok(output) = &run.report.result {
            let checked = match dynamic {
                true => parse_properties(output.as_str()).map(drop),
                false => Choices::parse(output.as_str()).map(drop),
            };
            if let Err(problems) = checked {
                run.report.result = Err(Failure::InvalidOutput { reason: problems.to_string() });
            }
        }
        Ok(run)
    }

    /// Asks a piece whether a connection works: its `validate` export.
    ///
    /// # Errors
    /// [`Refusal`], when nothing ran. What the piece said is in the report.
    pub async fn validate(
        &self,
        actor: &Actor,
        piece: &PieceName,
        version: &VersionReq,
        connection: Arc<dyn Connection>,
    ) -> Result<Run, Refusal> {
        let version = self.0.registry.get(piece, version)?;
        let call = Call { connection: Some(connection), idempotency_key: None, options: CallOptions::default() };
        self.call(actor, &version, &Entry::Validate, call).await
    }

    async fn props(&self, version: &Version, props: &Properties, input: &Value) -> Result<Coerced, Refusal> {
        let mut coerced = coerce(props, input)?;
        files::fetch(&self.0.transport, version.piece.grant(), &mut coerced).await?;
        Ok(coerced)
    }

    async fn call(&self, actor: &Actor, version: &Version, entry: &Entry<'_>, call: Call) -> Result<Run, Refusal> {
        let inner = &self.0;
        let (name, digest) = (version.name(), version.piece.digest());
        inner
            .breaker
            .admit(digest, &actor.tenant, Instant::now())
            .map_err(|retry_after| Refusal::CircuitOpen { piece: name.short().to_owned(), retry_after })?;
        let id = Uuid::now_v7().to_string();
        let trail = Arc::new(Trail {
            run: id.clone(),
            piece: name.clone(),
            actor: actor.clone(),
            connection: call.connection.as_ref().and_then(|connection| connection.id().map(str::to_owned)),
            db: inner.db.clone(),
            observer: inner.observer.clone(),
        });
        let capabilities = Capabilities {
            context: Context {
                run_id: id.clone(),
                attempt: 1,
                idempotency_key: call.idempotency_key.unwrap_or_else(|| id.clone()),
                webhook_url: None,
            },
            connection: call.connection,
            transport: inner.transport.clone(),
            store: (inner.store_for)(actor, name),
            log: None,
            setup: None,
            audit: Some(trail),
            clock: None,
        };
        let mut record = Record { run: &id, version, observer: &*inner.observer, done: false };
        let report = version.piece.call(entry, capabilities, call.options).await;
        record.end(&report);
        let crashed = report.result.as_ref().is_err_and(Failure::is_guest_fault);
        inner.breaker.note(digest, &actor.tenant, crashed, Instant::now());
        drop(record);
        Ok(Run { id, piece: name.clone(), version: version.version().clone(), digest, report })
    }
}

struct Call {
    connection: Option<Arc<dyn Connection>>,
    idempotency_key: Option<String>,
    options: CallOptions,
}

fn unknown<'n>(piece: &PieceName, what: &str, wanted: &str, known: impl Iterator<Item = &'n String>) -> Refusal {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
    let wanted: String = wanted.chars().filter(|c| !c.is_control()).take(100).collect();
    Refusal::Unknown(format!("piece `{}` has no {what} `{wanted}`; {known}", piece.short()))
}

/// The same properties, none of them required.
fn optional(props: &Properties) -> Properties {
    let mut props = props.clone();
    props.values_mut().for_each(|property| property.required = false);
    props
}

/// The record of a run: in the log and the metrics, also when the caller goes away.
struct Record<'a> {
    run: &'a str,
    version: &'a Version,
    observer: &'a dyn Observer,
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
                let (outcome, code) = (failure.outcome(), failure.code());
                tracing::info!(run = self.run, %piece, %version, %digest, outcome, code, cpu_micros, wall_micros, memory_bytes, "run failed");
            }
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.observer.called(self.version.name(), Failure::Cancelled.outcome(), &Usage::default());
            tracing::info!(run = self.run, piece = %self.version.name(), version = %self.version.version(), outcome = "cancelled", "the caller went away");
        }
    }
}

/// The audit trail of one call.
struct Trail {
    run: String,
    piece: PieceName,
    actor: Actor,
    /// The row of the connection, if it is stored.
    connection: Option<String>,
    db: Db,
    observer: Arc<dyn Observer>,
}

#[async_trait]
impl Audit for Trail {
    async fn revealed(&self) -> Result<(), PieceError> {
        self.observer.revealed(&self.piece);
        let entry = AuditEntry {
            at: milliseconds(&SystemClock),
            tenant: self.actor.tenant.clone(),
            actor: format!("piece:{}", self.piece),
            event: "secret.revealed",
            subject: self.connection.clone().unwrap_or_default(),
            detail: json!({"run": self.run, "user": self.actor.user}),
        };
        if let Err(error) = audit_log::record(&self.db, &entry).await {
            tracing::error!(%error, run = self.run, "a reveal could not be written down, and was refused");
            let message =
                "this host could not write the reveal down, without which no piece sees a secret; try again later";
            return Err(PieceError::new(ErrorKind::Unavailable, "audit-unavailable", message));
        }
        tracing::info!(target: "audit", event = "secret_revealed", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, "a piece saw a connection's value");
        Ok(())
    }

    fn denied(&self, function: &'static str, why: &str) {
        self.observer.denied(&self.piece, function);
        tracing::info!(target: "audit", event = "denied", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, function, why, "a host function refused a piece");
    }
}
