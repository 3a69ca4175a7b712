//! What the registry refuses.

use std::path::PathBuf;

use leno_base::budget::Exhausted;

use crate::{LockError, Reason};

/// A registry that could not start.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The directory is not usable.
    #[error(
        "the pieces directory {path} cannot be used: {reason}; set LENO_PIECES_DIR to a directory that leno may read"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The lock is not usable.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The directory of kept components is not usable.
    #[error("the kept components in {path} cannot be used: {source}; make it a directory that leno may write to")]
    Components {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why the directory was not scanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RescanError {
    /// It cannot be read.
    #[error("the pieces directory cannot be read: {0}")]
    Directory(String),
    /// The registry is shutting down.
    #[error("this host is shutting down")]
    Stopped,
}

/// Why an upload was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The component does not load.
    #[error("{}", .0.message)]
    Refused(Reason),
    /// Its name and version, or its file, are taken by other bytes.
    #[error("{}", .0.message)]
    Conflict(Reason),
    /// A budget has no room for it.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The file could not be written.
    #[error("the component could not be written to the pieces directory: {0}")]
    Io(String),
    /// The registry is shutting down.
    #[error("this host is shutting down")]
    Stopped,
}

/// Why a file was not removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// Not the name of a piece's file.
    #[error("`{0}` is not a valid file name: write a plain name that ends in .wasm")]
    BadName(String),
    /// There is no such file.
    #[error("there is no file `{0}` in the pieces directory; GET /api/admin/pieces lists the files")]
    NotFound(String),
    /// The system refused.
    #[error("the file could not be removed: {0}")]
    Io(String),
    /// The registry is shutting down.
    #[error("this host is shutting down")]
    Stopped,
}
