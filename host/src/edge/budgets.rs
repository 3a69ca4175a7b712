//! The budgets of the edge.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[&TENANT_REQUESTS, &USER_REQUESTS];

/// In a second, and as many at once after a pause; 0 for no limit. More than two cores serve, so it takes nothing from a tenant
/// that is alone: what is scarce when there are several, such as permits and bytes, has budgets of its own. On a larger host it
/// is what one tenant may take of it, and an operator who knows the host sets it lower.
pub(crate) static TENANT_REQUESTS: Spec = Spec {
    env: "LENO_TENANT_REQUESTS",
    per: Per::Tenant,
    what: "requests a second",
    default: 20_000,
    range: (0, 10_000_000),
};

/// As for a tenant, which may have one user only.
pub(crate) static USER_REQUESTS: Spec = Spec {
    env: "LENO_USER_REQUESTS",
    per: Per::User,
    what: "requests a second",
    default: 20_000,
    range: (0, 10_000_000),
};
