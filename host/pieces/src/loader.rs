//! The one task that changes the registry.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use leno_base::{Digest, SystemClock, milliseconds};
use leno_sandbox::{Engine, Piece};
use tokio::sync::{mpsc, oneshot};

use crate::{
    FileState, FileStatus, Lock, Reason, RegistryOptions, RemoveError, UploadError, Version,
    directory::{self, Found, QUIET, Stamp},
    lock::Verdict,
    published::{Published, Shared},
    table::Table,
};

/// A request to the loader.
pub(crate) enum Command {
    /// The directory changed, or may have. The sender, if there is one, gets the result.
    Look(Option<oneshot::Sender<Result<(), String>>>),
    /// Scan now, take every file as it is, and reply when done.
    Refresh(oneshot::Sender<()>),
    /// Take a component.
    Upload(Bytes, oneshot::Sender<Result<FileStatus, UploadError>>),
    /// Remove a file.
    Remove(String, oneshot::Sender<Result<FileStatus, RemoveError>>),
    /// Stop, with a time for the calls under way.
    Stop(Duration, oneshot::Sender<()>),
}

/// One file as the loader knows it.
struct File {
    /// The state in which it was judged; `None` while it has to be judged (again).
    stamp: Option<Stamp>,
    status: FileStatus,
    /// What is served: the file as it is, or its last good version.
    active: Option<Arc<Version>>,
}

/// A version that is not served any more, with calls that began before.
struct Drained {
    version: Arc<Version>,
    status: FileStatus,
    deadline: Instant,
}

pub(crate) struct Loader {
    options: RegistryOptions,
    engine: Engine,
    shared: Arc<Shared>,
    lock: Lock,
    table: Table,
    files: BTreeMap<String, File>,
    drained: Vec<Drained>,
    /// Changes of status, reported once they are published.
    news: Vec<FileStatus>,
    /// Whether a version was retired, so that a file refused as its duplicate may be served now.
    vacated: bool,
}

/// How often draining versions are checked.
const DRAIN_TICK: Duration = Duration::from_millis(50);

impl Loader {
    pub(crate) fn new(options: RegistryOptions, engine: Engine, shared: Arc<Shared>) -> Self {
        Self {
            options,
            engine,
            shared,
            lock: Lock::default(),
            table: Table::default(),
            files: BTreeMap::new(),
            drained: Vec::new(),
            news: Vec::new(),
            vacated: false,
        }
    }

    /// Serves commands until a stop, or until every [`Registry`](crate::Registry) is dropped.
    pub(crate) async fn serve(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut restless = false;
        loop {
            let wake = match (self.drained.is_empty(), restless) {
                (false, _) => DRAIN_TICK,
                (true, true) => QUIET,
                (true, false) => Duration::MAX,
            };
            match tokio::time::timeout(wake, inbox.recv()).await {
                Ok(None) => return,
                Ok(Some(Command::Stop(grace, reply))) => {
                    self.stop(grace).await;
                    let _ = reply.send(());
                    return;
                }
                Ok(Some(Command::Upload(bytes, reply))) => {
                    let answer = self.upload(bytes).await;
                    let _ = reply.send(answer);
                }
                Ok(Some(Command::Remove(file, reply))) => {
                    let answer = self.remove(&file);
                    let _ = reply.send(answer);
                }
                Ok(Some(Command::Look(reply))) => {
                    let looked = self.look_again(false).await;
                    restless = *looked.as_ref().unwrap_or(&false);
                    if let Some(reply) = reply {
                        let _ = reply.send(looked.map(drop));
                    }
                }
                Ok(Some(Command::Refresh(reply))) => {
                    restless = self.look_again(true).await == Ok(true) && self.look_again(true).await == Ok(true);
                    let _ = reply.send(());
                }
                Err(_) if restless => restless = self.look_again(false).await == Ok(true),
                Err(_) => {}
            }
            self.drain();
        }
    }

    async fn look_again(&mut self, settled: bool) -> Result<bool, String> {
        self.look(settled).await.map_err(|error| {
            // What is served stays served.
            tracing::error!(directory = %self.options.directory.display(), %error, "the pieces directory cannot be read");
            error.to_string()
        })
    }

    /// Makes what is served equal to the directory. Returns whether a file was too fresh to be judged; `settled` takes
    /// every file as it is.
    pub(crate) async fn look(&mut self, settled: bool) -> io::Result<bool> {
        self.read_lock();
        let found = directory::scan(&self.options.directory, settled)?;
        let gone: Vec<String> = self.files.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        let mut restless = Vec::new();
        let mut fresh = Vec::new();
        for (name, found) in found {
            match found {
                Found::Restless(stamp) => {
                    restless.push(stamp);
                    self.files.entry(name.clone()).or_insert_with(|| File::unknown(&name));
                }
                Found::Refused(reason) => self.refuse(&name, None, None, reason),
                Found::File(stamp) if self.files.get(&name).is_some_and(|file| file.stamp == Some(stamp)) => {}
                Found::File(stamp) => fresh.push((name, stamp)),
            }
        }
        // Versions that moved from one file to another are taken in the order of names, so that the outcome does not
        // depend on which load was quicker.
        let at_once = if settled { std::thread::available_parallelism().map_or(1, usize::from) } else { 1 };
        let loads: Vec<_> = fresh.into_iter().map(|(name, stamp)| self.read(name, stamp)).collect();
        let mut loads = stream::iter(loads).buffered(at_once);
        let mut loaded = Vec::new();
        while let Some(load) = loads.next().await {
            loaded.push(load);
        }
        drop(loads);
        // Only now, and published together with what was loaded: a file that was renamed is never absent in between.
        for name in gone {
            let renamed = |stamp: Stamp| restless.iter().any(|fresh| fresh.same_file(&stamp));
            if !self.files.get(&name).and_then(|file| file.stamp).is_some_and(renamed) {
                self.forget(&name);
            }
        }
        let mut again = !restless.is_empty();
        for (name, stamp, outcome) in loaded {
            match outcome {
                Outcome::Changed => {
                    again = true;
                    self.files.entry(name.clone()).or_insert_with(|| File::unknown(&name)).stamp = None;
                }
                Outcome::Refused(digest, reason) => self.refuse(&name, Some(stamp), digest, reason),
                Outcome::Same => self.reinstate(&name, stamp),
                Outcome::Loaded(piece) => {
                    if let Err(reason) = self.activate(&name, Some(stamp), &piece) {
                        self.refuse(&name, Some(stamp), Some(piece.digest()), reason);
                    }
                }
            }
        }
        if std::mem::take(&mut self.vacated) {
            for file in self.files.values_mut() {
                if file.status.reason.as_ref().is_some_and(|reason| reason.code == "duplicate") {
                    file.stamp = None;
                    again = true;
                }
            }
        }
        self.publish();
        Ok(again)
    }

    /// Reads and loads one file, without touching the registry's state.
    fn read(&self, name: String, stamp: Stamp) -> impl Future<Output = (String, Stamp, Outcome)> + Send + 'static {
        let path = self.options.directory.join(&name);
        let served = self.files.get(&name).and_then(|file| file.active.as_ref()).map(|version| version.piece.digest());
        let loading = self.loading();
        async move {
            let outcome = match tokio::task::spawn_blocking(move || directory::read(&path, stamp)).await {
                Ok(Ok(None)) => Outcome::Changed,
                Ok(Ok(Some(bytes))) => {
                    let digest = Digest::of(&bytes);
                    match served == Some(digest) {
                        true => loading.same(digest),
                        false => loading.load(bytes, digest).await,
                    }
                }
                Ok(Err(error)) => {
                    Outcome::Refused(None, Reason::new("unreadable", format!("the file cannot be read: {error}")))
                }
                Err(error) => Outcome::Refused(None, Reason::new("host_error", error.to_string())),
            };
            (name, stamp, outcome)
        }
    }

    fn loading(&self) -> Loading {
        Loading { engine: self.engine.clone(), options: self.options.clone(), lock: self.lock.clone() }
    }

    /// Serves `piece` as the content of `name`.
    fn activate(&mut self, name: &str, stamp: Option<Stamp>, piece: &Piece) -> Result<FileStatus, Reason> {
        let metadata = piece.metadata();
        if let Some(other) = self.table.exact(&metadata.name, &metadata.version)
            && other.file != name
        {
            let message = format!(
                "{}@{} is already served from `{}`; give this file another version, or remove one of the two files",
                metadata.name.short(),
                metadata.version,
                other.file
            );
            return Err(Reason::new("duplicate", message));
        }
        let version =
            Arc::new(Version { piece: piece.clone(), file: name.to_owned(), since_ms: milliseconds(&SystemClock) });
        let status = FileStatus::of(&version, FileState::Active);
        let file = self.files.entry(name.to_owned()).or_insert_with(|| File::unknown(name));
        let before = file.active.replace(version.clone());
        file.stamp = stamp;
        file.status = status.clone();
        self.table.insert(version);
        if let Some(before) = before {
            self.table.remove(&before);
            self.retire(before);
        }
        self.news.push(status.clone());
        tracing::info!(file = name, piece = %piece.metadata().name, version = %piece.metadata().version, digest = %piece.digest(), "a piece is served");
        Ok(status)
    }

    /// Records that a file has the bytes that are served from it, maybe again.
    fn reinstate(&mut self, name: &str, stamp: Stamp) {
        let Some(file) = self.files.get_mut(name) else { return };
        file.stamp = Some(stamp);
        if let Some(version) = &file.active
            && file.status.status != FileState::Active
        {
            file.status = FileStatus::of(version, FileState::Active);
            self.news.push(file.status.clone());
        }
    }

    /// Records why a file's present content is not served; its last good version stays.
    fn refuse(&mut self, name: &str, stamp: Option<Stamp>, digest: Option<Digest>, reason: Reason) {
        let file = self.files.entry(name.to_owned()).or_insert_with(|| File::unknown(name));
        if file.status.reason.as_ref() == Some(&reason) && file.status.digest == digest {
            file.stamp = stamp;
            return;
        }
        tracing::warn!(file = name, code = reason.code, reason = reason.message, "a file is refused");
        file.stamp = stamp;
        file.status = FileStatus {
            status: FileState::Failed,
            digest,
            reason: Some(reason),
            keeps: file.active.as_ref().map(|version| version.piece.digest()),
            name: file.active.as_ref().map(|version| version.name().short().to_owned()),
            version: file.active.as_ref().map(|version| version.version().to_string()),
            ..FileStatus::new(name, FileState::Failed)
        };
        self.news.push(file.status.clone());
    }

    /// Stops serving a removed file.
    fn forget(&mut self, name: &str) -> Option<FileStatus> {
        let file = self.files.remove(name)?;
        let mut status = FileStatus { since: milliseconds(&SystemClock), reason: None, keeps: None, ..file.status };
        status.status = FileState::Removed;
        if let Some(version) = file.active {
            self.table.remove(&version);
            if version.piece.calls() > 0 {
                status.status = FileState::Draining;
            }
            self.retire(version);
        }
        tracing::info!(file = name, "a file was removed");
        self.news.push(status.clone());
        Some(status)
    }

    fn retire(&mut self, version: Arc<Version>) {
        self.vacated = true;
        let status = FileStatus::of(&version, FileState::Draining);
        self.drained.push(Drained { version, status, deadline: Instant::now() + self.options.drain });
    }

    /// Drops retired versions without calls; cancels the calls of those past their deadline.
    fn drain(&mut self) {
        let before = self.drained.len();
        let now = Instant::now();
        self.drained.retain(|drained| {
            if drained.version.piece.calls() == 0 {
                return false;
            }
            if drained.deadline <= now {
                drained.version.piece.cancel();
            }
            true
        });
        if self.drained.len() != before {
            self.publish();
        }
    }

    async fn stop(&mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let versions: Vec<Arc<Version>> = self
            .files
            .values()
            .filter_map(|file| file.active.clone())
            .chain(self.drained.iter().map(|drained| drained.version.clone()))
            .collect();
        while versions.iter().any(|version| version.piece.calls() > 0) && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_TICK).await;
        }
        versions.iter().for_each(|version| version.piece.cancel());
    }

    /// Swaps what readers see, then reports the changes.
    fn publish(&mut self) {
        let served = self.files.values().map(|file| (file.status.clone(), file.active.clone()));
        let drained = self.drained.iter().map(|drained| (drained.status.clone(), Some(drained.version.clone())));
        let files = served.chain(drained).collect();
        self.shared.published.store(Arc::new(Published { table: self.table.clone(), files }));
        self.news.drain(..).for_each(|status| (self.options.on_status)(&status));
    }

    /// Reads a changed lock file and applies it to every file again.
    fn read_lock(&mut self) {
        let lock = match Lock::read(&self.options.lock) {
            Ok(lock) => lock,
            Err(error) => {
                // The pins in force stay in force.
                tracing::error!(%error, "the lock file cannot be read");
                return;
            }
        };
        if lock == self.lock {
            return;
        }
        self.lock = lock;
        let loading = self.loading();
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            let Some(file) = self.files.get_mut(&name) else { continue };
            let refused = file.active.as_ref().and_then(|version| loading.pinned(&version.piece).err());
            if file
                .status
                .reason
                .as_ref()
                .is_some_and(|reason| matches!(reason.code.as_str(), "not_pinned" | "pin_mismatch"))
            {
                file.stamp = None;
            }
            if let Some(reason) = refused
                && let Some(version) = file.active.take()
            {
                let (stamp, digest) = (file.stamp, version.piece.digest());
                self.table.remove(&version);
                self.retire(version);
                self.refuse(&name, stamp, Some(digest), reason);
            }
        }
    }

    async fn upload(&mut self, bytes: Bytes) -> Result<FileStatus, UploadError> {
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        let digest = Digest::of(&bytes);
        let same = |file: &&File| file.active.as_ref().is_some_and(|version| version.piece.digest() == digest);
        if let Some(file) = self.files.values().find(same) {
            return Ok(file.status.clone());
        }
        self.read_lock();
        let piece = match self.loading().load(bytes.clone(), digest).await {
            Outcome::Loaded(piece) => piece,
            Outcome::Refused(_, reason) => return Err(UploadError::Refused(reason)),
            Outcome::Same | Outcome::Changed => return Err(UploadError::Stopped),
        };
        let metadata = piece.metadata();
        if let Some(served) = self.table.exact(&metadata.name, &metadata.version) {
            let message = format!(
                "{}@{} is already served with other bytes (sha256 {}); raise the version, or remove `{}` first",
                metadata.name.short(),
                metadata.version,
                served.piece.digest(),
                served.file
            );
            return Err(UploadError::Conflict(Reason::new("version_exists", message)));
        }
        let name = format!("{}-{}.wasm", metadata.name.short(), metadata.version);
        let directory = self.options.directory.clone();
        let placed = {
            let (directory, name) = (directory.clone(), name.clone());
            tokio::task::spawn_blocking(move || directory::place(&directory, &name, &bytes)).await
        };
        placed
            .map_err(|error| UploadError::Io(error.to_string()))?
            .map_err(|error| UploadError::Io(error.to_string()))?;
        let stamp = directory::stamp_of(&directory.join(&name));
        let status = self.activate(&name, stamp, &piece).map_err(UploadError::Conflict)?;
        self.publish();
        Ok(status)
    }

    fn remove(&mut self, file: &str) -> Result<FileStatus, RemoveError> {
        let path = directory::path_of(&self.options.directory, file)
            .ok_or_else(|| RemoveError::BadName(file.chars().take(100).collect()))?;
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RemoveError::NotFound(file.to_owned()));
            }
            Err(error) => return Err(RemoveError::Io(error.to_string())),
        }
        let status = self.forget(file).unwrap_or_else(|| FileStatus::new(file, FileState::Removed));
        self.publish();
        Ok(status)
    }
}

/// How the load of one file ended.
enum Outcome {
    /// It changed while it was read; the next scan judges it.
    Changed,
    /// Its bytes are those that are served.
    Same,
    Refused(Option<Digest>, Reason),
    Loaded(Piece),
}

/// What a load needs to know.
struct Loading {
    engine: Engine,
    options: RegistryOptions,
    lock: Lock,
}

impl Loading {
    async fn load(&self, bytes: Arc<[u8]>, digest: Digest) -> Outcome {
        if let Err(reason) = self.known(digest) {
            return Outcome::Refused(Some(digest), reason);
        }
        let grants = self.options.grants.clone();
        match self.engine.load(bytes, move |metadata| grants(&metadata.name)).await {
            Ok(piece) => match self.pinned(&piece) {
                Ok(()) => Outcome::Loaded(piece),
                Err(reason) => Outcome::Refused(Some(digest), reason),
            },
            Err(error) => Outcome::Refused(Some(digest), Reason::from(&error)),
        }
    }

    /// Bytes that are served already: still so, if the lock allows.
    fn same(&self, digest: Digest) -> Outcome {
        match self.known(digest) {
            Ok(()) => Outcome::Same,
            Err(reason) => Outcome::Refused(Some(digest), reason),
        }
    }

    /// In production nothing unknown is even compiled.
    fn known(&self, digest: Digest) -> Result<(), Reason> {
        if !self.options.production || self.lock.knows(digest) {
            return Ok(());
        }
        let message = format!(
            "sha256 {digest} is not in {}; review the piece, then pin it with `leno lock`",
            self.options.lock.display()
        );
        Err(Reason::new("not_pinned", message))
    }

    fn pinned(&self, piece: &Piece) -> Result<(), Reason> {
        let metadata = piece.metadata();
        match self.lock.verdict(&metadata.name, &metadata.version, piece.digest()) {
            Ok(Verdict::Pinned) => Ok(()),
            Ok(Verdict::Unpinned) if !self.options.production => Ok(()),
            Ok(Verdict::Unpinned) => {
                let message = format!(
                    "these bytes are pinned, but not as {}@{}; pin them again with `leno lock`",
                    metadata.name.short(),
                    metadata.version
                );
                Err(Reason::new("not_pinned", message))
            }
            Err(pinned) => {
                let message = format!(
                    "{}@{} is pinned to sha256 {pinned}, and this file has {}; raise the version, or pin it again with `leno lock`",
                    metadata.name.short(),
                    metadata.version,
                    piece.digest()
                );
                Err(Reason::new("pin_mismatch", message))
            }
        }
    }
}

impl File {
    fn unknown(name: &str) -> Self {
        Self { stamp: None, status: FileStatus::new(name, FileState::Loading), active: None }
    }
}

impl FileStatus {
    fn of(version: &Version, status: FileState) -> Self {
        Self {
            name: Some(version.name().short().to_owned()),
            version: Some(version.version().to_string()),
            digest: Some(version.piece.digest()),
            size: Some(version.piece.inspection().size as u64),
            ..Self::new(&version.file, status)
        }
    }

    fn new(file: &str, status: FileState) -> Self {
        Self {
            file: file.to_owned(),
            status,
            name: None,
            version: None,
            digest: None,
            size: None,
            reason: None,
            since: milliseconds(&SystemClock),
            calls: 0,
            keeps: None,
        }
    }
}
