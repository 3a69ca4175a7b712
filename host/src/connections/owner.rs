//! Whose connections.

use leno_base::{TenantId, UserId};

/// The user of a tenant whose connections are meant. Nobody sees another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
}

impl Owner {
    /// Who does it, in the words of the audit log.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.user)
    }
}
