//! The budgets of the edge: connections, and the memory of requests and responses.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[
    &CONNECTIONS,
    &CONNECTIONS_PER_PEER,
    &ADMIN_CONNECTIONS,
    &REQUEST_BYTES,
    &TENANT_REQUEST_BYTES,
    &REQUEST_VALUES,
    &MAX_BODY_BYTES,
    &OPTIONS_BODY_BYTES,
    &WORKFLOW_BODY_BYTES,
    &CONNECTION_BODY_BYTES,
    &CONNECTION_PROPS_BYTES,
    &CONNECTION_METADATA_BYTES,
    &SMALL_BODY_BYTES,
    &UPLOAD_BYTES,
    &PAGE_BYTES,
    &TENANT_REQUESTS,
    &USER_REQUESTS,
    &OAUTH_PEER_REQUESTS,
    &OAUTH_PEER_FAILURES,
    &OAUTH_CLIENT_REQUESTS,
];

/// Clients' connections. A connection costs about 100 kB at most, with its buffers: these are 100 MiB. It is lowered to what
/// the limit of file descriptors allows; at the limit, the connection that is idle for longest makes room for a new one.
pub(crate) static CONNECTIONS: Spec = Spec {
    env: "LENO_CONNECTIONS",
    per: Per::Host,
    what: "connections of clients",
    default: 1_024,
    range: (4, 1_000_000),
};

/// Connections of one address (IPv6: one network of 64 bits). All clients behind a reverse proxy are one address, and those on
/// the same machine are: therefore half of all, and no more than half unless it is set. Behind a proxy that is the only
/// client, set it to the same as `LENO_CONNECTIONS`.
pub(crate) static CONNECTIONS_PER_PEER: Spec = Spec {
    env: "LENO_CONNECTIONS_PER_PEER",
    per: Per::Peer,
    what: "connections to this host",
    default: 512,
    range: (2, 1_000_000),
};

/// Connections to `LENO_ADMIN_LISTEN`: a few scrapers and people.
pub(crate) static ADMIN_CONNECTIONS: Spec = Spec {
    env: "LENO_ADMIN_CONNECTIONS",
    per: Per::Host,
    what: "connections to the operator's address",
    default: 64,
    range: (2, 100_000),
};

/// Memory of request bodies: their bytes while they arrive, and an estimate of the values that they are parsed to. A quarter
/// is kept for tenants that hold little. Twice the largest upload.
pub(crate) static REQUEST_BYTES: Spec = Spec {
    env: "LENO_REQUEST_BYTES",
    per: Per::Host,
    what: "bytes of memory for request bodies",
    default: 128 << 20,
    range: (1 << 20, 1 << 40),
};

/// The part of it that one tenant may hold: half, so that two greedy tenants leave the last quarter alone. Room for one body of
/// as many values as a request may have.
pub(crate) static TENANT_REQUEST_BYTES: Spec = Spec {
    env: "LENO_TENANT_REQUEST_BYTES",
    per: Per::Tenant,
    what: "bytes of memory for request bodies",
    default: 64 << 20,
    range: (64 << 10, 1 << 40),
};

/// JSON values in a request: a value takes about a hundred bytes of memory, for two or three of text. Enough for a list of
/// 10,000 rows with 15 columns.
pub(crate) static REQUEST_VALUES: Spec = Spec {
    env: "LENO_REQUEST_VALUES",
    per: Per::Request,
    what: "JSON values",
    default: 200_000,
    range: (100, 100_000_000),
};

/// The body of a run: its input may hold files in base64.
pub(crate) static MAX_BODY_BYTES: Spec = Spec {
    env: "LENO_MAX_BODY_BYTES",
    per: Per::Request,
    what: "bytes in the body of a run",
    default: 10 << 20,
    range: (1_024, 1 << 30),
};

/// The body of a request for options: what a user has chosen so far.
pub(crate) static OPTIONS_BODY_BYTES: Spec = Spec {
    env: "LENO_OPTIONS_BODY_BYTES",
    per: Per::Request,
    what: "bytes in the body of a request for options",
    default: 256 << 10,
    range: (1_024, 1 << 30),
};

/// The uses of connections in a workflow: 10,000 of them with ids of a common length.
pub(crate) static WORKFLOW_BODY_BYTES: Spec = Spec {
    env: "LENO_WORKFLOW_BODY_BYTES",
    per: Per::Request,
    what: "bytes in the body of a workflow's uses",
    default: 2 << 20,
    range: (1_024, 1 << 30),
};

/// A connection that is stored, changed, tried or signed in to: its value and metadata, and room for the rest.
pub(crate) static CONNECTION_BODY_BYTES: Spec = Spec {
    env: "LENO_CONNECTION_BODY_BYTES",
    per: Per::Request,
    what: "bytes in the body of a request about a connection",
    default: 64 << 10,
    range: (1_024, 1 << 30),
};

/// The credentials of a connection: keys and certificates take a few kilobytes, tokens up to 16.
pub(crate) static CONNECTION_PROPS_BYTES: Spec = Spec {
    env: "LENO_CONNECTION_PROPS_BYTES",
    per: Per::Request,
    what: "bytes in the value or props of a connection",
    default: 32 << 10,
    range: (256, 1 << 30),
};

/// The metadata of a connection. Every list of connections shows it.
pub(crate) static CONNECTION_METADATA_BYTES: Spec = Spec {
    env: "LENO_CONNECTION_METADATA_BYTES",
    per: Per::Request,
    what: "bytes in the metadata of a connection",
    default: 16 << 10,
    range: (256, 1 << 30),
};

/// Any other body: a few names, addresses, tokens.
pub(crate) static SMALL_BODY_BYTES: Spec = Spec {
    env: "LENO_SMALL_BODY_BYTES",
    per: Per::Request,
    what: "bytes in the body of this request",
    default: 32 << 10,
    range: (1_024, 1 << 30),
};

/// An uploaded component: as large as the registry reads.
pub(crate) static UPLOAD_BYTES: Spec = Spec {
    env: "LENO_UPLOAD_BYTES",
    per: Per::Request,
    what: "bytes in an uploaded component",
    default: 64 << 20,
    range: (1_024, 64 << 20),
};

/// A page of a list ends where its rows come to so much; what is left is on the next page.
pub(crate) static PAGE_BYTES: Spec = Spec {
    env: "LENO_PAGE_BYTES",
    per: Per::Request,
    what: "bytes of rows on a page",
    default: 1 << 20,
    range: (1_024, 1 << 30),
};

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

/// Requests to the authorization server, in a second and as many at once after a pause; 0 for no limit. All clients behind a
/// reverse proxy are one address: set it to 0 there, and limit at the proxy.
pub(crate) static OAUTH_PEER_REQUESTS: Spec = Spec {
    env: "LENO_OAUTH_PEER_REQUESTS",
    per: Per::Peer,
    what: "requests to the authorization server a second",
    default: 200,
    range: (0, 10_000_000),
};

/// Requests of clients that did not prove who they are: more than a person who makes mistakes, fewer than somebody who guesses.
pub(crate) static OAUTH_PEER_FAILURES: Spec = Spec {
    env: "LENO_OAUTH_PEER_FAILURES",
    per: Per::Peer,
    what: "refused client secrets a second",
    default: 10,
    range: (0, 10_000_000),
};

/// Requests of one client for tokens.
pub(crate) static OAUTH_CLIENT_REQUESTS: Spec = Spec {
    env: "LENO_OAUTH_CLIENT_REQUESTS",
    per: Per::Client,
    what: "requests for tokens a second",
    default: 500,
    range: (0, 10_000_000),
};
