//! The user behind a request.

use std::sync::Arc;

use leno_base::{Actor, EmployeeId};

/// The user behind a request, as the access token says. Cheap to clone. Below the edge only the [`Actor`] counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tenant, organization and user.
    pub actor: Actor,
    /// The user as an employee of the organization.
    pub employee_id: Option<EmployeeId>,
    /// Name of the user's role in the tenant.
    pub role: Option<Arc<str>>,
    /// Names of the permissions that the role has.
    pub permissions: Arc<[String]>,
    /// When the access token ends, in seconds since 1970.
    pub expires_at: u64,
    /// The OAuth client that acts for the user; `None` when it is the user.
    pub client: Option<ActingClient>,
}

/// An OAuth client that acts for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActingClient {
    /// The `client_id`.
    pub id: Arc<str>,
    /// What the user allowed, which may be revoked meanwhile. `None` for tokens of Gauzy's.
    pub grant: Option<Arc<str>>,
    /// What the token is good for.
    pub scope: Arc<str>,
}

/// A permission that this host checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// To change what the host serves to all tenants: upload and remove pieces.
    ///
    /// Gauzy's `SUPER_ADMIN` does not include it: that is a role *inside one tenant*, and pieces are shared by all
    /// tenants of a host. Only an operator can sign a token with this permission.
    Admin,
    /// To see connections of one's own, and to try them: Gauzy's.
    ViewConnections,
    /// To make connections: Gauzy's.
    AddConnections,
    /// To change connections of one's own: Gauzy's.
    EditConnections,
    /// To remove connections of one's own: Gauzy's.
    DeleteConnections,
    /// To see the tenant's OAuth clients: Gauzy's.
    ViewClients,
    /// To register, change and remove them: Gauzy's.
    EditClients,
}

impl Permission {
    /// What a user needs for connections of their own.
    pub const CONNECTIONS: [Self; 4] =
        [Self::ViewConnections, Self::AddConnections, Self::EditConnections, Self::DeleteConnections];

    /// The permission's name in the `permissions` claim.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "LENO_ADMIN",
            Self::ViewConnections => "INTEGRATION_VIEW",
            Self::AddConnections => "INTEGRATION_ADD",
            Self::EditConnections => "INTEGRATION_EDIT",
            Self::DeleteConnections => "INTEGRATION_DELETE",
            Self::ViewClients => "OAUTH_CLIENT_VIEW",
            Self::EditClients => "OAUTH_CLIENT_EDIT",
        }
    }
}

impl Caller {
    /// Whether the caller has a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|name| name == permission.as_str())
    }
}
