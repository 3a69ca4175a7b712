//! The budgets of this room, besides the [`Limits`](crate::Limits) of each call.

use leno_base::budget::{Per, Spec};

/// Calls at once. Each holds one slot of the pool: address space, of which a slot reserves 512 MiB and there are 128 TiB.
pub static MAX_CALLS: Spec =
    Spec { env: "LENO_MAX_CALLS", per: Per::Host, what: "calls at once", default: 128, range: (1, 10_000) };

/// Calls at once of one version of a piece.
pub static MAX_CALLS_PER_PIECE: Spec =
    Spec { env: "LENO_MAX_CALLS_PER_PIECE", per: Per::Piece, what: "calls at once", default: 64, range: (1, 10_000) };

/// Memory of all guests together. A guest in Rust has about 1.2 MB, one in JavaScript 20; the limit of a call is not reserved.
pub static GUEST_MEMORY: Spec = Spec {
    env: "LENO_GUEST_MEMORY_BYTES",
    per: Per::Host,
    what: "bytes of memory in calls",
    default: 256 << 20,
    range: (16 << 20, 1 << 40),
};

/// Files that the input of one call names by URL. Steps with more than a handful are rare, and each file is a download
/// before the piece has done anything.
pub static CALL_FILES: Spec =
    Spec { env: "LENO_CALL_FILES", per: Per::Call, what: "files by URL", default: 10, range: (0, 1_000) };

/// All of them.
pub const BUDGETS: &[&Spec] = &[&MAX_CALLS, &MAX_CALLS_PER_PIECE, &GUEST_MEMORY, &CALL_FILES];
