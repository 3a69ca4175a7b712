//! The audit trail of one call.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use leno_base::{Actor, SystemClock, budget::Budget, milliseconds};
use leno_db::{AuditEntry, Db, audit_log};
use leno_metadata::{ErrorKind, PieceError, PieceName};
use leno_sandbox::Audit;
use serde_json::{Value, json};

use crate::{
    observer::Observer,
    uses::{User, Uses},
};

/// Records the use of a secret and the refusals of one call: the first of each as an entry, and how many there were when the
/// call has ended. A piece that repeats itself fills neither the audit log nor that of the host.
pub(crate) struct Trail {
    pub(crate) run: String,
    pub(crate) step: Option<String>,
    pub(crate) piece: PieceName,
    pub(crate) actor: Actor,
    /// The use of the connection, if that is stored, and by which action, trigger or other step.
    pub(crate) using: Option<(User, String)>,
    pub(crate) uses: Uses,
    pub(crate) db: Db,
    pub(crate) observer: Arc<dyn Observer>,
    /// How many refusals are logged one by one.
    pub(crate) logged: Arc<Budget>,
    pub(crate) denials: AtomicU64,
    /// Uses of the connection's value, once one is recorded.
    pub(crate) reveals: AtomicU64,
}

#[async_trait]
impl Audit for Trail {
    async fn revealed(&self) -> Result<(), PieceError> {
        self.observer.revealed(&self.piece);
        if self.reveals.load(Ordering::Relaxed) > 0 {
            self.reveals.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let (at, actor) = (milliseconds(&SystemClock), format!("piece:{}", self.piece));
        let subject = self.using.as_ref().map_or("", |(user, _)| &*user.connection);
        let entry =
            AuditEntry::new(at, self.actor.tenant.clone(), actor, "secret.revealed", subject).with(detail(self));
        if let Err(error) = audit_log::record(&self.db, entry).await {
            tracing::error!(%error, run = self.run, "a reveal was refused because it could not be recorded");
            let message = "this host could not record the reveal, so it was refused; try again later";
            return Err(PieceError::new(ErrorKind::Unavailable, "audit-unavailable", message));
        }
        self.reveals.store(1, Ordering::Relaxed);
        tracing::info!(target: "audit", event = "secret_revealed", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, "a piece read a connection's value");
        Ok(())
    }

    fn used(&self) {
        if let Some((user, step)) = &self.using {
            self.uses.note(user, step);
        }
    }

    fn denied(&self, function: &'static str, why: &str) {
        self.observer.denied(&self.piece, function);
        let before = self.denials.fetch_add(1, Ordering::Relaxed);
        if self.logged.allows(before + 1).is_err() {
            return;
        }
        tracing::info!(target: "audit", event = "denied", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, function, why, "a host function refused a piece");
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let (denials, reveals) = (*self.denials.get_mut(), *self.reveals.get_mut());
        if denials > self.logged.limit() || reveals > 1 {
            tracing::info!(target: "audit", event = "repeated", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, denials, reveals, "a piece was refused, or saw a connection's value, more often than is logged one by one");
        }
    }
}

fn detail(trail: &Trail) -> Value {
    match &trail.step {
        Some(step) => json!({"run": trail.run, "user": trail.actor.user, "step": step}),
        None => json!({"run": trail.run, "user": trail.actor.user}),
    }
}
