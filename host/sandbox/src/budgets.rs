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

/// What ended calls hold until their responses are written: outputs and logs. One output has at most 8 MiB, and most have a
/// few kilobytes, so this is for readers that are slow.
pub static OUTPUT: Spec = Spec {
    env: "LENO_OUTPUT_BYTES",
    per: Per::Host,
    what: "bytes of outputs and logs",
    default: 128 << 20,
    range: (1 << 20, 1 << 40),
};

/// JSON text that goes with an error. More is replaced by a note of its size: an error is to be read by people.
pub static ERROR_DETAILS: Spec = Spec {
    env: "LENO_ERROR_DETAILS_BYTES",
    per: Per::Call,
    what: "bytes of an error's details",
    default: 64 << 10,
    range: (0, 1 << 20),
};

/// The secrets of a connection in every form in which they are masked. A private key in a service account has about 8 KiB in
/// all forms, a long token 10. A connection with more is not used: to mask some of its secrets would show the others.
pub static SECRETS: Spec = Spec {
    env: "LENO_SECRET_BYTES",
    per: Per::Call,
    what: "bytes of secrets to mask",
    default: 128 << 10,
    range: (4 << 10, 4 << 20),
};

/// Requests of a piece that host functions refuse. A piece that goes on after so many does not read what it is told.
pub static DENIALS: Spec = Spec {
    env: "LENO_CALL_DENIALS",
    per: Per::Call,
    what: "refused requests to the host",
    default: 1_000,
    range: (1, 1_000_000),
};

/// Files that the input of one call names by URL. Steps with more than a handful are rare, and each file is a download
/// before the piece has done anything.
pub static CALL_FILES: Spec =
    Spec { env: "LENO_CALL_FILES", per: Per::Call, what: "files by URL", default: 10, range: (0, 1_000) };

/// All of them.
pub const BUDGETS: &[&Spec] =
    &[&MAX_CALLS, &MAX_CALLS_PER_PIECE, &GUEST_MEMORY, &OUTPUT, &ERROR_DETAILS, &SECRETS, &DENIALS, &CALL_FILES];
