//! Removing everything of a user, or of a tenant. The audit log stays: its rows are not changed, and say who did what by ids only.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party, oauth_server::grants, users};

/// Removes a user with everything that is theirs: connections, references of workflows, endpoints and deliveries by their
/// foreign keys; sign-ins and links for connections under way, events and counters by name. What the user allowed OAuth clients is revoked. Returns whether there was anything.
pub async fn user(tx: &mut AnyConnection, tenant: &TenantId, user: &UserId, now: i64) -> Result<bool, DbError> {
    const OTHERS: [&str; 6] = [
        "DELETE FROM oauth_sessions WHERE tenant_id = $1 AND owner_id = $2",
        "DELETE FROM connection_events WHERE tenant_id = $1 AND owner_id = $2",
        "DELETE FROM page_sessions WHERE tenant_id = $1 AND owner_id = $2",
        "DELETE FROM connect_sessions WHERE tenant_id = $1 AND owner_id = $2",
        "DELETE FROM event_tickets WHERE tenant_id = $1 AND owner_id = $2",
        // Last: the triggers of the others count down. Grants are counted until they go.
        "DELETE FROM quota_usage WHERE tenant_id = $1 AND owner_id = $2 AND what <> 'oauth-grants'",
    ];
    let mut found = users::remove(tx, tenant, user).await?;
    found |= grants::forget(tx, tenant, user, now).await? > 0;
    for sql in OTHERS {
        let done = sqlx::query(sql).bind(tenant.as_str()).bind(user.as_str()).execute(&mut *tx).await?;
        found |= done.rows_affected() > 0;
    }
    Ok(found)
}

/// Up to `limit` users of a tenant, also those of whom there are only sign-ins or events.
///
/// # Errors
/// [`DbError::Query`].
pub async fn users_of(db: &Db, tenant: &TenantId, limit: i64) -> Result<Vec<UserId>, DbError> {
    const SQL: &str = "SELECT id FROM users WHERE tenant_id = $1 \
        UNION SELECT owner_id FROM oauth_sessions WHERE tenant_id = $1 \
        UNION SELECT owner_id FROM connection_events WHERE tenant_id = $1 \
        UNION SELECT owner_id FROM connect_sessions WHERE tenant_id = $1 \
        UNION SELECT owner_id FROM oauth_grants WHERE tenant_id = $1 AND subject <> '{}' LIMIT $2";
    let rows = sqlx::query(SQL).bind(tenant.as_str()).bind(limit).fetch_all(&mut *db.reader(tenant).await?).await?;
    Ok(rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.into())).collect::<Result<_, sqlx::Error>>()?)
}

/// Removes what a tenant has besides its users: what pieces stored for it, its OAuth clients, its counters. Others have their
/// turn in between. Returns the number of rows.
///
/// # Errors
/// [`DbError::Query`].
pub async fn rest_of_tenant(db: &Db, tenant: &TenantId) -> Result<u64, DbError> {
    const STORED: &str = "DELETE FROM store_entries WHERE tenant_id = $1 AND (piece, scope, scope_id, key) IN \
        (SELECT piece, scope, scope_id, key FROM store_entries WHERE tenant_id = $1 LIMIT $2)";
    const OTHERS: [&str; 3] = [
        "DELETE FROM platform_oauth_apps WHERE tenant_id = $1",
        "DELETE FROM oauth_clients WHERE tenant_id = $1",
        "DELETE FROM quota_usage WHERE tenant_id = $1 AND what <> 'oauth-grants'",
    ];
    let mut removed = db.in_steps(|most| sqlx::query(STORED).bind(tenant.as_str().to_owned()).bind(most)).await?;
    for sql in OTHERS {
        let done = sqlx::query(sql).bind(tenant.as_str()).execute(&mut *db.writer(Party::Host).await?).await?;
        removed += done.rows_affected();
    }
    Ok(removed)
}
