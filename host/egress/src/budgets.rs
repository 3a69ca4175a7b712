//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// Bodies of responses, from their first byte until they are with the guest. What a guest copies is on its own memory.
///
/// With 64 MiB for each guest and 64 MiB for the host itself this leaves several calls room within 600 MiB. Five times
/// the largest body of a response (25 MiB).
pub(crate) static UPSTREAM_BYTES: Spec = Spec {
    env: "LENO_UPSTREAM_BYTES",
    per: Per::Host,
    what: "bytes of responses from upstreams in memory",
    default: 128 << 20,
    range: (1 << 20, 64 << 30),
};

/// Half of what the host has: no tenant takes what another needs for its largest response.
pub(crate) static TENANT_UPSTREAM_BYTES: Spec = Spec {
    env: "LENO_TENANT_UPSTREAM_BYTES",
    per: Per::Tenant,
    what: "bytes of responses from upstreams in memory",
    default: 64 << 20,
    range: (1 << 20, 64 << 30),
};

/// Connections to upstreams, idle ones included: half of the 1,024 descriptors that most systems give a process. A request
/// under way takes one; a quarter may be idle.
pub(crate) static EGRESS_CONNECTIONS: Spec = Spec {
    env: "LENO_EGRESS_CONNECTIONS",
    per: Per::Host,
    what: "connections to upstreams in use",
    default: 512,
    range: (4, 100_000),
};

/// Half of what the host has.
pub(crate) static TENANT_EGRESS_CONNECTIONS: Spec = Spec {
    env: "LENO_TENANT_EGRESS_CONNECTIONS",
    per: Per::Tenant,
    what: "connections to upstreams in use",
    default: 256,
    range: (1, 100_000),
};

/// Half of what the host has: sixteen calls that send all they may at once.
pub(crate) static PIECE_EGRESS_CONNECTIONS: Spec = Spec {
    env: "LENO_PIECE_EGRESS_CONNECTIONS",
    per: Per::Piece,
    what: "connections to upstreams in use",
    default: 256,
    range: (1, 100_000),
};

/// More than services welcome from one client; a slow one takes no more than this.
pub(crate) static DESTINATION_EGRESS_CONNECTIONS: Spec = Spec {
    env: "LENO_DESTINATION_EGRESS_CONNECTIONS",
    per: Per::Destination,
    what: "connections in use",
    default: 64,
    range: (1, 100_000),
};

/// Names being looked up. A name server that does not answer holds each for seconds.
pub(crate) static LOOKUPS: Spec =
    Spec { env: "LENO_LOOKUPS", per: Per::Host, what: "host names being looked up", default: 32, range: (1, 10_000) };

/// What a connection may send besides bodies, for each request on it: the head of the response, interim responses (RFC
/// 9110, section 15.2), frames of HTTP/2, TLS. Sixteen times what the headers may have.
pub(crate) static UPSTREAM_HEAD_BYTES: Spec = Spec {
    env: "LENO_UPSTREAM_HEAD_BYTES",
    per: Per::Request,
    what: "bytes from an upstream besides the body of its response",
    default: 1 << 20,
    range: (64 << 10, 1 << 30),
};

/// All of them.
pub const BUDGETS: &[&Spec] = &[
    &UPSTREAM_BYTES,
    &TENANT_UPSTREAM_BYTES,
    &EGRESS_CONNECTIONS,
    &TENANT_EGRESS_CONNECTIONS,
    &PIECE_EGRESS_CONNECTIONS,
    &DESTINATION_EGRESS_CONNECTIONS,
    &LOOKUPS,
    &UPSTREAM_HEAD_BYTES,
];
