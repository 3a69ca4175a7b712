//! The owner of data.

use crate::{Actor, TenantId, UserId};

/// The user of a tenant that data belongs to. No other user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
}

impl Owner {
    /// The owner as the audit log records an actor: `user:ID`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.user)
    }
}

impl From<&Actor> for Owner {
    fn from(actor: &Actor) -> Self {
        Self { tenant: actor.tenant.clone(), user: actor.user.clone() }
    }
}
