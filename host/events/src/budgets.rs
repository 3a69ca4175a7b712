//! The budgets of this room.

use leno_base::budget::Spec;

/// All of them.
pub const BUDGETS: &[&Spec] = &[];
