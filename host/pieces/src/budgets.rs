//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// Refusals that the host logs one by one; of more it logs the number. The first few say what a piece lacks.
pub(crate) static DENIALS_LOGGED: Spec = Spec {
    env: "LENO_CALL_DENIALS_LOGGED",
    per: Per::Call,
    what: "refused requests logged one by one",
    default: 20,
    range: (0, 1_000_000),
};

/// Failed runs that the host logs one by one; the line after them says how many were left out. Each failure is in the metrics
/// and in its response.
pub(crate) static FAILURES_LOGGED: Spec = Spec {
    env: "LENO_FAILURES_LOGGED",
    per: Per::Tenant,
    what: "failed runs logged one by one in a second",
    default: 20,
    range: (0, 1_000_000),
};

/// Connections in use whose uses are counted for the audit log: one for each actor and version of a piece, for a minute after its
/// last use. Tenants share them. A tenant that finds no place has its uses counted all the same, as one number.
///
/// 10,000: each takes about 500 bytes.
pub(crate) static CONNECTION_USES: Spec = Spec {
    env: "LENO_CONNECTION_USES",
    per: Per::Host,
    what: "connections in use that are counted for the audit log",
    default: 10_000,
    range: (16, 1_000_000),
};

/// Components that are compiled at once, each in a child process at the lowest priority that may take 2 GiB. Two, so that one
/// which takes a minute does not hold up the next. An upload waits 10 s for its turn and is then refused; files of the
/// pieces directory wait for as long as it takes.
pub(crate) static COMPILES: Spec =
    Spec { env: "LENO_COMPILES", per: Per::Host, what: "compilations at once", default: 2, range: (1, 64) };

/// Bytes of components kept in the data directory, by digest: the last good version of every file of the pieces directory,
/// and earlier ones as long as there is room. What no file was last served from makes room for what is new. A component
/// that does not fit is served and not kept; an upload that does not fit is refused. `leno prune` removes earlier versions.
pub static COMPONENT_BYTES: Spec = Spec {
    env: "LENO_COMPONENT_BYTES",
    per: Per::Host,
    what: "bytes of kept components",
    default: 1 << 30,
    range: (1 << 10, 1 << 40),
};

/// Per piece as well. Values do not expire by themselves: what a piece keeps, such as the last item that it saw, must not
/// vanish. So the number is what ends it.
pub(crate) static STORE_KEYS: Spec = Spec {
    env: "LENO_STORE_KEYS",
    per: Per::Tenant,
    what: "keys in the store of a piece",
    default: 10_000,
    range: (1, 100_000_000),
};

/// Per piece as well: 128 values of the longest.
pub(crate) static STORE_BYTES: Spec = Spec {
    env: "LENO_STORE_BYTES",
    per: Per::Tenant,
    what: "bytes of values in the store of a piece",
    default: 64 << 20,
    range: (1 << 10, 1 << 40),
};

/// All of them.
pub const BUDGETS: &[&Spec] =
    &[&DENIALS_LOGGED, &FAILURES_LOGGED, &CONNECTION_USES, &COMPILES, &COMPONENT_BYTES, &STORE_KEYS, &STORE_BYTES];
