//! Every key that ever encrypted something here: table `encryption_keys`. The keys themselves are nowhere in the database;
//! `kid` is a check value that follows from the key.

use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// One key that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The key's id.
    pub kid: String,
    /// When a host first started with it, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was retired.
    pub retired_at: Option<i64>,
    /// The oldest version of seals that may be under it.
    pub oldest_seal: i64,
}

/// All of them, the oldest first.
///
/// # Errors
/// [`DbError::Query`].
pub async fn list(db: &Db) -> Result<Vec<KeyRow>, DbError> {
    const SQL: &str = "SELECT kid, created_at, retired_at, oldest_seal FROM encryption_keys ORDER BY created_at, kid";
    let read = |row: &sqlx::any::AnyRow| -> Result<KeyRow, sqlx::Error> {
        Ok(KeyRow {
            kid: row.try_get("kid")?,
            created_at: row.try_get("created_at")?,
            retired_at: row.try_get("retired_at")?,
            oldest_seal: row.try_get("oldest_seal")?,
        })
    };
    let rows = sqlx::query(SQL).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Records a key, if it is not yet.
///
/// # Errors
/// [`DbError::Query`].
pub async fn record(db: &Db, kid: &str, now: i64) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO encryption_keys (kid, created_at) VALUES ($1, $2) ON CONFLICT (kid) DO NOTHING";
    sqlx::query(SQL).bind(kid).bind(now).execute(&mut *db.writer(Party::Host).await?).await?;
    Ok(())
}

/// Notes that nothing under a key is sealed in a version before `version`.
pub async fn sealed_since(tx: &mut AnyConnection, kid: &str, version: i64) -> Result<(), DbError> {
    const SQL: &str = "UPDATE encryption_keys SET oldest_seal = $1 WHERE kid = $2 AND oldest_seal < $1";
    sqlx::query(SQL).bind(version).bind(kid).execute(tx).await?;
    Ok(())
}

/// Marks a key as retired. Returns whether it existed and was not retired yet.
pub async fn retire(tx: &mut AnyConnection, kid: &str, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE encryption_keys SET retired_at = $1 WHERE kid = $2 AND retired_at IS NULL";
    Ok(sqlx::query(SQL).bind(now).bind(kid).execute(tx).await?.rows_affected() == 1)
}
