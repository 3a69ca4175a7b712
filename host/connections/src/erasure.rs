//! Removing a user, or a tenant, with everything that is theirs.

use leno_base::{Owner, TenantId};
use leno_db::{AuditEntry, app_connections, audit_log, erasure, repeat};
use serde_json::json;

use crate::{ConnectionError, Connections};

/// Users of a tenant that are looked up at once.
const AT_ONCE: i64 = 100;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Users.
    pub users: u64,
    /// Connections of theirs.
    pub connections: u64,
}

impl Connections {
    /// Removes a user with everything that is theirs, and has their tokens revoked where pieces say how. `actor` is who asks.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]: nothing is known of the user. The database failed.
    pub async fn erase_user(&self, actor: &str, owner: &Owner) -> Result<Erased, ConnectionError> {
        let erased = repeat(|| self.try_to_erase(actor, owner)).await?;
        self.begin_revoking();
        Ok(erased)
    }

    /// Removes a tenant with all its users and what pieces stored for it. What was interrupted can be repeated. `actor` is who
    /// asks.
    ///
    /// # Errors
    /// The database failed; a part may have been removed.
    pub async fn erase_tenant(&self, actor: &str, tenant: &TenantId) -> Result<Erased, ConnectionError> {
        let inner = &*self.0;
        let mut sum = Erased::default();
        loop {
            let users = erasure::users_of(&inner.db, tenant, AT_ONCE).await?;
            if users.is_empty() {
                break;
            }
            for user in users {
                let owner = Owner { tenant: tenant.clone(), user };
                match repeat(|| self.try_to_erase(actor, &owner)).await {
                    Ok(erased) => {
                        sum.users += erased.users;
                        sum.connections += erased.connections;
                    }
                    // Another request was quicker.
                    Err(ConnectionError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let rows = erasure::rest_of_tenant(&inner.db, tenant).await?;
        let detail = json!({"users": sum.users, "connections": sum.connections, "rows": rows});
        let entry = AuditEntry::new(inner.now(), tenant.clone(), actor, "tenant.erased", tenant.as_str()).with(detail);
        audit_log::record(&inner.db, entry).await?;
        self.begin_revoking();
        Ok(sum)
    }

    async fn try_to_erase(&self, actor: &str, owner: &Owner) -> Result<Erased, ConnectionError> {
        let inner = &*self.0;
        let mut tx = inner.db.begin(&owner.tenant).await?;
        let rows = app_connections::lock_all(&mut tx, &owner.tenant, &owner.user).await?;
        for (row, text) in &rows {
            if let Ok(value) = inner.open(row, text) {
                inner.to_be_revoked(&mut tx, row, &value).await?;
            }
        }
        if !erasure::user(&mut tx, &owner.tenant, &owner.user, inner.now()).await? {
            return Err(ConnectionError::NotFound);
        }
        let connections = rows.len() as u64;
        let entry = AuditEntry::new(inner.now(), owner.tenant.clone(), actor, "user.erased", owner.user.as_str());
        audit_log::append(&mut tx, &entry.with(json!({"connections": connections}))).await?;
        tx.commit().await?;
        Ok(Erased { users: 1, connections })
    }
}
