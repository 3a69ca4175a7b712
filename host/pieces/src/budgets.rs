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

/// All of them.
pub const BUDGETS: &[&Spec] = &[&DENIALS_LOGGED];
