//! The current call.

use std::time::Duration;

use crate::sys;

/// The current call: the run that it belongs to, and the time it has left.
///
/// Each method asks the host when it is called; an unused context costs nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Context;

impl Context {
    /// The current call, for code that does not receive the context as an argument, and for tests.
    pub fn current() -> Self {
        Self
    }

    /// The id of the run, as in the host's records.
    pub fn run_id(&self) -> String {
        sys::run_id()
    }

    /// The number of the attempt at this step, from 1.
    pub fn attempt(&self) -> u32 {
        sys::attempt()
    }

    /// A key that is the same for every attempt at this step. Pass it to services that accept an idempotency key, so that a
    /// retry does not repeat the effect.
    pub fn idempotency_key(&self) -> String {
        sys::idempotency_key()
    }

    /// The time left until the host ends the call.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(sys::remaining_ms())
    }

    /// The public URL of this flow's webhook; none outside of a trigger.
    pub fn webhook_url(&self) -> Option<String> {
        sys::webhook_url()
    }
}
