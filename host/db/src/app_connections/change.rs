//! Changes of connections, each in a transaction of the caller's.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};

use super::{
    list::folded,
    row::{ConnectionRow, SealedValue, facts, with_value},
};
use crate::DbError;

/// Adds a connection, unless its owner has one with that external id. Returns whether it was added.
pub async fn insert(tx: &mut AnyConnection, row: &ConnectionRow, sealed: &SealedValue) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO app_connection (id, tenant_id, owner_id, external_id, display_name, type, status, \
        platform_id, piece_name, piece_version, project_ids, scope, value, key_id, metadata, rev, edition, expires_at, \
        refresh_at, created_at, updated_at, tell_at, display_folded) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
        ON CONFLICT (tenant_id, owner_id, external_id) DO NOTHING";
    let done = sqlx::query(SQL)
        .bind(&row.id)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.external_id)
        .bind(&row.display_name)
        .bind(&row.kind)
        .bind(row.status.as_str())
        .bind(row.platform_id.as_deref())
        .bind(&row.piece_name)
        .bind(&row.piece_version)
        .bind(&row.project_ids)
        .bind(&row.scope)
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(row.metadata.as_deref())
        .bind(row.rev)
        .bind(row.edition)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(row.created_at)
        .bind(row.updated_at)
        .bind(sealed.tell_at)
        .bind(folded(&row.display_name))
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the content and the value of a connection, if `rev` and `edition` are those of `row`; the value is sealed for the
/// next `rev`. Returns whether it did. A refresh under way loses its lease, and counters of failures start over.
pub async fn replace(tx: &mut AnyConnection, row: &ConnectionRow, sealed: &SealedValue) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET display_name = $1, type = $2, status = $3, \
        status_reason = CASE WHEN $3 = 'ERROR' THEN status_reason END, \
        piece_name = $4, piece_version = $5, metadata = $6, value = $7, key_id = $8, expires_at = $9, refresh_at = $10, \
        rev = rev + 1, edition = edition + 1, refresh_started_at = NULL, refresh_failures = 0, refresh_refusals = 0, \
        retry_at = NULL, lease_owner = NULL, lease_host = NULL, lease_until = 0, updated_at = $11, tell_at = $17, \
        display_folded = $18, trial = 0 \
        WHERE tenant_id = $12 AND owner_id = $13 AND id = $14 AND rev = $15 AND edition = $16";
    let done = sqlx::query(SQL)
        .bind(&row.display_name)
        .bind(&row.kind)
        .bind(row.status.as_str())
        .bind(&row.piece_name)
        .bind(&row.piece_version)
        .bind(row.metadata.as_deref())
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(row.updated_at)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.id)
        .bind(row.rev)
        .bind(row.edition)
        .bind(sealed.tell_at)
        .bind(folded(&row.display_name))
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes display name and metadata, if `edition` is that of `row`.
pub async fn describe(tx: &mut AnyConnection, row: &ConnectionRow) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET display_name = $1, metadata = $2, edition = edition + 1, updated_at = $3, \
        display_folded = $8 WHERE tenant_id = $4 AND owner_id = $5 AND id = $6 AND edition = $7";
    let done = sqlx::query(SQL)
        .bind(&row.display_name)
        .bind(row.metadata.as_deref())
        .bind(row.updated_at)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.id)
        .bind(row.edition)
        .bind(folded(&row.display_name))
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a connection. Returns whether it existed.
pub async fn delete(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    let done = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(id).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// The external ids of an owner.
pub async fn external_ids(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId) -> Result<Vec<String>, DbError> {
    const SQL: &str =
        "SELECT external_id FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 ORDER BY external_id";
    let rows = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).fetch_all(tx).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// The connections of an owner with their sealed values, locked until the transaction ends.
pub async fn lock_all(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
) -> Result<Vec<(ConnectionRow, String)>, DbError> {
    // An update locks: SQLite knows no other way.
    const SQL: &str = concat!(
        "UPDATE app_connection SET updated_at = updated_at WHERE tenant_id = $1 AND owner_id = $2 RETURNING ",
        facts!(),
        ", value"
    );
    let rows = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).fetch_all(tx).await?;
    let mut rows: Vec<_> = rows.iter().map(with_value).collect::<Result<_, _>>()?;
    rows.sort_by(|(one, _), (other, _): &(ConnectionRow, String)| one.external_id.cmp(&other.external_id));
    Ok(rows)
}

/// Moves a connection to another user of the same tenant, under another external id if necessary. `sealed`: its value for the
/// new owner and the same `rev`, in place of the text `from`; `None` leaves a value that does not open. Returns whether it
/// did: a concurrent change of the value wins.
pub async fn hand_over(
    tx: &mut AnyConnection,
    row: &ConnectionRow,
    to: (&UserId, &str),
    from: &str,
    sealed: Option<(&str, &str)>,
    now: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET owner_id = $1, external_id = $2, value = COALESCE($3, value), \
        key_id = COALESCE($4, key_id), updated_at = $5 \
        WHERE tenant_id = $6 AND owner_id = $7 AND id = $8 AND value = $9";
    let (value, key_id) = sealed.unzip();
    let query = sqlx::query(SQL).bind(to.0.as_str()).bind(to.1).bind(value).bind(key_id).bind(now);
    let query = query.bind(row.tenant_id.as_str()).bind(row.owner_id.as_str()).bind(&row.id).bind(from);
    Ok(query.execute(tx).await?.rows_affected() == 1)
}
