//! The audit log: table `audit_log`, to which rows are only ever added.

use leno_base::TenantId;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use crate::{Db, DbError, Party};

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
}

impl AuditEntry {
    /// An entry without further detail. `at` is in milliseconds since 1970.
    #[must_use]
    pub fn new(
        at: i64,
        tenant: TenantId,
        actor: impl Into<String>,
        event: &'static str,
        subject: impl Into<String>,
    ) -> Self {
        Self { at, tenant, actor: actor.into(), event, subject: subject.into(), detail: json!({}) }
    }

    /// With further details. Never a secret.
    #[must_use]
    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

/// Adds an entry in a transaction.
pub async fn append(tx: &mut AnyConnection, entry: &AuditEntry) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO audit_log (id, at, tenant_id, actor, event, subject, detail) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(SQL)
        .bind(Uuid::now_v7().to_string())
        .bind(entry.at)
        .bind(entry.tenant.as_str())
        .bind(&entry.actor)
        .bind(entry.event)
        .bind(&entry.subject)
        .bind(entry.detail.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Adds an entry by itself.
///
/// # Errors
/// [`DbError::Query`].
pub async fn record(db: &Db, entry: &AuditEntry) -> Result<(), DbError> {
    append(&mut *db.writer(&entry.tenant).await?, entry).await
}

/// The events of one subject, oldest first.
///
/// # Errors
/// [`DbError::Query`].
pub async fn events_of(db: &Db, subject: &str) -> Result<Vec<(String, String)>, DbError> {
    const SQL: &str = "SELECT actor, event FROM audit_log WHERE subject = $1 ORDER BY at, id";
    let rows = sqlx::query(SQL).bind(subject).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}
