//! A built piece, loaded as the server loads it.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use leno_metadata::Metadata;
use leno_sandbox::Grant;

use crate::{LoadError, build, engine::engine};

/// A piece: a component that was checked, compiled and described. Cheap to clone, and to load again: all tests of a
/// program share one engine, and compiled code is kept in the target directory.
#[derive(Clone)]
pub struct Piece {
    loaded: leno_sandbox::Piece,
    bytes: Arc<[u8]>,
}

impl Piece {
    /// Builds the package under test as a component, in the release profile, and loads it with the default grant. Builds
    /// once for all tests of a program; cargo does not build it twice.
    ///
    /// # Errors
    /// When it does not build, or the sandbox refuses it.
    ///
    /// # Panics
    /// When the test is not run by cargo.
    pub async fn build() -> Result<Self, LoadError> {
        Self::build_with(Grant::default()).await
    }

    /// [`Piece::build`] with another grant.
    ///
    /// # Errors
    /// As of [`Piece::build`].
    ///
    /// # Panics
    /// When the test is not run by cargo.
    pub async fn build_with(grant: Grant) -> Result<Self, LoadError> {
        static BUILT: OnceLock<Result<PathBuf, LoadError>> = OnceLock::new();
        let built = tokio::task::spawn_blocking(|| {
            BUILT.get_or_init(|| match env::var_os("CARGO_MANIFEST_DIR") {
                Some(directory) => build::build(Path::new(&directory)),
                None => panic!("`Piece::build` builds the package that cargo is testing: run `cargo test`"),
            })
        });
        let path = built.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())).clone()?;
        Self::load_with(path, grant).await
    }

    /// Loads a component with the default grant: it may reach the hosts that it declares, at public addresses, and may
    /// not see secrets.
    ///
    /// # Errors
    /// When the file cannot be read, or the sandbox refuses it.
    pub async fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::load_with(path, Grant::default()).await
    }

    /// Loads a component with what an operator would grant it: fewer hosts, private addresses, secrets, other limits.
    ///
    /// # Errors
    /// As of [`Piece::load`].
    pub async fn load_with(path: impl AsRef<Path>, grant: Grant) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let unreadable = |error: io::Error| LoadError::Read { path: path.to_owned(), reason: error.to_string() };
        Self::from_bytes(std::fs::read(path).map_err(unreadable)?, grant).await
    }

    /// Loads a component from its bytes.
    ///
    /// # Errors
    /// When the sandbox refuses it.
    pub async fn from_bytes(bytes: impl Into<Arc<[u8]>>, grant: Grant) -> Result<Self, LoadError> {
        let bytes = bytes.into();
        let loaded =
            engine().load(bytes.clone(), |_| grant).await.map_err(|refusal| LoadError::Refused(refusal.into()))?;
        Ok(Self { loaded, bytes })
    }

    /// The same piece under another grant.
    ///
    /// # Errors
    /// When the sandbox refuses it under this one.
    pub async fn granted(&self, grant: Grant) -> Result<Self, LoadError> {
        Self::from_bytes(self.bytes.clone(), grant).await
    }

    /// The piece's metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.loaded.metadata()
    }

    pub(crate) fn grant(&self) -> &Grant {
        self.loaded.grant()
    }

    pub(crate) fn sandboxed(&self) -> &leno_sandbox::Piece {
        &self.loaded
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.loaded.fmt(f)
    }
}
