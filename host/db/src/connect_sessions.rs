//! Links by which somebody enters the credentials of one connection: table `connect_sessions`.

use leno_base::Owner;
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectSession {
    /// SHA-256 of what the link ends with, in hexadecimal: the row's key.
    pub token_hash: String,
    /// Its name for whoever made it. It does not open the link.
    pub id: String,
    /// Who the connection will belong to.
    pub owner: Owner,
    /// What the link is for, encrypted.
    pub draft: String,
    /// The key that it is encrypted with.
    pub key_id: String,
    /// How often credentials were sent.
    pub attempts: i64,
    /// When credentials were taken, in milliseconds since 1970.
    pub taken_at: Option<i64>,
    /// The row id of the connection that was made.
    pub connection_id: Option<String>,
    /// What the last attempt ended with.
    pub said: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT token_hash, id, tenant_id, owner_id, draft, key_id, attempts, taken_at, connection_id, said, created_at, \
             expires_at FROM connect_sessions WHERE ",
            $condition
        )
    };
}

fn read(row: &AnyRow) -> Result<ConnectSession, sqlx::Error> {
    Ok(ConnectSession {
        token_hash: row.try_get("token_hash")?,
        id: row.try_get("id")?,
        owner: Owner {
            tenant: row.try_get::<String, _>("tenant_id")?.into(),
            user: row.try_get::<String, _>("owner_id")?.into(),
        },
        draft: row.try_get("draft")?,
        key_id: row.try_get("key_id")?,
        attempts: row.try_get("attempts")?,
        taken_at: row.try_get("taken_at")?,
        connection_id: row.try_get("connection_id")?,
        said: row.try_get("said")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

/// Keeps a link. How many its owner may have is for the caller to check, in the same transaction.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(tx: &mut AnyConnection, session: &ConnectSession) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO connect_sessions \
        (token_hash, id, tenant_id, owner_id, draft, key_id, attempts, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)";
    sqlx::query(SQL)
        .bind(&session.token_hash)
        .bind(&session.id)
        .bind(session.owner.tenant.as_str())
        .bind(session.owner.user.as_str())
        .bind(&session.draft)
        .bind(&session.key_id)
        .bind(session.created_at)
        .bind(session.expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// A link that has not ended.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, token_hash: &str, now: i64) -> Result<Option<ConnectSession>, DbError> {
    const SQL: &str = select!("token_hash = $1 AND expires_at > $2");
    let query = sqlx::query(SQL).bind(token_hash).bind(now);
    let row = query.fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The link that its owner knows by `id`.
///
/// # Errors
/// [`DbError::Query`].
pub async fn by_id(db: &Db, owner: &Owner, id: &str, now: i64) -> Result<Option<ConnectSession>, DbError> {
    const SQL: &str = select!("id = $1 AND tenant_id = $2 AND owner_id = $3 AND expires_at > $4");
    let query = sqlx::query(SQL).bind(id).bind(owner.tenant.as_str()).bind(owner.user.as_str()).bind(now);
    let row = query.fetch_optional(&mut *db.reader(&owner.tenant).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Counts an attempt on a link that nobody has used, if there were fewer than `most`. Returns whether it may be made.
///
/// # Errors
/// [`DbError::Query`].
pub async fn attempt(db: &Db, session: &ConnectSession, most: i64, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE connect_sessions SET attempts = attempts + 1 \
        WHERE token_hash = $1 AND taken_at IS NULL AND expires_at > $2 AND attempts < $3";
    let query = sqlx::query(SQL).bind(&session.token_hash).bind(now).bind(most);
    Ok(query.execute(&mut *db.writer(&session.owner.tenant).await?).await?.rows_affected() == 1)
}

/// Takes a link, so that one connection comes of it at most, whoever else sends credentials at the same time and on whichever
/// host. Returns whether the caller has it.
///
/// # Errors
/// [`DbError::Query`].
pub async fn take(db: &Db, session: &ConnectSession, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE connect_sessions SET taken_at = $1 \
        WHERE token_hash = $2 AND taken_at IS NULL AND expires_at > $1";
    let query = sqlx::query(SQL).bind(now).bind(&session.token_hash);
    Ok(query.execute(&mut *db.writer(&session.owner.tenant).await?).await?.rows_affected() == 1)
}

/// Writes what an attempt ended with: a connection, or none, after which the link can be used again.
///
/// # Errors
/// [`DbError::Query`].
pub async fn ended(db: &Db, session: &ConnectSession, connection_id: Option<&str>, said: &str) -> Result<(), DbError> {
    const MADE: &str = "UPDATE connect_sessions SET connection_id = $1, said = $2 WHERE token_hash = $3";
    const FAILED: &str = "UPDATE connect_sessions SET taken_at = NULL, said = $1 \
        WHERE token_hash = $2 AND connection_id IS NULL";
    let query = match connection_id {
        Some(id) => sqlx::query(MADE).bind(id).bind(said).bind(&session.token_hash),
        None => sqlx::query(FAILED).bind(said).bind(&session.token_hash),
    };
    query.execute(&mut *db.writer(&session.owner.tenant).await?).await?;
    Ok(())
}

/// Removes a link. Returns whether there was one.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete(db: &Db, owner: &Owner, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM connect_sessions WHERE id = $1 AND tenant_id = $2 AND owner_id = $3";
    let query = sqlx::query(SQL).bind(id).bind(owner.tenant.as_str()).bind(owner.user.as_str());
    Ok(query.execute(&mut *db.writer(&owner.tenant).await?).await?.rows_affected() == 1)
}

/// Removes links that have ended. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM connect_sessions WHERE token_hash IN \
        (SELECT token_hash FROM connect_sessions WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
