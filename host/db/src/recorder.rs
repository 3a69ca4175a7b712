//! Entries of the audit log that wait to be written together.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{DbError, audit_entry::AuditEntry};

/// The most entries that are written at once.
const MOST: usize = 256;

/// The entries that wait. Each has a caller, or a task, that waits as well, so their number is bounded by those.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// Whether a task is writing.
    writing: bool,
}

/// An entry, and who waits for it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) entry: AuditEntry,
    done: oneshot::Sender<Result<(), DbError>>,
}

impl Recorder {
    /// Adds an entry. Returns what tells when it is written, and whether a task must be started that writes.
    pub(crate) fn add(&self, entry: AuditEntry) -> (oneshot::Receiver<Result<(), DbError>>, bool) {
        let (done, written) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.entries.push(Entry { entry, done });
        (written, !mem::replace(&mut waiting.writing, true))
    }

    /// The entries to write next; `None` when there are none, and another task begins with the next.
    pub(crate) fn next(&self) -> Option<Vec<Entry>> {
        let mut waiting = self.waiting();
        waiting.writing = !waiting.entries.is_empty();
        let most = waiting.entries.len().min(MOST);
        waiting.writing.then(|| waiting.entries.drain(..most).collect())
    }

    /// The task that writes has ended early, with its runtime: nobody is left waiting.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.waiting();
        waiting.writing = false;
        waiting.entries.clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Tells whether it is written.
    pub(crate) fn tell(self, written: Result<(), DbError>) {
        // The caller may be gone.
        let _ = self.done.send(written);
    }
}
