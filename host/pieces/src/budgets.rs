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
pub const BUDGETS: &[&Spec] = &[&DENIALS_LOGGED, &FAILURES_LOGGED, &STORE_KEYS, &STORE_BYTES];
