//! Anonymous users, and how their connections move to a real user.

use leno_base::{Owner, TenantId, UserId};
use leno_db::{AuditEntry, app_connections, audit_log, endpoints, repeat, users, workflow_refs};
use uuid::Uuid;

use crate::{ConnectionError, Connections, EventKind};

/// A connection that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its external id before.
    pub from: String,
    /// Its external id now; another where the new owner had one of the old.
    pub to: String,
}

impl Connections {
    /// Makes a user without an account.
    ///
    /// # Errors
    /// The database failed.
    pub async fn anonymous(&self, tenant: TenantId) -> Result<Owner, ConnectionError> {
        let inner = &*self.0;
        let owner = Owner { tenant, user: UserId::from(Uuid::new_v4().to_string()) };
        let mut tx = inner.db.begin(&owner.tenant).await?;
        users::hold(&mut tx, &owner.tenant, &owner.user, true, inner.now()).await?;
        tx.commit().await?;
        Ok(owner)
    }

    /// Moves everything that an anonymous user owns to a real user, in one transaction; what comes later under the former name
    /// goes there too. Where
    /// both have a connection of the same external id, the moved one gets a number, also in the workflows that refer to
    /// it.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]: the tenant has no such anonymous user.
    pub async fn link(&self, anonymous: &Owner, real: &Owner) -> Result<Vec<Moved>, ConnectionError> {
        repeat(|| self.try_link(anonymous, real)).await
    }

    async fn try_link(&self, anonymous: &Owner, real: &Owner) -> Result<Vec<Moved>, ConnectionError> {
        let inner = &*self.0;
        if anonymous.tenant != real.tenant || anonymous.user == real.user {
            return Err(ConnectionError::NotFound);
        }
        let tenant = &real.tenant;
        let people = (&anonymous.user, &real.user);
        let now = inner.now();
        let mut tx = inner.db.begin(tenant).await?;
        // Locks the rows: of two concurrent requests, the second finds no such user.
        if !users::hold_both(&mut tx, tenant, &real.user, &anonymous.user, now).await? {
            return Err(ConnectionError::NotFound);
        }
        let present = app_connections::external_ids(&mut tx, tenant, &real.user).await?;
        let coming = app_connections::lock_all(&mut tx, tenant, &anonymous.user).await?;
        // A new name must collide with neither side's.
        let mut taken = present.clone();
        taken.extend(coming.iter().map(|(row, _)| row.external_id.clone()));
        let (mut moved, mut events) = (Vec::new(), Vec::new());
        for (row, text) in coming {
            let from = row.external_id.clone();
            let to = if present.contains(&from) { numbered(&from, &taken) } else { from.clone() };
            let mut theirs = row.clone();
            (theirs.owner_id, theirs.external_id, theirs.updated_at) = (real.user.clone(), to.clone(), now);
            // A value that does not open moves as it is.
            let value = inner.open(&row, &text).ok();
            let sealed = value.map(|value| inner.seal(&theirs, row.rev, &value)).transpose()?;
            let sealed = sealed.as_ref().map(|sealed| (sealed.value.as_str(), sealed.key_id.as_str()));
            app_connections::hand_over(&mut tx, &row, (&real.user, &to), &text, sealed, now).await?;
            workflow_refs::hand_over(&mut tx, tenant, people, (&from, &to), now).await?;
            let detail = serde_json::json!({"from": anonymous.user});
            events.push(inner.note(&mut tx, &theirs, &real.actor(), EventKind::Created, detail).await?);
            taken.push(to.clone());
            moved.push(Moved { from, to });
        }
        workflow_refs::hand_over_rest(&mut tx, tenant, people, now).await?;
        let detail = serde_json::json!({"connections": moved.len()});
        let entry = AuditEntry::new(now, tenant.clone(), real.actor(), "user.linked", anonymous.user.as_str());
        audit_log::append(&mut tx, &entry.with(detail)).await?;
        endpoints::hand_over(&mut tx, tenant, &anonymous.user, &real.user).await?;
        users::link(&mut tx, tenant, &anonymous.user, &real.user).await?;
        tx.commit().await?;
        events.iter().for_each(|event| inner.events.published(event));
        Ok(moved)
    }
}

/// The first of `id-2`, `id-3`, … that is not taken.
pub(crate) fn numbered(id: &str, taken: &[String]) -> String {
    let numbered = (2_u64..).map(|number| {
        let suffix = format!("-{number}");
        // Within the longest external id.
        let mut end = id.len().min(255 - suffix.len());
        while !id.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{suffix}", id.get(..end).unwrap_or_default())
    });
    numbered.into_iter().find(|id| !taken.contains(id)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_id_gets_the_next_number_and_stays_short_enough() {
        let taken = ["a".to_owned(), "a-2".to_owned()];
        assert_eq!(numbered("a", &taken), "a-3");
        let long = numbered(&"é".repeat(127), &taken);
        assert!(long.ends_with("é-2") && long.len() <= 255, "{}", long.len());
    }
}
