//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[
    &DELIVERIES,
    &TENANT_DELIVERIES,
    &USER_DELIVERIES,
    &SLOW_DELIVERIES,
    &ENDPOINT_EVENTS,
    &USER_ENDPOINTS,
    &TENANT_ENDPOINTS,
    &USER_EVENTS,
    &USER_STREAMS,
    &USER_TICKETS,
    &TENANT_TICKETS,
];

/// Attempts of this host. Each holds a socket and at most 64 KiB.
pub(crate) static DELIVERIES: Spec = Spec {
    env: "LENO_DELIVERIES",
    per: Per::Host,
    what: "events on their way to endpoints at once",
    default: 32,
    range: (1, 1_024),
};

/// Half of the host's, so that one tenant's receivers, however slow, leave as many to the others.
pub(crate) static TENANT_DELIVERIES: Spec = Spec {
    env: "LENO_TENANT_DELIVERIES",
    per: Per::Tenant,
    what: "events on their way to endpoints at once",
    default: 16,
    range: (1, 1_024),
};

/// A user's endpoints take turns beyond this.
pub(crate) static USER_DELIVERIES: Spec = Spec {
    env: "LENO_USER_DELIVERIES",
    per: Per::User,
    what: "events on their way to endpoints at once",
    default: 4,
    range: (1, 1_024),
};

/// Half of all, so that receivers which are down or take seconds never stand in the way of those that are quick, whoever they
/// belong to.
pub(crate) static SLOW_DELIVERIES: Spec = Spec {
    env: "LENO_SLOW_DELIVERIES",
    per: Per::Host,
    what: "events on their way at once to endpoints whose last attempt failed or took 2 seconds",
    default: 16,
    range: (1, 1_024),
};

/// Beyond this, the oldest event that waits is given up, and the next one that arrives tells how many were.
pub(crate) static ENDPOINT_EVENTS: Spec = Spec {
    env: "LENO_ENDPOINT_EVENTS",
    per: Per::Endpoint,
    what: "events that wait to be sent",
    default: 1_000,
    range: (1, 100_000),
};

/// Each event is sent to every one of them.
pub(crate) static USER_ENDPOINTS: Spec =
    Spec { env: "LENO_USER_ENDPOINTS", per: Per::User, what: "event endpoints", default: 10, range: (1, 1_000) };

/// A hundred users with all of theirs.
pub(crate) static TENANT_ENDPOINTS: Spec = Spec {
    env: "LENO_TENANT_ENDPOINTS",
    per: Per::Tenant,
    what: "event endpoints",
    default: 1_000,
    range: (1, 1_000_000),
};

/// Beyond this, the oldest event goes before its 30 days are over: a stream that resumes does not get it.
pub(crate) static USER_EVENTS: Spec =
    Spec { env: "LENO_USER_EVENTS", per: Per::User, what: "events kept", default: 10_000, range: (1, 10_000_000) };

/// As many as windows of one user.
pub(crate) static USER_STREAMS: Spec = Spec {
    env: "LENO_USER_STREAMS",
    per: Per::User,
    what: "streams of events at once",
    default: 10,
    range: (1, 1_000),
};

/// Twice as many as streams: a page that is loaded again asks for another before the first is gone.
pub(crate) static USER_TICKETS: Spec = Spec {
    env: "LENO_USER_EVENT_TICKETS",
    per: Per::User,
    what: "tickets for streams of events that were not used yet",
    default: 20,
    range: (1, 10_000),
};

/// As many as a large tenant's users need in a minute in which all of them load their pages.
pub(crate) static TENANT_TICKETS: Spec = Spec {
    env: "LENO_TENANT_EVENT_TICKETS",
    per: Per::Tenant,
    what: "tickets for streams of events that were not used yet",
    default: 5_000,
    range: (1, 1_000_000),
};
