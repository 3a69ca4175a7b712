//! Tokens that are to be revoked at their providers: table `token_revocations`.

use leno_base::TenantId;
use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Row id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The connection that had the tokens.
    pub connection_id: String,
    /// Its piece.
    pub piece_name: String,
    /// The sealed connection value.
    pub value: String,
    /// The key that it is encrypted with.
    pub key_id: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, in milliseconds since 1970.
    pub next_at: i64,
}

/// Adds one, in the transaction in which the connection loses the tokens. `now` is in milliseconds since 1970.
pub async fn insert(tx: &mut AnyConnection, revocation: &Revocation, now: i64) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO token_revocations \
        (id, tenant_id, connection_id, piece_name, value, key_id, next_at, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(SQL)
        .bind(&revocation.id)
        .bind(revocation.tenant.as_str())
        .bind(&revocation.connection_id)
        .bind(&revocation.piece_name)
        .bind(&revocation.value)
        .bind(&revocation.key_id)
        .bind(revocation.next_at)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// Claims up to `limit` that are due at `now`, until `until`: of many hosts one gets each.
///
/// # Errors
/// [`DbError::Query`].
pub async fn claim(db: &Db, now: i64, until: i64, limit: i64) -> Result<Vec<Revocation>, DbError> {
    const DUE: &str = "SELECT id, tenant_id, connection_id, piece_name, value, key_id, attempts, next_at \
        FROM token_revocations WHERE next_at <= $1 ORDER BY next_at LIMIT $2";
    const CLAIM: &str = "UPDATE token_revocations SET next_at = $1, attempts = attempts + 1 \
        WHERE id = $2 AND next_at = $3 AND attempts = $4";
    let due = sqlx::query(DUE).bind(now).bind(limit).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    let mut claimed = Vec::new();
    for row in due {
        let revocation = Revocation {
            id: row.try_get("id")?,
            tenant: row.try_get::<String, _>("tenant_id")?.into(),
            connection_id: row.try_get("connection_id")?,
            piece_name: row.try_get("piece_name")?,
            value: row.try_get("value")?,
            key_id: row.try_get("key_id")?,
            attempts: row.try_get("attempts")?,
            next_at: row.try_get("next_at")?,
        };
        let claim =
            sqlx::query(CLAIM).bind(until).bind(&revocation.id).bind(revocation.next_at).bind(revocation.attempts);
        if claim.execute(&mut *db.writer(&revocation.tenant).await?).await?.rows_affected() == 1 {
            claimed.push(Revocation { attempts: revocation.attempts + 1, next_at: until, ..revocation });
        }
    }
    Ok(claimed)
}

/// Tries one again at `at`.
///
/// # Errors
/// [`DbError::Query`].
pub async fn again(db: &Db, revocation: &Revocation, at: i64) -> Result<(), DbError> {
    const SQL: &str = "UPDATE token_revocations SET next_at = $1 WHERE id = $2 AND attempts = $3";
    let query = sqlx::query(SQL).bind(at).bind(&revocation.id).bind(revocation.attempts);
    query.execute(&mut *db.writer(&revocation.tenant).await?).await?;
    Ok(())
}

/// Removes one that is done, or given up.
pub async fn delete(tx: &mut AnyConnection, id: &str) -> Result<(), DbError> {
    sqlx::query("DELETE FROM token_revocations WHERE id = $1").bind(id).execute(tx).await?;
    Ok(())
}
