//! The audit log: table `audit_log`, to which rows are only ever added.

use std::fmt::Write as _;

use leno_base::TenantId;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::{Db, DbError, Party, recorder};

/// Columns of the table.
const COLUMNS: usize = 7;

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
    append_all(tx, [entry].into_iter()).await
}

/// Adds entries, all or none. No more than a few hundred: SQLite takes 32,766 parameters.
pub(crate) async fn append_all<'e>(
    tx: &mut AnyConnection,
    entries: impl ExactSizeIterator<Item = &'e AuditEntry>,
) -> Result<(), DbError> {
    let count = entries.len();
    // Only the text of a single entry comes again for sure.
    let mut query = sqlx::query(AssertSqlSafe(insert(count))).persistent(count == 1);
    for entry in entries {
        query = query
            .bind(Uuid::now_v7().to_string())
            .bind(entry.at)
            .bind(entry.tenant.as_str())
            .bind(&entry.actor)
            .bind(entry.event)
            .bind(&entry.subject)
            .bind(entry.detail.to_string());
    }
    query.execute(tx).await?;
    Ok(())
}

/// The statement that adds this many entries.
fn insert(entries: usize) -> String {
    let mut text = String::from("INSERT INTO audit_log (id, at, tenant_id, actor, event, subject, detail) VALUES ");
    for entry in 0..entries {
        text.push_str(if entry == 0 { "(" } else { ", (" });
        for column in 1..=COLUMNS {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}${}", entry * COLUMNS + column);
        }
        text.push(')');
    }
    text
}

/// Adds an entry by itself. Entries that are added at the same time are written together.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn record(db: &Db, entry: AuditEntry) -> Result<(), DbError> {
    recorder::record(db, entry).await
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
