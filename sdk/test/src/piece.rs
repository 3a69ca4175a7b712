//! A built piece, loaded as the server loads it.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use leno_metadata::Metadata;
use leno_sandbox::{Grant, Step};

use crate::{ActionCall, Host, OptionsCall, Run, TriggerCall, build, call::Call, engine::engine};

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
    /// The sandbox does not take the component: for what it imports, or what it says of itself.
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

/// A piece: a component that was checked, compiled and described. Cheap to clone, and to load again: all tests of a
/// program share one engine, and compiled code is kept in the target directory.
#[derive(Clone)]
pub struct Piece {
    loaded: leno_sandbox::Piece,
    bytes: Arc<[u8]>,
}

impl Piece {
    /// Builds the package under test as a component, in the release profile, and loads it with the default grant. Builds
    /// once for all tests of a program; cargo sees to it that nothing is built twice.
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

    /// What the piece says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.loaded.metadata()
    }

    /// An action, to be run.
    pub fn action(&self, name: &str) -> ActionCall<'_> {
        ActionCall::new(self, name)
    }

    /// A trigger, to be enabled, polled and so on.
    pub fn trigger(&self, name: &str) -> TriggerCall<'_> {
        TriggerCall::new(self, name)
    }

    /// A property of an action or trigger, to be asked for its options.
    pub fn options(&self, owner: &str, property: &str) -> OptionsCall<'_> {
        OptionsCall::new(self, owner, property)
    }

    /// Asks the piece whether the host's connection works.
    ///
    /// # Panics
    /// When the connection could not have been saved for this piece.
    pub async fn validate(&self, host: &Host) -> Run {
        Call::new(self, host, "checking the connection").run(Step::Validate).await
    }

    /// Checks of the metadata what loading has not: that the piece says the same of itself at any time, and that the
    /// document survives the way through Activepieces' shape, in which clients get it.
    ///
    /// A document that breaks the schema, a template that refers to an unknown field and the like do not come this far:
    /// the piece is not loaded.
    ///
    /// # Panics
    /// When something is wrong.
    pub async fn assert_metadata_valid(&self) {
        let host = Host::new();
        host.clock().set("2099-12-31T23:59:59Z");
        let run = Call::new(self, &host, "the metadata").describe().await;
        let (said, says) = (&self.metadata().document, run.output());
        assert!(said == says, "the piece says something else of itself each time:\n{said:#}\n{says:#}");
        let full = self.metadata().full();
        if let Err(problems) = Metadata::parse_within(&full.to_string(), usize::MAX) {
            panic!("in Activepieces' shape the metadata is no longer valid:\n{problems}");
        }
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
