//! The one task that changes the registry.
//!
//! Loads run beside it, each a task of its own, so that one which takes a minute holds up nobody. What they come to is
//! applied here, one after the other.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use bytes::Bytes;
use leno_base::Digest;
use leno_sandbox::{Engine, Piece};
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    FileState, FileStatus, Lock, Reason, RegistryOptions, RemoveError, UploadError,
    budgets::COMPILES,
    catalog::{Catalog, DRAIN_TICK},
    directory::{self, Found, QUIET, Stamp},
    kept::Kept,
    loading::{Loading, Origin, Outcome, Places, of_the_lock},
    published::Shared,
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

/// A load of a file.
struct Underway {
    stamp: Stamp,
    look: u64,
    task: AbortHandle,
}

/// What a load came to.
enum Done {
    File(String, Stamp, Outcome),
    Upload(Bytes, oneshot::Sender<Result<FileStatus, UploadError>>, Outcome),
    /// The caller of an upload went away.
    Nothing,
}

pub(crate) struct Loader {
    options: RegistryOptions,
    engine: Engine,
    stopping: CancellationToken,
    lock: Arc<Lock>,
    places: Arc<Places>,
    catalog: Catalog,
    loads: JoinSet<Done>,
    /// The loads of files among them, by name.
    underway: BTreeMap<String, Underway>,
    looks: u64,
    /// Whether there is a file to look at again in a moment.
    restless: bool,
}

/// How long a look waits for its loads, so that what is quick is taken in the order of names and published at once.
const PATIENCE: Duration = Duration::from_secs(2);

impl Loader {
    pub(crate) fn new(
        options: RegistryOptions,
        engine: Engine,
        shared: Arc<Shared>,
        lock: Lock,
        kept: Option<Arc<Kept>>,
    ) -> Self {
        let places = Arc::new(Places::new(options.budgets.get(&COMPILES)));
        let stopping = shared.stopping.clone();
        let catalog = Catalog::new(shared, kept, options.on_status.clone(), options.drain);
        Self {
            options,
            engine,
            stopping,
            lock: Arc::new(lock),
            places,
            catalog,
            loads: JoinSet::new(),
            underway: BTreeMap::new(),
            looks: 0,
            restless: false,
        }
    }

    /// Serves commands until a stop, or until every [`Registry`](crate::Registry) is dropped.
    pub(crate) async fn serve(mut self, mut inbox: mpsc::Receiver<Command>) {
        let stopping = self.stopping.clone();
        loop {
            if stopping.is_cancelled() {
                // Ends the compilations. Callers of uploads are told by the end of their channels.
                self.loads = JoinSet::new();
                self.underway.clear();
                self.restless = false;
            }
            let wake = match (self.catalog.is_draining(), self.restless) {
                (true, _) => DRAIN_TICK,
                (false, true) => QUIET,
                (false, false) => Duration::MAX,
            };
            let command = tokio::select! {
                command = inbox.recv() => command,
                Some(done) = self.loads.join_next_with_id() => {
                    self.finish(done).await;
                    continue;
                }
                () = stopping.cancelled(), if !stopping.is_cancelled() => continue,
                () = tokio::time::sleep(wake) => {
                    if self.restless {
                        let _ = self.look_again(false).await;
                    }
                    self.catalog.drain();
                    continue;
                }
            };
            match command {
                None => return,
                Some(Command::Stop(grace, reply)) => {
                    self.loads.shutdown().await;
                    self.catalog.stop(grace).await;
                    let _ = reply.send(());
                    return;
                }
                Some(Command::Upload(bytes, reply)) => self.upload(bytes, reply),
                Some(Command::Remove(file, reply)) => {
                    let answer = self.remove(&file);
                    self.catalog.save().await;
                    let _ = reply.send(answer);
                }
                Some(Command::Look(reply)) => {
                    let looked = self.look_again(false).await;
                    if let Some(reply) = reply {
                        let _ = reply.send(looked);
                    }
                }
                Some(Command::Refresh(reply)) => {
                    if self.look_again(true).await.is_ok() && self.restless {
                        let _ = self.look_again(true).await;
                    }
                    let _ = reply.send(());
                }
            }
            self.catalog.drain();
        }
    }

    async fn look_again(&mut self, settled: bool) -> Result<(), String> {
        if self.stopping.is_cancelled() {
            return Ok(());
        }
        self.look(settled).await.map_err(|error| {
            // What is served stays served.
            tracing::error!(directory = %self.options.directory.display(), %error, "the pieces directory cannot be read");
            error.to_string()
        })
    }

    /// Makes what is served equal to the directory, but for files that were written to a moment ago and files that take
    /// long to load. `settled` takes every file as it is, and waits for all.
    pub(crate) async fn look(&mut self, settled: bool) -> io::Result<()> {
        self.read_lock();
        let found = directory::scan(&self.options.directory, settled)?;
        self.looks += 1;
        for (name, file) in &mut self.catalog.files {
            file.gone = match found.contains_key(name) {
                true => None,
                false => file.gone.or(Some(self.looks)),
            };
        }
        for name in self.underway.keys().filter(|name| !found.contains_key(*name)).cloned().collect::<Vec<_>>() {
            self.give_up(&name);
        }
        let mut restless = Vec::new();
        for (name, found) in found {
            match found {
                Found::Restless(stamp) => {
                    restless.push(stamp);
                    self.catalog.file(&name);
                }
                Found::Refused(reason) => {
                    self.give_up(&name);
                    self.catalog.refuse(&name, None, None, reason);
                }
                Found::File(stamp) => self.begin(&name, stamp),
            }
        }
        self.restless = !restless.is_empty();
        self.settle(settled).await;
        self.sweep(&restless);
        self.catalog.publish();
        self.catalog.save().await;
        Ok(())
    }

    /// Begins to load a file, unless it was judged as it is, or is being loaded.
    fn begin(&mut self, name: &str, stamp: Stamp) {
        let judged = self.catalog.files.get(name).is_some_and(|file| file.stamp == Some(stamp));
        if judged || self.underway.get(name).is_some_and(|load| load.stamp == stamp) {
            return;
        }
        self.give_up(name);
        let path = self.options.directory.join(name);
        let file = self.catalog.file(name);
        let served = file.active.as_ref().map(|version| version.piece.digest());
        let (owned, loading) = (name.to_owned(), self.loading());
        let load = async move { Done::File(owned, stamp, loading.file(path, stamp, served).await) };
        let task = self.loads.spawn(load);
        self.underway.insert(name.to_owned(), Underway { stamp, look: self.looks, task });
    }

    /// Ends the load of a file, if there is one.
    fn give_up(&mut self, name: &str) {
        if let Some(load) = self.underway.remove(name) {
            load.task.abort();
        }
    }

    /// Waits for loads, and applies those that are over in the order of names, so that the outcome does not depend on which
    /// was quicker.
    async fn settle(&mut self, all: bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let stopping = self.stopping.clone();
        let mut over = BTreeMap::new();
        while self.underway.values().any(|load| all || load.look == self.looks) {
            let done = tokio::select! {
                Some(done) = self.loads.join_next_with_id() => done,
                () = stopping.cancelled() => return,
                () = tokio::time::sleep_until(deadline), if !all => break,
            };
            match self.over(done) {
                Some(Done::File(name, stamp, outcome)) => drop(over.insert(name, (stamp, outcome))),
                Some(Done::Upload(bytes, reply, outcome)) => self.uploaded(bytes, reply, outcome).await,
                Some(Done::Nothing) | None => {}
            }
        }
        for (name, (stamp, outcome)) in over {
            self.apply(&name, stamp, outcome);
        }
    }

    /// Takes the end of a load. `None` when the load was given up.
    fn over(&mut self, done: Result<(Id, Done), JoinError>) -> Option<Done> {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let load = self.underway.iter().find(|(_, load)| load.task.id() == id);
        let found = load.map(|(name, load)| (name.clone(), load.stamp));
        if let Some((name, _)) = &found {
            self.underway.remove(name);
        }
        match (done, found) {
            // It was over already when it was given up.
            (Ok((_, Done::File(..))), None) => None,
            (Ok((_, done)), _) => Some(done),
            (Err(error), Some((name, stamp))) if error.is_panic() => {
                Some(Done::File(name, stamp, Outcome::Refused(None, Reason::new("host_error", error.to_string()))))
            }
            (Err(_), _) => None,
        }
    }

    /// Takes the end of a load that took longer than a look waits.
    async fn finish(&mut self, done: Result<(Id, Done), JoinError>) {
        match self.over(done) {
            Some(Done::File(name, stamp, outcome)) => {
                self.apply(&name, stamp, outcome);
                self.sweep(&[]);
                self.catalog.publish();
            }
            Some(Done::Upload(bytes, reply, outcome)) => self.uploaded(bytes, reply, outcome).await,
            Some(Done::Nothing) | None => {}
        }
        self.catalog.save().await;
    }

    fn apply(&mut self, name: &str, stamp: Stamp, outcome: Outcome) {
        match outcome {
            Outcome::Changed => self.judge_again(name),
            Outcome::Refused(digest, reason) => self.catalog.refuse(name, Some(stamp), digest, reason),
            // Files wait for their turn, so this is none of theirs.
            Outcome::Exhausted(exhausted) => {
                self.catalog.refuse(name, None, None, Reason::new("host_error", exhausted.to_string()));
                self.restless = true;
            }
            Outcome::Same(digest) if self.catalog.reinstate(name, stamp, digest) => {}
            // They were, when the load began.
            Outcome::Same(_) => self.judge_again(name),
            Outcome::Loaded(piece) => {
                // The lock may have changed since the load began.
                let pinned = self.loading().pinned(&piece);
                if let Err(reason) = pinned.and_then(|()| self.catalog.activate(name, Some(stamp), &piece).map(drop)) {
                    self.catalog.refuse(name, Some(stamp), Some(piece.digest()), reason);
                }
            }
        }
    }

    fn judge_again(&mut self, name: &str) {
        self.catalog.file(name).stamp = None;
        self.restless = true;
    }

    /// Takes files that are gone out of service, unless a load may be of the same file under another name. Then files that
    /// were duplicates of what is gone are judged again. All of it is published together: a file that was renamed is never
    /// absent in between.
    fn sweep(&mut self, restless: &[Stamp]) {
        let gone = self.catalog.files.iter().filter_map(|(name, file)| {
            let look = file.gone?;
            let renamed = |stamp: Stamp| restless.iter().any(|fresh| fresh.same_file(&stamp));
            let awaited = self.underway.values().any(|load| load.look == look) || file.stamp.is_some_and(renamed);
            (!awaited).then(|| name.clone())
        });
        for name in gone.collect::<Vec<_>>() {
            self.catalog.forget(&name);
        }
        self.restless |= self.catalog.judge_duplicates();
    }

    fn loading(&self) -> Loading {
        Loading {
            engine: self.engine.clone(),
            options: self.options.clone(),
            lock: self.lock.clone(),
            kept: self.catalog.kept.clone(),
            places: self.places.clone(),
        }
    }

    /// Serves the last good version of each file that is refused, from the bytes that were kept. For the start: later, the
    /// version is in memory.
    pub(crate) async fn restore(&mut self) {
        let Some(kept) = self.catalog.kept.clone() else { return };
        kept.retain(|name| self.catalog.files.contains_key(name));
        let refused = self.catalog.files.iter().filter(|(_, file)| file.active.is_none()).map(|(name, _)| name.clone());
        for name in refused.collect::<Vec<_>>() {
            let (kept, file) = (kept.clone(), name.clone());
            let Ok(Some((digest, bytes))) = tokio::task::spawn_blocking(move || kept.last_served(&file)).await else {
                continue;
            };
            let Outcome::Loaded(piece) = self.loading().component(bytes, digest, Origin::Directory).await else {
                continue;
            };
            let Some(FileStatus { digest, reason: Some(reason), .. }) =
                self.catalog.files.get(&name).map(|file| file.status.clone())
            else {
                continue;
            };
            let stamp = self.catalog.files.get(&name).and_then(|file| file.stamp);
            if self.catalog.activate(&name, stamp, &piece).is_ok() {
                tracing::info!(file = name, "the last good version is served, from the bytes that were kept");
                self.catalog.refuse(&name, stamp, digest, reason);
            }
        }
        self.catalog.publish();
        self.catalog.save().await;
    }

    /// Reads a changed lock file and applies it to every file again.
    fn read_lock(&mut self) {
        let lock = match self.options.lock.read() {
            Ok(lock) => lock,
            Err(error) => {
                // The pins in force stay in force.
                tracing::error!(%error, "the lock file does not count");
                return;
            }
        };
        if lock == *self.lock {
            return;
        }
        self.lock = Arc::new(lock);
        self.restless = true;
        let loading = self.loading();
        let names: Vec<String> = self.catalog.files.keys().cloned().collect();
        for name in names {
            let Some(file) = self.catalog.files.get_mut(&name) else { continue };
            let refused = file.active.as_ref().and_then(|version| loading.pinned(&version.piece).err());
            if file.status.reason.as_ref().is_some_and(of_the_lock) {
                file.stamp = None;
            }
            if let Some(reason) = refused {
                self.catalog.revoke(&name, reason);
            }
        }
        // Loads under way are by the lock of before: what it refused may be pinned now.
        for name in self.underway.keys().cloned().collect::<Vec<_>>() {
            self.give_up(&name);
        }
    }

    /// Begins to load an upload. A caller who goes away ends it.
    fn upload(&mut self, bytes: Bytes, mut reply: oneshot::Sender<Result<FileStatus, UploadError>>) {
        if self.stopping.is_cancelled() {
            return;
        }
        self.read_lock();
        let owned: Arc<[u8]> = bytes.as_ref().into();
        let digest = Digest::of(&owned);
        if let Some(file) = self.catalog.serving(digest) {
            let _ = reply.send(Ok(file.status.clone()));
            return;
        }
        let loading = self.loading();
        self.loads.spawn(async move {
            let outcome = tokio::select! {
                outcome = loading.component(owned, digest, Origin::Upload) => outcome,
                () = reply.closed() => return Done::Nothing,
            };
            Done::Upload(bytes, reply, outcome)
        });
    }

    async fn uploaded(
        &mut self,
        bytes: Bytes,
        reply: oneshot::Sender<Result<FileStatus, UploadError>>,
        outcome: Outcome,
    ) {
        let answer = match outcome {
            Outcome::Loaded(piece) => self.place(bytes, &piece).await,
            Outcome::Refused(_, reason) => Err(UploadError::Refused(reason)),
            Outcome::Exhausted(exhausted) => Err(UploadError::Exhausted(exhausted)),
            Outcome::Same(_) | Outcome::Changed => Err(UploadError::Stopped),
        };
        self.catalog.save().await;
        let _ = reply.send(answer);
    }

    /// Puts an uploaded component into the directory, and serves it.
    async fn place(&mut self, bytes: Bytes, piece: &Piece) -> Result<FileStatus, UploadError> {
        self.loading().pinned(piece).map_err(UploadError::Refused)?;
        if let Some(file) = self.catalog.serving(piece.digest()) {
            return Ok(file.status.clone());
        }
        let (short, version) = (piece.metadata().name.short(), &piece.metadata().version);
        if let Some(served) = self.catalog.table.exact(&piece.metadata().name, version) {
            let message = format!(
                "{short}@{version} is already served with other bytes (sha256 {}); raise the version, or remove `{}` first",
                served.piece.digest(),
                served.file
            );
            return Err(UploadError::Conflict(Reason::new("version_exists", message)));
        }
        let name = format!("{short}-{version}.wasm");
        let path = self.options.directory.join(&name);
        let placed = {
            let (directory, name) = (self.options.directory.clone(), name.clone());
            tokio::task::spawn_blocking(move || directory::place(&directory, &name, &bytes)).await
        };
        match placed.map_err(io::Error::other).flatten() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(UploadError::Conflict(self.catalog.occupied(&name, piece)));
            }
            Err(error) => return Err(UploadError::Io(error.to_string())),
        }
        let status = self.catalog.activate(&name, directory::stamp_of(&path), piece).map_err(UploadError::Conflict)?;
        self.catalog.publish();
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
        self.give_up(file);
        let status = self.catalog.forget(file).unwrap_or_else(|| FileStatus::new(file, FileState::Removed));
        self.catalog.publish();
        Ok(status)
    }
}
