//! Codes that were not redeemed: table `oauth_codes`.

use sqlx::Row as _;

use crate::{Db, DbError, Party};

/// Keeps a code.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(db: &Db, jti_hash: &str, code: &str, expires_at: i64) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO oauth_codes (jti_hash, code, expires_at) VALUES ($1, $2, $3)";
    let mut writer = db.writer(Party::Host).await?;
    sqlx::query(SQL).bind(jti_hash).bind(code).bind(expires_at).execute(&mut *writer).await?;
    Ok(())
}

/// A code that was not redeemed.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, jti_hash: &str, now: i64) -> Result<Option<String>, DbError> {
    const SQL: &str = "SELECT code FROM oauth_codes WHERE jti_hash = $1 AND expires_at > $2";
    let row = sqlx::query(SQL).bind(jti_hash).bind(now).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Takes a code: once, also under concurrency. Returns whether this caller has it.
///
/// # Errors
/// [`DbError::Query`].
pub async fn take(db: &Db, jti_hash: &str, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM oauth_codes WHERE jti_hash = $1 AND expires_at > $2";
    let done = sqlx::query(SQL).bind(jti_hash).bind(now).execute(&mut *db.writer(Party::Host).await?).await?;
    Ok(done.rows_affected() == 1)
}

/// Counts a request that showed the code and did not fit it. At `most` the code is gone. Returns whether it is.
///
/// # Errors
/// [`DbError::Query`].
pub async fn fail(db: &Db, jti_hash: &str, most: i64) -> Result<bool, DbError> {
    const COUNT: &str = "UPDATE oauth_codes SET tries = tries + 1 WHERE jti_hash = $1";
    const END: &str = "DELETE FROM oauth_codes WHERE jti_hash = $1 AND tries >= $2";
    let mut writer = db.writer(Party::Host).await?;
    sqlx::query(COUNT).bind(jti_hash).execute(&mut *writer).await?;
    Ok(sqlx::query(END).bind(jti_hash).bind(most).execute(&mut *writer).await?.rows_affected() == 1)
}

/// Removes codes that have ended. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM oauth_codes WHERE jti_hash IN \
        (SELECT jti_hash FROM oauth_codes WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
