//! The registry: keeps what is served equal to what is in the pieces directory, and never forgets a good version.
//!
//! Readers see an immutable [`Table`] behind one pointer. One task - the [`loader`](crate::loader) - reads, checks,
//! compiles and swaps, so two loads never race.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use leno_metadata::{PieceName, VersionReq};
use leno_sandbox::Engine;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    FileStatus, Kept, NotFound, RegistryError, RegistryOptions, RemoveError, RescanError, UploadError, Version,
    budgets::COMPONENT_BYTES,
    loader::{Command, Loader},
    published::Shared,
};

/// The pieces that this host serves. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

impl Registry {
    /// Loads what is in the directory, then watches it and the lock.
    ///
    /// # Errors
    /// [`RegistryError`]: the directory cannot be made or read, or the lock may not be believed. A file that does not load is
    /// no error: see [`Registry::files`].
    pub async fn open(options: RegistryOptions, engine: Engine) -> Result<Self, RegistryError> {
        let unusable = |reason: String| RegistryError::Directory { path: options.directory.clone(), reason };
        std::fs::create_dir_all(&options.directory).map_err(|error| unusable(error.to_string()))?;
        let pins = options.lock.read()?;
        if options.production && pins.pins.is_empty() {
            tracing::warn!(lock = %options.lock.path.display(), "no piece is pinned, so none is loaded; pin them with `leno lock`");
        }
        let components = |path: &PathBuf| {
            let kept = Kept::open(path.clone(), options.budgets.get(&COMPONENT_BYTES));
            kept.map(Arc::new).map_err(|source| RegistryError::Components { path: path.clone(), source })
        };
        let kept = options.components.as_ref().map(components).transpose()?;
        let (commands, inbox) = mpsc::channel(64);

        // The watch starts before the first scan, so that no change is missed between the two.
        let (look, mut looks) = mpsc::channel(1);
        let beside = beside(&options);
        let lock = options.lock.path.file_name().map(std::ffi::OsStr::to_owned);
        let place = beside.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // The lock's directory may have other files, which change all the time.
            let matters = |path: &PathBuf| {
                place.is_none() || path.parent() != place.as_deref() || path.file_name() == lock.as_deref()
            };
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(matters)) {
                // Full means that a scan is due already.
                let _ = look.try_send(());
            }
        })
        .map_err(|error| unusable(error.to_string()))?;
        watcher.watch(&options.directory, RecursiveMode::NonRecursive).map_err(|error| unusable(error.to_string()))?;
        if let Some(Err(error)) = beside.map(|place| watcher.watch(&place, RecursiveMode::NonRecursive)) {
            tracing::warn!(%error, "changes of the lock are seen at the next scan only");
        }

        let shared = Arc::new(Shared {
            published: ArcSwap::default(),
            ready: AtomicBool::new(false),
            stopping: CancellationToken::new(),
        });
        let mut loader = Loader::new(options.clone(), engine, shared.clone(), pins, kept);
        loader.look(true).await.map_err(|error| unusable(error.to_string()))?;
        loader.restore().await;
        shared.ready.store(true, Ordering::Release);
        tokio::spawn(loader.serve(inbox));

        let sender = commands.downgrade();
        tokio::spawn(async move {
            let _watcher = watcher;
            while looks.recv().await.is_some() {
                match sender.upgrade() {
                    Some(commands) if commands.send(Command::Look(None)).await.is_ok() => {}
                    _ => return,
                }
            }
        });
        Ok(Self { shared, commands })
    }

    /// The newest version of `name` that matches `version`.
    ///
    /// # Errors
    /// [`NotFound`], which lists the alternatives.
    pub fn get(&self, name: &PieceName, version: &VersionReq) -> Result<Arc<Version>, NotFound> {
        self.shared.published.load().table.get(name, version)
    }

    /// The newest version of each piece, by display name.
    #[must_use]
    pub fn latest(&self) -> Vec<Arc<Version>> {
        self.shared.published.load().table.latest()
    }

    /// Every version of `name`, newest first.
    #[must_use]
    pub fn versions(&self, name: &PieceName) -> Vec<Arc<Version>> {
        self.shared.published.load().table.versions(name)
    }

    /// Every file of the directory, by name, with its status.
    #[must_use]
    pub fn files(&self) -> Vec<FileStatus> {
        let published = self.shared.published.load();
        let status = |(status, version): &(FileStatus, Option<Arc<Version>>)| FileStatus {
            calls: version.as_ref().map_or(0, |version| version.piece.calls()),
            ..status.clone()
        };
        published.files.iter().map(status).collect()
    }

    /// Whether the directory was scanned once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Scans the directory now. Returns when the scan is over; files that were written a moment ago are loaded later.
    ///
    /// # Errors
    /// [`RescanError`]; what is served stays served.
    pub async fn rescan(&self) -> Result<(), RescanError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Look(Some(reply))).await.map_err(|_| RescanError::Stopped)?;
        answer.await.map_err(|_| RescanError::Stopped)?.map_err(RescanError::Directory)
    }

    /// Scans the directory now, and returns when its content is served.
    pub async fn refresh(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Refresh(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Loads a component, then puts it into the directory as `NAME-VERSION.wasm`, which must not be there. Returns when it is
    /// served. Bytes that are served already are no error. Dropping the future ends the load.
    ///
    /// # Errors
    /// [`UploadError`]; nothing has changed then.
    pub async fn upload(&self, bytes: Bytes) -> Result<FileStatus, UploadError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Upload(bytes, reply)).await.map_err(|_| UploadError::Stopped)?;
        answer.await.map_err(|_| UploadError::Stopped)?
    }

    /// Removes a file of the directory. New calls of its piece are refused; calls under way continue.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub async fn remove(&self, file: &str) -> Result<FileStatus, RemoveError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Remove(file.to_owned(), reply)).await.map_err(|_| RemoveError::Stopped)?;
        answer.await.map_err(|_| RemoveError::Stopped)?
    }

    /// Ends the loads under way, compilations included, and begins no more. What is served stays served.
    pub fn stop_loading(&self) {
        self.shared.stopping.cancel();
    }

    /// Stops loading, gives the calls under way `grace` to end, then cancels them.
    pub async fn shutdown(&self, grace: Duration) {
        self.stop_loading();
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Stop(grace, reply)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

/// The directory of the lock, unless that is the pieces directory, which is watched anyway.
fn beside(options: &RegistryOptions) -> Option<PathBuf> {
    let lock = std::path::absolute(&options.lock.path).ok()?;
    let pieces = std::path::absolute(&options.directory).ok()?;
    lock.parent().filter(|place| *place != pieces && place.is_dir()).map(PathBuf::from)
}
