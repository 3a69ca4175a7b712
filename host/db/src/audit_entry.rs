//! One line of the audit log.

use leno_base::{Origin, TenantId};
use serde_json::{Value, json};

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// In milliseconds since 1970.
    pub at: i64,
    /// The tenant whose data it concerns.
    pub tenant: TenantId,
    /// `user:ID`, `piece:NAME`, `internal`, or `host`.
    pub actor: String,
    /// `connection.created`, `secret.revealed`, …
    pub event: &'static str,
    /// The row that it is about.
    pub subject: String,
    /// Further details. Never a secret.
    pub detail: Value,
    /// The request that it comes from.
    pub origin: Option<Origin>,
}

impl AuditEntry {
    /// An entry without further detail, of the request that this task works on. `at` is in milliseconds since 1970.
    #[must_use]
    pub fn new(
        at: i64,
        tenant: TenantId,
        actor: impl Into<String>,
        event: &'static str,
        subject: impl Into<String>,
    ) -> Self {
        let (actor, subject, origin) = (actor.into(), subject.into(), Origin::current());
        Self { at, tenant, actor, event, subject, detail: json!({}), origin }
    }

    /// With further details. Never a secret.
    #[must_use]
    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}
