//! Entries of the audit log that are added by themselves: those that wait for the writer are written together.
//!
//! Many small writes at once, each with a commit that waits for the disk, would take the writer for as long as all of these
//! waits together. So one task takes a turn for all entries that are there when it begins.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{
    Db, DbError, Party,
    audit_log::{self, AuditEntry},
};

/// The most entries of one statement.
const MOST: usize = 256;

/// The entries that wait. Each has a caller that waits as well, so their number is bounded by the callers'.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// Whether a task is writing.
    writing: bool,
}

#[derive(Debug)]
struct Entry {
    entry: AuditEntry,
    done: oneshot::Sender<Result<(), DbError>>,
}

/// Adds an entry, and waits until it is written. It is written also if the caller is dropped.
pub(crate) async fn record(db: &Db, entry: AuditEntry) -> Result<(), DbError> {
    let (done, written) = oneshot::channel();
    let first = {
        let mut waiting = db.recorder().waiting();
        waiting.entries.push(Entry { entry, done });
        !mem::replace(&mut waiting.writing, true)
    };
    if first {
        tokio::spawn(Writing(db.clone()).run());
    }
    written.await.map_err(|_| DbError::from(sqlx::Error::WorkerCrashed))?
}

impl Recorder {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that writes.
struct Writing(Db);

impl Writing {
    async fn run(self) {
        loop {
            let writer = self.0.writer(Party::Host).await;
            // Now, as those that came while it waited for its turn go with it.
            let Some(entries) = self.next() else { return };
            match writer {
                Ok(mut writer) => write(&mut writer, entries).await,
                Err(error) => refuse(entries, &error),
            }
        }
    }

    /// The entries of the next statement; `None` when there are none, and another task begins with the next.
    fn next(&self) -> Option<Vec<Entry>> {
        let mut waiting = self.0.recorder().waiting();
        waiting.writing = !waiting.entries.is_empty();
        let most = waiting.entries.len().min(MOST);
        waiting.writing.then(|| waiting.entries.drain(..most).collect())
    }
}

impl Drop for Writing {
    /// A task that ends early, with its runtime, leaves nobody waiting.
    fn drop(&mut self) {
        let mut waiting = self.0.recorder().waiting();
        if mem::take(&mut waiting.writing) {
            waiting.entries.clear();
        }
    }
}

async fn write(writer: &mut sqlx::AnyConnection, entries: Vec<Entry>) {
    let together = audit_log::append_all(writer, entries.iter().map(|entry| &entry.entry)).await;
    match together {
        Ok(()) => entries.into_iter().for_each(|entry| entry.tell(Ok(()))),
        Err(error @ DbError::Busy(_)) => refuse(entries, &error),
        // An entry that the database refuses is no fault of the others.
        Err(_) => {
            for entry in entries {
                let written = audit_log::append(writer, &entry.entry).await;
                entry.tell(written);
            }
        }
    }
}

/// Tells all what one of them met.
fn refuse(entries: Vec<Entry>, error: &DbError) {
    let again = || match error {
        DbError::Busy(busy) => DbError::Busy(busy.clone()),
        _ => DbError::from(sqlx::Error::WorkerCrashed),
    };
    for entry in entries {
        entry.tell(Err(again()));
    }
}

impl Entry {
    fn tell(self, written: Result<(), DbError>) {
        // The caller may be gone.
        let _ = self.done.send(written);
    }
}
