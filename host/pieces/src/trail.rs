//! The audit trail of one call.

use std::sync::Arc;

use async_trait::async_trait;
use leno_base::{Actor, SystemClock, milliseconds};
use leno_db::{AuditEntry, Db, audit_log};
use leno_metadata::{ErrorKind, PieceError, PieceName};
use leno_sandbox::Audit;
use serde_json::{Value, json};

use crate::observer::Observer;

/// Records every use of a secret and every refusal of one call.
pub(crate) struct Trail {
    pub(crate) run: String,
    pub(crate) step: Option<String>,
    pub(crate) piece: PieceName,
    pub(crate) actor: Actor,
    /// The row of the connection, if it is stored.
    pub(crate) connection: Option<String>,
    pub(crate) db: Db,
    pub(crate) observer: Arc<dyn Observer>,
}

#[async_trait]
impl Audit for Trail {
    async fn revealed(&self) -> Result<(), PieceError> {
        self.observer.revealed(&self.piece);
        let (at, actor) = (milliseconds(&SystemClock), format!("piece:{}", self.piece));
        let subject = self.connection.clone().unwrap_or_default();
        let entry =
            AuditEntry::new(at, self.actor.tenant.clone(), actor, "secret.revealed", subject).with(detail(self));
        if let Err(error) = audit_log::record(&self.db, &entry).await {
            tracing::error!(%error, run = self.run, "a reveal was refused because it could not be recorded");
            let message = "this host could not record the reveal, so it was refused; try again later";
            return Err(PieceError::new(ErrorKind::Unavailable, "audit-unavailable", message));
        }
        tracing::info!(target: "audit", event = "secret_revealed", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, "a piece read a connection's value");
        Ok(())
    }

    fn denied(&self, function: &'static str, why: &str) {
        self.observer.denied(&self.piece, function);
        tracing::info!(target: "audit", event = "denied", run = self.run, piece = %self.piece, tenant = %self.actor.tenant, user = %self.actor.user, function, why, "a host function refused a piece");
    }
}

fn detail(trail: &Trail) -> Value {
    match &trail.step {
        Some(step) => json!({"run": trail.run, "user": trail.actor.user, "step": step}),
        None => json!({"run": trail.run, "user": trail.actor.user}),
    }
}
