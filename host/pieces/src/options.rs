//! How a registry is set up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use leno_base::budget::Budgets;
use leno_metadata::PieceName;
use leno_sandbox::Grant;

use crate::{FileStatus, LockFile};

/// What an operator grants each piece, by its name.
pub type GrantFor = Arc<dyn Fn(&PieceName) -> Grant + Send + Sync>;
/// Called on every change of a file's status.
pub type OnStatus = Arc<dyn Fn(&FileStatus) + Send + Sync>;

/// How a [`Registry`](crate::Registry) is set up.
#[derive(Clone)]
pub struct RegistryOptions {
    /// Where components are dropped.
    pub directory: PathBuf,
    /// The lock file with the pinned digests.
    pub lock: LockFile,
    /// Where components are kept, so that the last good version of a file outlives the process.
    pub components: Option<PathBuf>,
    /// The limits of everything that many share.
    pub budgets: Budgets,
    /// Whether only pinned digests load.
    pub production: bool,
    /// What each piece may do.
    pub grants: GrantFor,
    /// How long calls of a version that was replaced or removed may go on.
    pub drain: Duration,
    /// Called on every change.
    pub on_status: OnStatus,
}
