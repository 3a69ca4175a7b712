//! What is served, file by file: the state that only the loader changes, and that readers see in copies.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use leno_base::{Digest, SystemClock, milliseconds};
use leno_sandbox::Piece;

use crate::{
    FileState, FileStatus, Reason, Version,
    directory::Stamp,
    kept::Kept,
    options::OnStatus,
    published::{Published, Shared},
    table::Table,
};

/// One file of the pieces directory.
pub(crate) struct File {
    /// The state in which it was judged; `None` while it has to be judged (again).
    pub(crate) stamp: Option<Stamp>,
    pub(crate) status: FileStatus,
    /// What is served: the file as it is, or its last good version.
    pub(crate) active: Option<Arc<Version>>,
    /// The scan that did not find it any more. It is served until the loads of that scan are over, for one of them may be
    /// of the same file under another name.
    pub(crate) gone: Option<u64>,
}

/// A version that is not served any more, with calls that began before.
struct Drained {
    version: Arc<Version>,
    status: FileStatus,
    deadline: Instant,
}

/// How often draining versions are checked.
pub(crate) const DRAIN_TICK: Duration = Duration::from_millis(50);

/// Every file and what is served of it.
pub(crate) struct Catalog {
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) table: Table,
    pub(crate) kept: Option<Arc<Kept>>,
    shared: Arc<Shared>,
    on_status: OnStatus,
    /// How long calls of a version that was retired may go on.
    grace: Duration,
    drained: Vec<Drained>,
    /// Changes of status, reported once they are published.
    news: Vec<FileStatus>,
    /// Whether a version was retired, so that a file refused as its duplicate may be served now.
    vacated: bool,
}

impl Catalog {
    pub(crate) fn new(shared: Arc<Shared>, kept: Option<Arc<Kept>>, on_status: OnStatus, grace: Duration) -> Self {
        Self {
            files: BTreeMap::new(),
            table: Table::default(),
            kept,
            shared,
            on_status,
            grace,
            drained: Vec::new(),
            news: Vec::new(),
            vacated: false,
        }
    }

    /// The entry of a file, made if it is new.
    pub(crate) fn file(&mut self, name: &str) -> &mut File {
        self.files.entry(name.to_owned()).or_insert_with(|| File::unknown(name))
    }

    /// Serves `piece` as the content of `name`.
    pub(crate) fn activate(&mut self, name: &str, stamp: Option<Stamp>, piece: &Piece) -> Result<FileStatus, Reason> {
        let metadata = piece.metadata();
        if let Some(other) = self.table.exact(&metadata.name, &metadata.version).map(|other| other.file.clone())
            && other != name
        {
            if self.files.get(&other).is_none_or(|file| file.gone.is_none()) {
                let message = format!(
                    "{}@{} is already served from `{other}`; give this file another version, or remove one of the two files",
                    metadata.name.short(),
                    metadata.version,
                );
                return Err(Reason::new("duplicate", message));
            }
            self.forget(&other);
        }
        let version =
            Arc::new(Version { piece: piece.clone(), file: name.to_owned(), since_ms: milliseconds(&SystemClock) });
        let status = FileStatus::of(&version, FileState::Active);
        let file = self.file(name);
        let before = file.active.replace(version.clone());
        file.stamp = stamp;
        file.status = status.clone();
        self.table.insert(version);
        if let Some(before) = before {
            self.table.remove(&before);
            self.retire(before);
        }
        if let Some(kept) = &self.kept {
            kept.serves(name, piece.digest());
        }
        self.news.push(status.clone());
        tracing::info!(file = name, piece = %piece.metadata().name, version = %piece.metadata().version, digest = %piece.digest(), "a piece is served");
        Ok(status)
    }

    /// Records that a file has the bytes that are served from it, maybe again. Returns whether they are.
    pub(crate) fn reinstate(&mut self, name: &str, stamp: Stamp, digest: Digest) -> bool {
        let Some(file) = self.files.get_mut(name) else { return false };
        match &file.active {
            Some(version) if version.piece.digest() == digest => {
                file.stamp = Some(stamp);
                if file.status.status != FileState::Active {
                    file.status = FileStatus::of(version, FileState::Active);
                    self.news.push(file.status.clone());
                }
                true
            }
            _ => false,
        }
    }

    /// Records why a file's present content is not served; its last good version stays.
    pub(crate) fn refuse(&mut self, name: &str, stamp: Option<Stamp>, digest: Option<Digest>, reason: Reason) {
        let file = self.file(name);
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
        let news = file.status.clone();
        self.news.push(news);
    }

    /// Stops serving a removed file.
    pub(crate) fn forget(&mut self, name: &str) -> Option<FileStatus> {
        if let Some(kept) = &self.kept {
            kept.forget(name);
        }
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

    /// Takes what a file serves out of service, because the lock does not allow it any more.
    pub(crate) fn revoke(&mut self, name: &str, reason: Reason) {
        let Some(file) = self.files.get_mut(name) else { return };
        let Some(version) = file.active.take() else { return };
        let (stamp, digest) = (file.stamp, version.piece.digest());
        self.table.remove(&version);
        self.retire(version);
        self.refuse(name, stamp, Some(digest), reason);
    }

    /// Has files judged again that were duplicates of what is gone now. Returns whether there are any.
    pub(crate) fn judge_duplicates(&mut self) -> bool {
        let mut any = false;
        if std::mem::take(&mut self.vacated) {
            for file in self.files.values_mut() {
                if file.status.reason.as_ref().is_some_and(|reason| reason.code == "duplicate") {
                    file.stamp = None;
                    any = true;
                }
            }
        }
        any
    }

    fn retire(&mut self, version: Arc<Version>) {
        self.vacated = true;
        let status = FileStatus::of(&version, FileState::Draining);
        self.drained.push(Drained { version, status, deadline: Instant::now() + self.grace });
    }

    /// Drops retired versions without calls; cancels the calls of those past their deadline.
    pub(crate) fn drain(&mut self) {
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

    /// Whether calls of retired versions go on.
    pub(crate) fn is_draining(&self) -> bool {
        !self.drained.is_empty()
    }

    pub(crate) async fn stop(&mut self, grace: Duration) {
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
    pub(crate) fn publish(&mut self) {
        let served = self.files.values().map(|file| (file.status.clone(), file.active.clone()));
        let drained = self.drained.iter().map(|drained| (drained.status.clone(), Some(drained.version.clone())));
        let files = served.chain(drained).collect();
        self.shared.published.store(Arc::new(Published { table: self.table.clone(), files }));
        self.news.drain(..).for_each(|status| (self.on_status)(&status));
    }

    /// Writes down which bytes each file was served from, if that has changed.
    pub(crate) async fn save(&self) {
        let Some(kept) = self.kept.clone() else { return };
        let saved = tokio::task::spawn_blocking(move || kept.save()).await.map_err(io::Error::other);
        if let Err(error) = saved.flatten() {
            tracing::warn!(%error, "which components are served could not be written down");
        }
    }

    /// The file that is served from these bytes.
    pub(crate) fn serving(&self, digest: Digest) -> Option<&File> {
        self.files.values().find(|file| file.active.as_ref().is_some_and(|version| version.piece.digest() == digest))
    }

    /// Why an upload does not get the file of its name.
    pub(crate) fn occupied(&self, file: &str, piece: &Piece) -> Reason {
        let holds = match self.files.get(file).map(|file| &file.status) {
            Some(FileStatus { name: Some(name), version: Some(version), .. }) => format!("{name}@{version}"),
            Some(FileStatus { reason: Some(reason), .. }) => format!("something that is refused ({})", reason.code),
            _ => "something else".to_owned(),
        };
        let (name, version) = (piece.metadata().name.short(), &piece.metadata().version);
        let message = format!(
            "{name}@{version} would be the file `{file}`, and that holds {holds}; remove it first, or put this component into the pieces directory under another name"
        );
        Reason::new("file_exists", message)
    }
}

impl File {
    fn unknown(name: &str) -> Self {
        Self { stamp: None, status: FileStatus::new(name, FileState::Loading), active: None, gone: None }
    }
}
