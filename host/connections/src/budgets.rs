//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[
    &USER_CONNECTIONS,
    &TENANT_CONNECTIONS,
    &USER_SIGN_INS,
    &TENANT_SIGN_INS,
    &TENANT_REFRESHES,
    &TENANT_CONNECTION_TESTS,
    &USER_CONNECT_SESSIONS,
    &TENANT_CONNECT_SESSIONS,
];

/// More than anybody makes by hand.
pub(crate) static USER_CONNECTIONS: Spec =
    Spec { env: "LENO_USER_CONNECTIONS", per: Per::User, what: "connections", default: 1_000, range: (1, 10_000_000) };

/// Twenty users with all of theirs, or thousands with a few.
pub(crate) static TENANT_CONNECTIONS: Spec = Spec {
    env: "LENO_TENANT_CONNECTIONS",
    per: Per::Tenant,
    what: "connections",
    default: 20_000,
    range: (1, 1_000_000_000),
};

/// One that was begun and not finished counts for 10 minutes.
pub(crate) static USER_SIGN_INS: Spec =
    Spec { env: "LENO_USER_SIGN_INS", per: Per::User, what: "sign-ins at once", default: 50, range: (1, 1_000_000) };

/// As many as a large tenant begins in 10 minutes.
pub(crate) static TENANT_SIGN_INS: Spec = Spec {
    env: "LENO_TENANT_SIGN_INS",
    per: Per::Tenant,
    what: "sign-ins at once",
    default: 2_000,
    range: (1, 1_000_000),
};

/// On this host. A refresh takes up to 20 s when the provider is slow, and holds a socket meanwhile.
pub(crate) static TENANT_REFRESHES: Spec = Spec {
    env: "LENO_TENANT_REFRESHES",
    per: Per::Tenant,
    what: "tokens being refreshed at once",
    default: 32,
    range: (1, 100_000),
};

/// On this host. A test runs the piece, and may wait for a refresh first.
pub(crate) static TENANT_CONNECTION_TESTS: Spec = Spec {
    env: "LENO_TENANT_CONNECTION_TESTS",
    per: Per::Tenant,
    what: "tests of connections at once",
    default: 16,
    range: (1, 100_000),
};

/// One counts for half an hour, used or not.
pub(crate) static USER_CONNECT_SESSIONS: Spec = Spec {
    env: "LENO_USER_CONNECT_SESSIONS",
    per: Per::User,
    what: "links for connections",
    default: 100,
    range: (1, 1_000_000),
};

/// Twenty users with all of theirs.
pub(crate) static TENANT_CONNECT_SESSIONS: Spec = Spec {
    env: "LENO_TENANT_CONNECT_SESSIONS",
    per: Per::Tenant,
    what: "links for connections",
    default: 2_000,
    range: (1, 1_000_000),
};
