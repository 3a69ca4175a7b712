//! Users who own connections: table `users`.
//!
//! A user without an account whose things moved to an account stays as a tombstone: what is written under the old name later,
//! by a sign-in under way or with a token that still holds, belongs to the account.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};

use crate::DbError;

/// How many accounts a user may have been linked to, one after the other.
const LINKS: usize = 8;

/// Adds a user, if it is not there, and holds its row until the transaction ends: changes of what one user owns take turns.
/// Returns the account that the user is linked to by now, which is held as well.
pub async fn hold(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    user: &UserId,
    anonymous: bool,
    now: i64,
) -> Result<Option<UserId>, DbError> {
    // An update locks an existing row; `DO NOTHING` would not.
    const SQL: &str = "INSERT INTO users (tenant_id, id, anonymous, created_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (tenant_id, id) DO UPDATE SET anonymous = users.anonymous RETURNING linked_to";
    let mut account = None;
    for _ in 0..LINKS {
        let user = account.as_ref().unwrap_or(user);
        let query = sqlx::query(SQL).bind(tenant.as_str()).bind(user.as_str()).bind(i64::from(anonymous)).bind(now);
        match query.fetch_one(&mut *tx).await?.try_get::<Option<String>, _>(0)? {
            Some(next) => account = Some(UserId::from(next)),
            None => break,
        }
    }
    Ok(account)
}

/// Holds two users of a tenant, of whom the second is `anonymous`, in an order that is always the same: two transactions never
/// wait for each other. Returns whether the second is there, has no account, and is not linked yet.
pub async fn hold_both(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    real: &UserId,
    anonymous: &UserId,
    now: i64,
) -> Result<bool, DbError> {
    const ANONYMOUS: &str = "UPDATE users SET anonymous = 1 \
        WHERE tenant_id = $1 AND id = $2 AND anonymous = 1 AND linked_to IS NULL";
    let mut found = false;
    let mut both = [(real, true), (anonymous, false)];
    both.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    for (user, is_real) in both {
        if is_real {
            hold(tx, tenant, user, false, now).await?;
        } else {
            let query = sqlx::query(ANONYMOUS).bind(tenant.as_str()).bind(user.as_str());
            found = query.execute(&mut *tx).await?.rows_affected() == 1;
        }
    }
    Ok(found)
}

/// Makes an anonymous user a tombstone that points to `account`.
pub async fn link(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    anonymous: &UserId,
    account: &UserId,
) -> Result<(), DbError> {
    const SQL: &str = "UPDATE users SET linked_to = $1 WHERE tenant_id = $2 AND id = $3 AND anonymous = 1";
    sqlx::query(SQL).bind(account.as_str()).bind(tenant.as_str()).bind(anonymous.as_str()).execute(tx).await?;
    Ok(())
}

/// Removes a user, with everything of which they are the owner by a foreign key, and the tombstones that point to them.
/// Returns whether there was one.
pub async fn remove(tx: &mut AnyConnection, tenant: &TenantId, user: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM users WHERE tenant_id = $1 AND (id = $2 OR linked_to = $2)";
    let done = sqlx::query(SQL).bind(tenant.as_str()).bind(user.as_str()).execute(tx).await?;
    Ok(done.rows_affected() > 0)
}
