//! How long measurements take.

use std::time::Duration;

/// How long and how much each measurement runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Time of one throughput measurement.
    pub(crate) time: Duration,
    /// Calls and reloads of the memory measurement.
    pub(crate) calls: usize,
    pub(crate) reloads: usize,
}
