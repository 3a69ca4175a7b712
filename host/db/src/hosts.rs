//! The hosts that work on this database: table `hosts`.
//!
//! A host shows that it is alive by a heartbeat. On PostgreSQL that is all that is known of it: a host that has lost its
//! database for a while looks like a dead one, so much time passes before it counts as dead. Hosts of an SQLite file are on
//! one machine, where each holds the lock of a file for its life: the system releases it when the process ends, however that
//! happens, and not while the process is only stopped.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use crate::{Db, DbError, Kind, Party, connect};

/// After so many milliseconds without a heartbeat a host counts as dead.
const DEAD: i64 = 90_000;
/// After so many milliseconds its row is removed.
const GONE: i64 = 86_400_000;

/// This host, among those of the database. Its heart beats as long as [`Presence::beat`] is called.
#[derive(Debug)]
pub struct Presence {
    id: String,
    /// The encryption key that it writes with.
    key_id: String,
    started_at: i64,
    kind: Kind,
    /// Locked as long as this process lives.
    lock: Option<(PathBuf, fs::File)>,
}

impl Presence {
    /// How often a host shows that it is alive.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// Enters this host, which writes with the encryption key `key_id`. `now` is [`Db::now`].
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn enter(db: &Db, key_id: &str, now: i64) -> Result<Self, DbError> {
        let id = Uuid::new_v4().to_string();
        // First the lock, so that no other host sees the row without it.
        let lock = match db.file() {
            None => None,
            Some(file) => {
                let path = lock_of(file, &id);
                let locked = connect::lock(&path).map_err(|error| failed(&error))?;
                Some((path, locked.ok_or_else(|| failed(&std::io::ErrorKind::WouldBlock.into()))?))
            }
        };
        let presence = Self { id, key_id: key_id.to_owned(), started_at: now, kind: db.kind(), lock };
        presence.beat(db, now).await?;
        Ok(presence)
    }

    /// The host's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Shows that this host is alive, and removes hosts that are dead.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn beat(&self, db: &Db, now: i64) -> Result<(), DbError> {
        const OTHERS: &str = "SELECT id FROM hosts WHERE id <> $1";
        const OLD: &str = "DELETE FROM hosts WHERE seen_at <= $1";
        self.touch(&mut *db.writer(Party::Host).await?, now).await?;
        let Some(file) = db.file() else {
            let old = sqlx::query(OLD).bind(now.saturating_sub(GONE));
            old.execute(&mut *db.writer(Party::Host).await?).await?;
            return Ok(());
        };
        let others = sqlx::query(OTHERS).bind(&self.id).fetch_all(&mut *db.reader(Party::Host).await?).await?;
        for other in others {
            let id: String = other.try_get(0)?;
            let path = lock_of(file, &id);
            // Nobody holds the lock, or there is no file: its process has ended.
            if !path.exists() || connect::lock(&path).map_err(|error| failed(&error))?.is_some() {
                remove(&mut *db.writer(Party::Host).await?, &id).await?;
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    /// Shows that this host is alive.
    pub(crate) async fn touch(&self, connection: &mut AnyConnection, now: i64) -> Result<(), DbError> {
        const SQL: &str = "INSERT INTO hosts (id, key_id, started_at, seen_at) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
        let query = sqlx::query(SQL).bind(&self.id).bind(&self.key_id).bind(self.started_at).bind(now);
        query.execute(connection).await?;
        Ok(())
    }

    /// A host that was seen last at this time, or before, is dead.
    pub(crate) fn dead_at(&self, now: i64) -> i64 {
        dead_at(self.kind, now)
    }

    /// Takes this host out: it does nothing any more.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn leave(&self, db: &Db) -> Result<(), DbError> {
        remove(&mut *db.writer(Party::Host).await?, &self.id).await?;
        if let Some((path, _)) = &self.lock {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

/// How many hosts that may be alive write with an encryption key.
///
/// # Errors
/// [`DbError::Query`].
pub async fn writing_with(tx: &mut AnyConnection, kind: Kind, key_id: &str, now: i64) -> Result<i64, DbError> {
    const SQL: &str = "SELECT COUNT(*) FROM hosts WHERE key_id = $1 AND seen_at > $2";
    Ok(sqlx::query(SQL).bind(key_id).bind(dead_at(kind, now)).fetch_one(tx).await?.try_get(0)?)
}

async fn remove(connection: &mut AnyConnection, id: &str) -> Result<(), DbError> {
    sqlx::query("DELETE FROM hosts WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}

/// See [`Presence::dead_at`]. The row of a dead host of an SQLite file is removed, however long ago it was seen.
fn dead_at(kind: Kind, now: i64) -> i64 {
    match kind {
        Kind::Sqlite => i64::MIN,
        Kind::Postgres => now.saturating_sub(DEAD),
    }
}

fn lock_of(file: &Path, id: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".host-{id}"));
    name.into()
}

fn failed(error: &std::io::Error) -> DbError {
    DbError::Connect { reason: format!("the file that shows that this host is alive cannot be locked: {error}") }
}
