//! From the bytes of a file or an upload to a piece, as far as that needs nothing of the registry's state.

use std::{path::PathBuf, sync::Arc};

use leno_base::{
    Digest,
    budget::{Budget, Exhausted},
};
use leno_sandbox::{Engine, Piece};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Lock, Reason, RegistryOptions,
    approval::Asks,
    directory::{self, Stamp},
    kept::{KeepError, Kept},
    lock::Verdict,
};

/// How long an upload waits to be compiled.
const TURN: std::time::Duration = std::time::Duration::from_secs(10);

/// How the load of one component ended.
pub(crate) enum Outcome {
    /// The file changed while it was read; the next scan judges it.
    Changed,
    /// Its bytes are those that were served when the load began.
    Same(Digest),
    Refused(Option<Digest>, Reason),
    /// A budget has no room for it.
    Exhausted(Exhausted),
    Loaded(Piece),
}

/// Whose load it is: that decides what happens when this host is busy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file: it waits, and is served even if it cannot be kept.
    Directory,
    /// A request: it is refused.
    Upload,
}

/// The places of those that load at once.
pub(crate) struct Places {
    compiles: Arc<Semaphore>,
    budget: Arc<Budget>,
    /// How many files are read at once, and so are in memory: as many as can be compiled, and some that need not be.
    reads: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        let compiles = usize::try_from(budget.limit()).unwrap_or(Semaphore::MAX_PERMITS);
        let others = std::thread::available_parallelism().map_or(1, usize::from);
        let reads = Arc::new(Semaphore::new(compiles + others));
        Self { compiles: Arc::new(Semaphore::new(compiles)), budget, reads }
    }

    async fn compile(&self, origin: Origin) -> Result<Option<OwnedSemaphorePermit>, Exhausted> {
        let turn = self.compiles.clone().acquire_owned();
        match origin {
            // The semaphore is never closed.
            Origin::Directory => Ok(turn.await.ok()),
            Origin::Upload => match tokio::time::timeout(TURN, turn).await {
                Ok(permit) => Ok(permit.ok()),
                Err(_) => Err(self.budget.refuse(Some(TURN))),
            },
        }
    }
}

/// What a load needs to know. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loading {
    pub(crate) engine: Engine,
    pub(crate) options: RegistryOptions,
    pub(crate) lock: Arc<Lock>,
    pub(crate) kept: Option<Arc<Kept>>,
    pub(crate) places: Arc<Places>,
}

impl Loading {
    /// Reads a file and loads it, unless it has the bytes that are `served` of it.
    pub(crate) async fn file(self, path: PathBuf, stamp: Stamp, served: Option<Digest>) -> Outcome {
        let _place = self.places.reads.clone().acquire_owned().await;
        match tokio::task::spawn_blocking(move || directory::read(&path, stamp)).await {
            Ok(Ok(None)) => Outcome::Changed,
            Ok(Ok(Some(bytes))) => {
                let digest = Digest::of(&bytes);
                match served == Some(digest) {
                    true => self.same(digest),
                    false => self.component(bytes, digest, Origin::Directory).await,
                }
            }
            Ok(Err(error)) => {
                Outcome::Refused(None, Reason::new("unreadable", format!("the file cannot be read: {error}")))
            }
            Err(error) => Outcome::Refused(None, Reason::new("host_error", error.to_string())),
        }
    }

    /// Loads a component, and keeps its bytes.
    pub(crate) async fn component(&self, bytes: Arc<[u8]>, digest: Digest, origin: Origin) -> Outcome {
        if let Err(reason) = self.known(digest) {
            return Outcome::Refused(Some(digest), reason);
        }
        let compiles = match self.engine.is_compiled(digest) {
            true => None,
            false => match self.places.compile(origin).await {
                Ok(permit) => Some((permit, self.places.budget.count(1))),
                Err(exhausted) => return Outcome::Exhausted(exhausted),
            },
        };
        let grants = self.options.grants.clone();
        let loaded = self.engine.load(bytes.clone(), move |metadata| grants(&metadata.name)).await;
        drop(compiles);
        let piece = match loaded {
            Ok(piece) => piece,
            Err(error) => return Outcome::Refused(Some(digest), Reason::from(&error)),
        };
        if let Err(reason) = self.pinned(&piece) {
            return Outcome::Refused(Some(digest), reason);
        }
        match self.keep(bytes, digest).await {
            Err(KeepError::Exhausted(exhausted)) if origin == Origin::Upload => Outcome::Exhausted(exhausted),
            Err(error) => {
                tracing::warn!(%digest, %error, "a component is not kept, and will not be there after a restart if its file is not");
                Outcome::Loaded(piece)
            }
            Ok(()) => Outcome::Loaded(piece),
        }
    }

    async fn keep(&self, bytes: Arc<[u8]>, digest: Digest) -> Result<(), KeepError> {
        let Some(kept) = self.kept.clone() else { return Ok(()) };
        let done = tokio::task::spawn_blocking(move || kept.keep(digest, &bytes)).await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
    }

    /// Bytes that are served already: still so, if the lock allows.
    fn same(&self, digest: Digest) -> Outcome {
        match self.known(digest) {
            Ok(()) => Outcome::Same(digest),
            Err(reason) => Outcome::Refused(Some(digest), reason),
        }
    }

    /// In production nothing unknown is even compiled.
    fn known(&self, digest: Digest) -> Result<(), Reason> {
        if !self.options.production || self.lock.knows(digest) {
            return Ok(());
        }
        let lock = self.options.lock.path.display();
        let message = format!("sha256 {digest} is not in {lock}; review the piece, then pin it with `leno lock`");
        Err(Reason::new("not_pinned", message))
    }

    /// Whether the lock lets this piece be served.
    pub(crate) fn pinned(&self, piece: &Piece) -> Result<(), Reason> {
        let metadata = piece.metadata();
        let (name, version) = (metadata.name.short(), &metadata.version);
        match self.lock.verdict(&metadata.name, version, piece.digest()) {
            Verdict::Pinned(pin) => {
                let wider = Asks::of(piece).wider_than(&pin.asks);
                if !self.options.production || wider.is_empty() {
                    return Ok(());
                }
                let message = format!(
                    "{name}@{version} asks for more than its pin approves: {}; review it, then run `leno lock --approve`",
                    wider.join("; ")
                );
                Err(Reason::new("not_approved", message))
            }
            Verdict::Unpinned if !self.options.production => Ok(()),
            Verdict::Unpinned => {
                let message =
                    format!("these bytes are pinned, but not as {name}@{version}; pin them again with `leno lock`");
                Err(Reason::new("not_pinned", message))
            }
            Verdict::Other(pinned) => {
                let message = format!(
                    "{name}@{version} is pinned to sha256 {pinned}, and this file has {}; raise the version, or pin it again with `leno lock`",
                    piece.digest()
                );
                Err(Reason::new("pin_mismatch", message))
            }
        }
    }
}

/// The reasons that a change of the lock may do away with.
pub(crate) fn of_the_lock(reason: &Reason) -> bool {
    matches!(reason.code.as_str(), "not_pinned" | "pin_mismatch" | "not_approved")
}
