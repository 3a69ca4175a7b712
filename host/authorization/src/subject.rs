//! The user that a token is for.

use leno_base::Owner;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The user that a token is for. Of a grant: as the token said with which the user allowed it; that is kept on this host, and
/// nothing of it is taken from a code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The user.
    pub user_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    /// The user as an employee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<Uuid>,
    /// Name of the user's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Names of the user's permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl Subject {
    /// The user of the tenant.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { tenant: self.tenant_id.to_string().into(), user: self.user_id.to_string().into() }
    }
}
