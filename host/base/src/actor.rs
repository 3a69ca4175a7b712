//! The actor of a piece of work.

use std::{fmt, sync::Arc};

use crate::{OrganizationId, TenantId, UserId};

/// The user that work is done for, and what set the work off: a request, a flow's run, or the host itself. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The tenant, outside of which the user sees nothing.
    pub tenant: TenantId,
    /// The organization that the user works in, if one is chosen.
    pub organization: Option<OrganizationId>,
    /// The user.
    pub user: UserId,
    /// What set the work off.
    pub behalf: Behalf,
}

/// What set the work of an [`Actor`] off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behalf {
    /// A request that the user sent.
    Request,
    /// A run of one of the user's flows.
    Flow {
        /// The flow.
        flow: Arc<str>,
        /// Its run.
        run: Arc<str>,
    },
    /// The host itself: a refresh, an import, a sweep.
    Host,
}

impl Actor {
    /// A user who acts by a request.
    #[must_use]
    pub fn request(tenant: TenantId, user: UserId) -> Self {
        Self { tenant, organization: None, user, behalf: Behalf::Request }
    }

    /// The actor as the audit log records it: `user:ID`, `flow:ID` or `host`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.behalf {
            Behalf::Request => format!("user:{}", self.user),
            Behalf::Flow { flow, .. } => format!("flow:{flow}"),
            Behalf::Host => "host".to_owned(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of tenant {}", self.name(), self.tenant)
    }
}
