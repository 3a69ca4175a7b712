//! The budgets of the authorization server.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[
    &PEER_AUTHORIZATIONS,
    &AUTHORIZATIONS,
    &USER_CLIENTS,
    &TENANT_CLIENTS,
    &USER_GRANTS,
    &TENANT_GRANTS,
    &SECRET_CHECKS,
];

/// Authorization requests that nobody has decided on. They go after ten minutes.
pub(crate) static PEER_AUTHORIZATIONS: Spec = Spec {
    env: "LENO_PEER_AUTHORIZATIONS",
    per: Per::Peer,
    what: "authorization requests under way",
    default: 2_000,
    range: (1, 1_000_000),
};

/// The same for all addresses.
pub(crate) static AUTHORIZATIONS: Spec = Spec {
    env: "LENO_AUTHORIZATIONS",
    per: Per::Host,
    what: "authorization requests under way",
    default: 20_000,
    range: (1, 10_000_000),
};

/// Clients of the authorization server that one user registered.
pub(crate) static USER_CLIENTS: Spec =
    Spec { env: "LENO_USER_CLIENTS", per: Per::User, what: "OAuth clients", default: 50, range: (1, 1_000_000) };

/// Clients of a tenant. Those that registered themselves are of no tenant, and have the same limit together.
pub(crate) static TENANT_CLIENTS: Spec =
    Spec { env: "LENO_TENANT_CLIENTS", per: Per::Tenant, what: "OAuth clients", default: 200, range: (1, 1_000_000) };

/// What a user allows clients.
pub(crate) static USER_GRANTS: Spec = Spec {
    env: "LENO_USER_GRANTS",
    per: Per::User,
    what: "grants to OAuth clients",
    default: 200,
    range: (1, 10_000_000),
};

/// The same for all users of a tenant.
pub(crate) static TENANT_GRANTS: Spec = Spec {
    env: "LENO_TENANT_GRANTS",
    per: Per::Tenant,
    what: "grants to OAuth clients",
    default: 20_000,
    range: (1, 100_000_000),
};

/// Each takes a core for tens of milliseconds, and 16 MiB. A secret that was right is known again without.
pub(crate) static SECRET_CHECKS: Spec = Spec {
    env: "LENO_SECRET_CHECKS",
    per: Per::Host,
    what: "checks of client secrets at a time",
    default: 2,
    range: (1, 1_024),
};
