//! Copies of the database, and what follows from having been restored from one.

use std::path::Path;

use leno_base::TenantId;
use serde_json::json;
use sqlx::Row as _;

use crate::{AuditEntry, Db, DbError, Party, audit_log};

/// Writes a copy of an SQLite database, as it is at this moment, to the file at `path`, which is empty or not there. Hosts may go
/// on working.
///
/// # Errors
/// [`DbError::Query`]: it is another database, or the file cannot be written.
pub async fn copy(db: &Db, path: &Path) -> Result<(), DbError> {
    let path = path.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *db.writer(Party::Host).await?).await?;
    Ok(())
}

/// What is wrong with the pages of an SQLite database; `None` when nothing is.
///
/// # Errors
/// [`DbError::Query`].
pub async fn damage(db: &Db) -> Result<Option<String>, DbError> {
    let found = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut *db.writer(Party::Host).await?).await?;
    let found: String = found.try_get(0)?;
    Ok((found != "ok").then_some(found))
}

/// What a restoration marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The number of this restoration.
    pub epoch: i64,
    /// Connections whose refresh tokens may have been used since the backup.
    pub on_trial: u64,
}

/// Begins a new epoch after the database was restored: connections that can be renewed are on trial, and due. Sign-ins under way,
/// links for connections, hosts and leases of the time of the backup are forgotten. No host may be working. `now` is in milliseconds since 1970.
///
/// # Errors
/// [`DbError::Query`].
pub async fn restored(db: &Db, now: i64) -> Result<Restored, DbError> {
    const EPOCH: &str = "INSERT INTO epochs (number, restored_at) \
        SELECT COALESCE(MAX(number), 0) + 1, $1 FROM epochs RETURNING number";
    const TRIAL: &str = "UPDATE app_connection SET trial = $1, refresh_at = 0, retry_at = NULL, lease_owner = NULL, \
        lease_host = NULL, lease_until = 0, refresh_started_at = NULL WHERE refresh_at IS NOT NULL AND status = 'ACTIVE'";
    let mut tx = db.begin(Party::Host).await?;
    let epoch: i64 = sqlx::query(EPOCH).bind(now).fetch_one(&mut *tx).await?.try_get(0)?;
    let on_trial = sqlx::query(TRIAL).bind(epoch).execute(&mut *tx).await?.rows_affected();
    for sql in
        ["DELETE FROM hosts", "DELETE FROM oauth_sessions", "DELETE FROM connect_sessions", "DELETE FROM event_tickets"]
    {
        sqlx::query(sql).execute(&mut *tx).await?;
    }
    let entry = AuditEntry::new(now, TenantId::from(""), "host", "database.restored", epoch.to_string());
    audit_log::append(&mut tx, &entry.with(json!({"onTrial": on_trial}))).await?;
    tx.commit().await?;
    Ok(Restored { epoch, on_trial })
}
