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

/// All of them.
pub const BUDGETS: &[&Spec] = &[&DENIALS_LOGGED, &FAILURES_LOGGED];
