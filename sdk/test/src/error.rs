//! Why there is no piece to test.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Why there is no piece to test. `Debug` shows what `Display` does: tests that end with `?` print that one.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component {} cannot be read: {reason}{}", .path.display(), hint(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The package does not build.
    #[error("the piece in {} cannot be built: {reason}", .directory.display())]
    Build {
        /// The package's directory.
        directory: PathBuf,
        /// What cargo said.
        reason: String,
    },
    /// The sandbox refuses the component: for its imports, or its metadata.
    #[error("the component is refused ({}): {_0}", .0.code())]
    Refused(Box<leno_sandbox::LoadError>),
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hint(path: &Path) -> &'static str {
    match path.exists() {
        true => "",
        false => "; build it with `cargo build --release --target wasm32-wasip2`, or let `Piece::build` do it",
    }
}
