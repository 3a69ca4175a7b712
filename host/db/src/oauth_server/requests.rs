//! Authorization requests that nobody has decided on: table `oauth_requests`.

use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// Keeps a request of the address `peer`. How many there may be is for the caller to check, in the same transaction.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(
    tx: &mut AnyConnection,
    id_hash: &str,
    peer: &str,
    request: &str,
    expires_at: i64,
) -> Result<(), DbError> {
    const SQL: &str =
        "INSERT INTO oauth_requests (id_hash, tenant_id, owner_id, request, expires_at) VALUES ($1, '', $2, $3, $4)";
    sqlx::query(SQL).bind(id_hash).bind(peer).bind(request).bind(expires_at).execute(tx).await?;
    Ok(())
}

/// A request that has not ended.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, id_hash: &str, now: i64) -> Result<Option<String>, DbError> {
    const SQL: &str = "SELECT request FROM oauth_requests WHERE id_hash = $1 AND expires_at > $2";
    let row = sqlx::query(SQL).bind(id_hash).bind(now).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Makes `user` the one who decides on a request, if nobody is yet. Returns who is.
///
/// # Errors
/// [`DbError::Query`].
pub async fn claim(db: &Db, id_hash: &str, user: &str, now: i64) -> Result<Option<String>, DbError> {
    const SQL: &str = "UPDATE oauth_requests SET decider = COALESCE(decider, $1) \
        WHERE id_hash = $2 AND expires_at > $3 RETURNING decider";
    let mut writer = db.writer(Party::Host).await?;
    let row = sqlx::query(SQL).bind(user).bind(id_hash).bind(now).fetch_optional(&mut *writer).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Takes a request that has not ended: once, also under concurrency.
///
/// # Errors
/// [`DbError::Query`].
pub async fn take(db: &Db, id_hash: &str, now: i64) -> Result<Option<String>, DbError> {
    const SQL: &str = "DELETE FROM oauth_requests WHERE id_hash = $1 AND expires_at > $2 RETURNING request";
    let row = sqlx::query(SQL).bind(id_hash).bind(now).fetch_optional(&mut *db.writer(Party::Host).await?).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Removes requests that have ended. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM oauth_requests WHERE id_hash IN \
        (SELECT id_hash FROM oauth_requests WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
