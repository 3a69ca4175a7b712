//! The budgets of this room.

use leno_base::budget::{Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[&STORE_KEYS, &STORE_BYTES];

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
