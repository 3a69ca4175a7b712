//! Users who own connections: table `users`.

use leno_base::{TenantId, UserId};
use sqlx::AnyConnection;

use crate::DbError;

/// Adds a user, if it is not there, and holds its row until the transaction ends: changes of what one user owns take turns.
pub async fn hold(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    user: &UserId,
    anonymous: bool,
    now: i64,
) -> Result<(), DbError> {
    // An update locks an existing row; `DO NOTHING` would not.
    const SQL: &str = "INSERT INTO users (tenant_id, id, anonymous, created_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (tenant_id, id) DO UPDATE SET anonymous = users.anonymous";
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(user.as_str()).bind(i64::from(anonymous)).bind(now);
    query.execute(tx).await?;
    Ok(())
}

/// Removes an anonymous user and everything that still belongs to it. Returns whether it existed and was anonymous.
pub async fn remove_anonymous(tx: &mut AnyConnection, tenant: &TenantId, user: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM users WHERE tenant_id = $1 AND id = $2 AND anonymous = 1";
    let done = sqlx::query(SQL).bind(tenant.as_str()).bind(user.as_str()).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Locks an anonymous user for this transaction. Returns whether it exists.
pub async fn lock_anonymous(tx: &mut AnyConnection, tenant: &TenantId, user: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE users SET anonymous = 1 WHERE tenant_id = $1 AND id = $2 AND anonymous = 1";
    let done = sqlx::query(SQL).bind(tenant.as_str()).bind(user.as_str()).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}
