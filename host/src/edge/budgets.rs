//! The budgets of the edge.

use leno_base::budget::Spec;

/// All of them.
pub const BUDGETS: &[&Spec] = &[];
