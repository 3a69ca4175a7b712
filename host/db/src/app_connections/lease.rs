//! The lease on a connection: the right to spend its refresh token. And what the refresh comes to.
//!
//! A lease is short and kept alive by its holder. One under which a refresh has begun is not simply taken over when it runs
//! out: its holder may have sent the token, and be waiting for a database that is away. It is taken over when the holder's host
//! is known to be dead (see [`Presence`](crate::Presence)), or after a long grace.

use leno_base::TenantId;
use sqlx::AnyConnection;

use super::row::{ConnectionRow, SealedValue};
use crate::{Db, DbError, Presence};

/// How long a lease under which a refresh began outlives its end while its holder's host may be alive, in milliseconds. A
/// process that is stopped longer than this is given up.
const GRACE: i64 = 600_000;

/// A lease on a connection, for a refresh: taken, or wished for.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'a> {
    /// The connection's tenant.
    pub tenant: &'a TenantId,
    /// The connection's row id.
    pub id: &'a str,
    /// Who has it.
    pub holder: &'a str,
    /// The host of the holder.
    pub host: &'a str,
}

/// Takes the lease until `until` if it is free, or its holder is given up, and `rev` and status are those of `row`. Returns
/// whether it did. Shows that the host of `presence` is alive. Times are those of [`Db::now`].
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn lease(
    db: &Db,
    presence: &Presence,
    lease: Lease<'_>,
    row: &ConnectionRow,
    now: i64,
    until: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET lease_owner = $1, lease_host = $2, lease_until = $3 \
        WHERE id = $4 AND rev = $5 AND status = $6 AND (lease_owner IS NULL OR lease_until <= $8 \
        OR (lease_until <= $7 AND (refresh_started_at IS NULL OR lease_host IS NULL)) \
        OR (lease_host IS NOT NULL AND NOT EXISTS (SELECT 1 FROM hosts WHERE hosts.id = lease_host AND seen_at > $9)))";
    let mut tx = db.begin(lease.tenant).await?;
    presence.touch(&mut tx, now).await?;
    let query = sqlx::query(SQL).bind(lease.holder).bind(lease.host).bind(until).bind(lease.id).bind(row.rev);
    let query = query.bind(row.status.as_str()).bind(now).bind(now.saturating_sub(GRACE)).bind(presence.dead_at(now));
    let taken = query.execute(&mut *tx).await?.rows_affected() == 1;
    tx.commit().await?;
    Ok(taken)
}

/// Keeps a lease alive until `until`. Returns false when it was lost.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn extend(db: &Db, lease: Lease<'_>, until: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET lease_until = $1 WHERE id = $2 AND lease_owner = $3";
    let done = sqlx::query(SQL).bind(until).bind(lease.id).bind(lease.holder);
    Ok(done.execute(&mut *db.writer(lease.tenant).await?).await?.rows_affected() == 1)
}

/// Notes that the request to the provider is about to be sent; false when the lease was lost.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn refresh_begins(db: &Db, lease: Lease<'_>, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET refresh_started_at = $1 WHERE id = $2 AND lease_owner = $3";
    let done = sqlx::query(SQL).bind(now).bind(lease.id).bind(lease.holder);
    Ok(done.execute(&mut *db.writer(lease.tenant).await?).await?.rows_affected() == 1)
}

/// Releases the lease without a result.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn release(db: &Db, lease: Lease<'_>) -> Result<(), DbError> {
    const SQL: &str = "UPDATE app_connection SET lease_owner = NULL, lease_host = NULL, lease_until = 0 \
        WHERE id = $1 AND lease_owner = $2";
    sqlx::query(SQL).bind(lease.id).bind(lease.holder).execute(&mut *db.writer(lease.tenant).await?).await?;
    Ok(())
}

/// How a refresh failed without anything being lost.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// A message for users.
    pub reason: &'a str,
    /// When the next one is tried.
    pub retry_at: i64,
    /// Whether the provider refused it.
    pub refused: bool,
    /// Whether the provider may have spent the refresh token.
    pub outcome_unknown: bool,
}

/// Notes that a refresh failed, and releases the lease. Returns false when the lease was lost.
pub async fn refresh_failed(tx: &mut AnyConnection, lease: Lease<'_>, failure: Failure<'_>) -> Result<bool, DbError> {
    // A request without a response stays on record: the next refusal may be its consequence.
    const SQL: &str = "UPDATE app_connection SET lease_owner = NULL, lease_host = NULL, lease_until = 0, \
        status_reason = $1, refresh_failures = refresh_failures + 1, retry_at = $2, \
        refresh_refusals = CASE WHEN $3 = 1 THEN refresh_refusals + 1 ELSE 0 END, \
        refresh_started_at = CASE WHEN $4 = 1 THEN refresh_started_at ELSE NULL END \
        WHERE id = $5 AND lease_owner = $6";
    let query = sqlx::query(SQL).bind(failure.reason).bind(failure.retry_at).bind(i64::from(failure.refused));
    let query = query.bind(i64::from(failure.outcome_unknown)).bind(lease.id).bind(lease.holder);
    Ok(query.execute(tx).await?.rows_affected() == 1)
}

/// Saves refreshed tokens, sealed for the next `rev`, if owner, `rev` and status are still those of `row`; even after the lease
/// expired: the provider's last response for this value is newer than what is stored, and another holder of the lease would be
/// too late. Returns whether it did.
pub async fn refreshed(
    tx: &mut AnyConnection,
    row: &ConnectionRow,
    sealed: &SealedValue,
    now: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET value = $1, key_id = $2, expires_at = $3, refresh_at = $4, \
        status = 'ACTIVE', status_reason = NULL, rev = rev + 1, refresh_started_at = NULL, refresh_failures = 0, \
        refresh_refusals = 0, retry_at = NULL, lease_owner = NULL, lease_host = NULL, lease_until = 0, updated_at = $5, \
        tell_at = $6, trial = 0 WHERE id = $7 AND rev = $8 AND status = $9 AND owner_id = $10";
    let done = sqlx::query(SQL)
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(now)
        .bind(sealed.tell_at)
        .bind(&row.id)
        .bind(row.rev)
        .bind(row.status.as_str())
        .bind(row.owner_id.as_str())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a connection into `ERROR` until its owner connects again: from a refresh with its lease, or when its value does
/// not open (`holder` none). The error is a new `rev`, for which `sealed` is the value; without it the value stays as it is.
/// Returns whether it did.
pub async fn broken(
    tx: &mut AnyConnection,
    row: &ConnectionRow,
    holder: Option<&str>,
    sealed: Option<&SealedValue>,
    reason: &str,
    now: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET status = 'ERROR', status_reason = $1, rev = rev + 1, \
        value = COALESCE($2, value), key_id = COALESCE($3, key_id), refresh_started_at = NULL, refresh_refusals = 0, \
        lease_owner = NULL, lease_host = NULL, lease_until = 0, tell_at = NULL, updated_at = $4 \
        WHERE id = $5 AND rev = $6 AND owner_id = $7 AND status <> 'ERROR' \
        AND (CAST($8 AS TEXT) IS NULL OR lease_owner = $8)";
    let (value, key) = sealed.map(|sealed| (sealed.value.as_str(), sealed.key_id.as_str())).unzip();
    let query = sqlx::query(SQL).bind(reason).bind(value).bind(key).bind(now).bind(&row.id).bind(row.rev);
    let done = query.bind(row.owner_id.as_str()).bind(holder).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}
