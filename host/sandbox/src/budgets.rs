//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// Files that the input of one call names by URL. Steps with more than a handful are rare, and each file is a download
/// before the piece has done anything.
pub(crate) static CALL_FILES: Spec =
    Spec { env: "LENO_CALL_FILES", per: Per::Call, what: "files by URL", default: 10, range: (0, 1_000) };

/// All of them.
pub const BUDGETS: &[&Spec] = &[&CALL_FILES];
