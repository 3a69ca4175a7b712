//! The call being served.

use std::time::Duration;

use crate::sys;

/// The call being served: which run it belongs to, and how much time it has.
///
/// It asks the host when a method is called, so it costs nothing to a piece that does not use it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Context;

impl Context {
    /// The present call. A function of a piece is given one; this is for code of its own depth, and for tests.
    pub fn current() -> Self {
        Self
    }

    /// The id of the run, as it stands in the host's records.
    pub fn run_id(&self) -> String {
        sys::run_id()
    }

    /// Which attempt at the same step this is, from 1.
    pub fn attempt(&self) -> u32 {
        sys::attempt()
    }

    /// Equal on every attempt at the same step: give it to services that accept such a key, and a retry does nothing
    /// twice.
    pub fn idempotency_key(&self) -> String {
        sys::idempotency_key()
    }

    /// How long the host will still wait.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(sys::remaining_ms())
    }

    /// The address at which the outside world reaches this flow's trigger; none outside of a trigger.
    pub fn webhook_url(&self) -> Option<String> {
        sys::webhook_url()
    }
}
