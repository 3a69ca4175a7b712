//! What an upstream and its connections share.

use std::sync::{Mutex, atomic::AtomicUsize};

use tokio::sync::watch;

use super::received::Received;

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) received: Mutex<Vec<Received>>,
    /// Open connections.
    pub(super) open: watch::Sender<usize>,
    /// The most at once.
    pub(super) most: AtomicUsize,
    /// Requests that are held.
    pub(super) held: watch::Sender<usize>,
    /// How often the gate was opened.
    pub(super) released: watch::Sender<usize>,
}
