//! The state that readers of the registry get.

use std::sync::{Arc, atomic::AtomicBool};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::{FileStatus, Version, table::Table};

/// One consistent state for readers.
#[derive(Default)]
pub(crate) struct Published {
    pub(crate) table: Table,
    /// Each file, and the version of it that runs calls.
    pub(crate) files: Vec<(FileStatus, Option<Arc<Version>>)>,
}

pub(crate) struct Shared {
    pub(crate) published: ArcSwap<Published>,
    pub(crate) ready: AtomicBool,
    /// Nothing is loaded any more.
    pub(crate) stopping: CancellationToken,
}
