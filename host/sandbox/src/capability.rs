//! What a piece may reach: traits that the embedder implements.
//!
//! A call gets its own [`Capabilities`], so an implementation may carry the tenant and the piece it works for, and the
//! guest cannot name another.

use std::sync::Arc;

use async_trait::async_trait;
use leno_base::{Clock, TenantId};
use leno_egress::Transport;
use leno_metadata::{Connection, PieceError};

use crate::LogLine;

/// The current call, as the guest may see it.
#[derive(Debug, Clone)]
pub struct Context {
    /// The run's id.
    pub run_id: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// Equal on every retry of the same step.
    pub idempotency_key: String,
    /// The public URL of this flow's trigger.
    pub webhook_url: Option<String>,
}

/// Which runs share a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The runs of one flow.
    Flow,
    /// All flows of a project.
    Project,
}

impl Scope {
    /// The scope as the WIT spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Project => "project",
        }
    }
}

/// Small values that outlive the call. Keys and values come within [`Limits::STORE_KEY`](crate::Limits::STORE_KEY) and
/// [`Limits::STORE_VALUE`](crate::Limits::STORE_VALUE).
#[async_trait]
pub trait Store: Send + Sync {
    /// The value, if there is one that has not expired.
    async fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, PieceError>;
    /// Sets the value, which expires after `ttl_seconds` if given.
    async fn put(&self, scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<(), PieceError>;
    /// Sets `new` only if the present value is `old`, atomically. Returns whether it did.
    async fn compare_and_set(
        &self,
        scope: Scope,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Result<bool, PieceError>;
    /// Deletes the value, if there is one.
    async fn delete(&self, scope: Scope, key: &str) -> Result<(), PieceError>;
}

/// Where nothing can be stored: every operation is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl NoStore {
    fn refusal() -> PieceError {
        PieceError::denied("store-unavailable", "this call has no store")
    }
}

#[async_trait]
impl Store for NoStore {
    async fn get(&self, _: Scope, _: &str) -> Result<Option<Vec<u8>>, PieceError> {
        Err(Self::refusal())
    }
    async fn put(&self, _: Scope, _: &str, _: &[u8], _: Option<u32>) -> Result<(), PieceError> {
        Err(Self::refusal())
    }
    async fn compare_and_set(&self, _: Scope, _: &str, _: Option<&[u8]>, _: &[u8]) -> Result<bool, PieceError> {
        Err(Self::refusal())
    }
    async fn delete(&self, _: Scope, _: &str) -> Result<(), PieceError> {
        Err(Self::refusal())
    }
}

/// Gets each log record when it is made. The records are also in the [`Report`](crate::Report).
pub trait Log: Send + Sync {
    /// One record, already bounded, escaped and masked.
    fn emit(&self, line: &LogLine);
}

/// What a trigger may set up while it is being enabled.
#[async_trait]
pub trait TriggerSetup: Send + Sync {
    /// Runs the trigger on `cron` (five fields) in `timezone` (IANA name).
    async fn schedule(&self, cron: &str, timezone: &str) -> Result<(), PieceError>;
    /// Sends the trigger the app's `events` that carry `identifier`.
    async fn listen(&self, events: &[String], identifier: &str) -> Result<(), PieceError>;
}

/// Records every use of a secret and every refusal.
#[async_trait]
pub trait Audit: Send + Sync {
    /// The call needs its connection, for the first time, and has its value. Returns at once.
    fn used(&self);
    /// The piece is about to see the connection's value (`secrets.reveal`).
    ///
    /// # Errors
    /// The use could not be recorded. Then the piece does not get the value.
    async fn revealed(&self) -> Result<(), PieceError>;
    /// The host refused a request of the piece.
    fn denied(&self, function: &'static str, why: &str);
}

/// Everything that one call may reach.
#[derive(Clone)]
pub struct Capabilities {
    /// The call's identity.
    pub context: Context,
    /// The tenant whose share of the host's places and memory the call uses; `None` for a tool's own calls.
    pub tenant: Option<TenantId>,
    /// The connection, if the step has one.
    pub connection: Option<Arc<dyn Connection>>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Small state.
    pub store: Arc<dyn Store>,
    /// Live log.
    pub log: Option<Arc<dyn Log>>,
    /// Only while a trigger is being enabled.
    pub setup: Option<Arc<dyn TriggerSetup>>,
    /// The audit trail.
    pub audit: Option<Arc<dyn Audit>>,
    /// The piece's time; the machine's when absent.
    pub clock: Option<Arc<dyn Clock>>,
}
