//! Users who are signed in to the pages of this host: table `page_sessions`.

use leno_base::Owner;
use sqlx::Row as _;

use crate::{Db, DbError, Party};

/// Sessions of one user. The one that ends first makes room for another.
const MOST: i64 = 10;

/// Keeps a session.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(db: &Db, id_hash: &str, owner: &Owner, caller: &str, expires_at: i64) -> Result<(), DbError> {
    const SQL: &str =
        "INSERT INTO page_sessions (id_hash, tenant_id, owner_id, caller, expires_at) VALUES ($1, $2, $3, $4, $5)";
    const REST: &str = "DELETE FROM page_sessions WHERE tenant_id = $1 AND owner_id = $2 AND id_hash NOT IN \
        (SELECT id_hash FROM page_sessions WHERE tenant_id = $1 AND owner_id = $2 ORDER BY expires_at DESC LIMIT $3)";
    let (tenant, user) = (owner.tenant.as_str(), owner.user.as_str());
    let mut tx = db.begin(&owner.tenant).await?;
    sqlx::query(SQL).bind(id_hash).bind(tenant).bind(user).bind(caller).bind(expires_at).execute(&mut *tx).await?;
    sqlx::query(REST).bind(tenant).bind(user).bind(MOST).execute(&mut *tx).await?;
    tx.commit().await
}

/// The caller of a session that has not ended.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, id_hash: &str, now: i64) -> Result<Option<String>, DbError> {
    const SQL: &str = "SELECT caller FROM page_sessions WHERE id_hash = $1 AND expires_at > $2";
    let row = sqlx::query(SQL).bind(id_hash).bind(now).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Ends a session.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete(db: &Db, id_hash: &str) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM page_sessions WHERE id_hash = $1";
    sqlx::query(SQL).bind(id_hash).execute(&mut *db.writer(Party::Host).await?).await?;
    Ok(())
}

/// Removes sessions that have ended. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM page_sessions WHERE id_hash IN \
        (SELECT id_hash FROM page_sessions WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
