//! Sign-ins under way: table `oauth_sessions`.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// One sign-in, from the authorization URL to the callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthSession {
    /// SHA-256 of the state, in hexadecimal: the row's key.
    pub state_hash: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The user who started it.
    pub owner: UserId,
    /// SHA-256 of the cookie of the browser that began it.
    pub browser_hash: String,
    /// What the exchange needs, encrypted.
    pub draft: String,
    /// The key that it is encrypted with.
    pub key_id: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
}

/// Keeps a sign-in. How many its owner may have is for the caller to check, in the same transaction.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(tx: &mut AnyConnection, session: &OAuthSession, now: i64) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO oauth_sessions \
        (state_hash, tenant_id, owner_id, browser_hash, draft, key_id, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(SQL)
        .bind(&session.state_hash)
        .bind(session.tenant.as_str())
        .bind(session.owner.as_str())
        .bind(&session.browser_hash)
        .bind(&session.draft)
        .bind(&session.key_id)
        .bind(now)
        .bind(session.expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes a sign-in that this browser started and that has not expired: once, also under concurrency.
///
/// # Errors
/// [`DbError::Query`].
pub async fn take(db: &Db, state_hash: &str, browser_hash: &str, now: i64) -> Result<Option<OAuthSession>, DbError> {
    const SQL: &str = "DELETE FROM oauth_sessions WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3 \
        RETURNING state_hash, tenant_id, owner_id, browser_hash, draft, key_id, expires_at";
    let row = sqlx::query(SQL)
        .bind(state_hash)
        .bind(browser_hash)
        .bind(now)
        .fetch_optional(&mut *db.writer(Party::Host).await?)
        .await?;
    let read = |row: sqlx::any::AnyRow| -> Result<OAuthSession, sqlx::Error> {
        Ok(OAuthSession {
            state_hash: row.try_get("state_hash")?,
            tenant: row.try_get::<String, _>("tenant_id")?.into(),
            owner: row.try_get::<String, _>("owner_id")?.into(),
            browser_hash: row.try_get("browser_hash")?,
            draft: row.try_get("draft")?,
            key_id: row.try_get("key_id")?,
            expires_at: row.try_get("expires_at")?,
        })
    };
    Ok(row.map(read).transpose()?)
}

/// Removes expired rows. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM oauth_sessions WHERE state_hash IN \
        (SELECT state_hash FROM oauth_sessions WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
