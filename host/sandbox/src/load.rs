//! From bytes to a piece that can be called.

use std::{fmt, sync::Arc};

use leno_base::Digest;
use leno_egress::{HostPattern, Policy, PrivateGrant};
use leno_metadata::{Metadata, Problems};
use tokio_util::sync::CancellationToken;
use wasmtime::component::InstancePre;

use crate::{
    CallOptions, Engine, Entry, Failure, Inspection, Limits,
    bindings::PrivilegedPiecePre,
    call,
    compile::CompileError,
    credential::Manifest,
    inspect::{self, check_imports},
    permits::Gate,
    state::CallState,
};

/// What the operator lets a piece do. The default: what its manifest asks for, on public addresses, without secrets.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Hosts it may reach, of those that its manifest names. `None`: all of them.
    pub hosts: Option<Vec<HostPattern>>,
    /// Non-public addresses that it may reach.
    pub private: Vec<PrivateGrant>,
    /// Whether it may see the values of connections (`secrets.reveal`).
    pub secrets: bool,
    /// The budget of a call.
    pub limits: Limits,
}

/// Why a component is not loaded. The text is for whoever put the file there.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Something else.
    #[error("this is {0}")]
    NotAComponent(&'static str),
    /// Broken or truncated.
    #[error("the component is malformed: {0}")]
    Malformed(String),
    /// It declares more than this host has.
    #[error("{what} is {size}; this host allows {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// It imports what no piece may have.
    #[error("it imports {}, which this host does not offer; a piece may import: {}", list(.0), offered_list())]
    CapabilityMissing(Vec<String>),
    /// It was built for another version of the interface.
    #[error("it was built for another version of the interface: it imports {}; rebuild it with a matching SDK", .0.join(", "))]
    IncompatibleApi(Vec<String>),
    /// It imports `secrets` without the grant.
    #[error(
        "it imports `leno:piece/secrets`, and the operator has not granted piece `{0}` to see secrets; add `secrets = true` under `[grants.{0}]`, or build the piece for world `piece`"
    )]
    NotGranted(String),
    /// It does not fit the world.
    #[error("it does not implement world `leno:piece/piece`: {0}")]
    WrongWorld(String),
    /// Compilation failed or hit a limit.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// `describe` did not answer.
    #[error("its `describe` failed: {0}")]
    Describe(Failure),
    /// `describe` answered with a document that does not hold.
    #[error("its metadata is refused: {0}")]
    Metadata(Problems),
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn offered_list() -> String {
    let names: Vec<String> = crate::offered().iter().map(|(name, version)| format!("{name}@{version}")).collect();
    names.join(", ")
}

impl LoadError {
    /// Stable and machine-readable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent(_) => "not_a_component",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } | Self::Compile(CompileError::TooLarge(_)) => "too_large",
            Self::CapabilityMissing(_) => "capability_missing",
            Self::IncompatibleApi(_) => "incompatible_api",
            Self::NotGranted(_) => "not_granted",
            Self::WrongWorld(_) => "wrong_world",
            Self::Compile(CompileError::Failed(_)) => "compile_failed",
            Self::Compile(CompileError::Limit(_)) => "compile_limit",
            Self::Compile(CompileError::Host(_)) => "host_error",
            Self::Describe(failure) => failure.outcome(),
            Self::Metadata(_) => "invalid_metadata",
        }
    }
}

/// A component that was checked, compiled and described, and is ready to be called. Cheap to clone; the compiled code is
/// freed with the last clone.
#[derive(Clone)]
pub struct Piece(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) manifest: Arc<Manifest>,
    digest: Digest,
    inspection: Inspection,
    pub(crate) gate: Gate,
}

/// What it takes to enter a component, whether its piece is known already or not.
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) pre: PrivilegedPiecePre<CallState>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) cancel: CancellationToken,
}

impl Engine {
    /// Loads a component: reads it, compares its imports with what is offered, compiles it (or takes the compiled form
    /// from the cache), asks it to describe itself with nothing linked to anything real, and links it as `grant` says for
    /// the piece that it turned out to be.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is left behind.
    pub async fn load(
        &self,
        bytes: Arc<[u8]>,
        grant: impl FnOnce(&Metadata) -> Grant + Send,
    ) -> Result<Piece, LoadError> {
        let digest = Digest::of(&bytes);
        let inspection = off_thread(&bytes, inspect::survey).await?;
        check_imports(&inspection)?;
        let component = match self.cached(digest) {
            Some(component) => component,
            None => {
                off_thread(&bytes, inspect::validate).await?;
                self.compiled(&bytes, digest).await?
            }
        };
        let wrong = |error: wasmtime::Error| LoadError::WrongWorld(format!("{error:#}"));
        let describing = self.0.privileged.instantiate_pre(&component).map_err(wrong)?;
        let metadata = self.describe(describing.clone()).await?;

        let grant = grant(&metadata);
        let linked = if grant.secrets {
            describing
        } else if inspection.wants_secrets() {
            return Err(LoadError::NotGranted(metadata.name.short().to_owned()));
        } else {
            self.0.base.instantiate_pre(&component).map_err(wrong)?
        };
        let program = self.program(linked, grant.limits.clone())?;
        let what = format!("piece `{}`", metadata.name.short());
        let gate = Gate::new(what, self.0.config.max_calls_per_piece, self.0.config.queue_wait);
        let manifest = Manifest::new(metadata, grant).map_err(|error| LoadError::WrongWorld(error.message))?;
        Ok(Piece(Arc::new(Loaded { program, manifest: Arc::new(manifest), digest, inspection, gate })))
    }

    async fn describe(&self, linked: InstancePre<CallState>) -> Result<Metadata, LoadError> {
        let program = self.program(linked, Limits::describe())?;
        let report = call::run(&program, &Entry::Describe, None, CallOptions::default()).await;
        let document = report.result.map_err(LoadError::Describe)?;
        Metadata::parse(document.as_str()).map_err(LoadError::Metadata)
    }

    fn program(&self, linked: InstancePre<CallState>, limits: Limits) -> Result<Program, LoadError> {
        let pre = PrivilegedPiecePre::new(linked).map_err(|error| LoadError::WrongWorld(format!("{error:#}")))?;
        Ok(Program { engine: self.clone(), pre, limits: Arc::new(limits), cancel: CancellationToken::new() })
    }
}

/// Reads a component without holding up the calls of others.
async fn off_thread<T: Send + 'static>(
    bytes: &Arc<[u8]>,
    read: fn(&[u8]) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let bytes = bytes.clone();
    let read = tokio::task::spawn_blocking(move || read(&bytes)).await;
    read.map_err(|error| CompileError::Host(error.to_string()))?
}

impl Piece {
    /// What the piece says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Arc<Metadata> {
        &self.0.manifest.metadata
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What it is made of.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    /// What it was granted when it was loaded.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.0.manifest.grant
    }

    /// Where its calls may go without a connection.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.manifest.policy
    }

    /// Calls under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.gate.taken()
    }

    /// Ends every call under way, each as [`Failure::Cancelled`], and every later one.
    pub fn cancel(&self) {
        self.0.program.cancel.cancel();
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.metadata();
        write!(f, "Piece({}@{} {})", metadata.name.short(), metadata.version, self.0.digest)
    }
}
