//! Opening a database: where the two differ.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use leno_base::budget::{Budget, Budgets};
use rustix::fs::FlockOperation;
use sqlx::{
    AnyPool, ConnectOptions as _, Connection as _, Executor as _,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};

use crate::{
    DbError, Kind,
    budgets::{CONNECTIONS, READERS, Rows, WRITES},
    lane::Lane,
    recorder::Recorder,
};

/// How long a turn waits until there is a connection for it: the server may be away.
const ACQUIRE: Duration = Duration::from_secs(5);

/// WAL lets readers and the writer work at once. FULL: what was acknowledged survives a power cut. The busy timeout is how
/// long a writer waits for one of another process.
const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                      PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;";
/// A write that was meant for the writer fails here.
const READER: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;";

/// A lock or a statement that takes longer gives its connection back. Ours take milliseconds; 15 s leave room for a sweep of
/// old rows, and for a client that went away in the middle of a transaction.
const SERVER: &str = "SET lock_timeout = '3s'; SET statement_timeout = '15s'; \
                      SET idle_in_transaction_session_timeout = '15s';";

/// An open database.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) kind: Kind,
    /// The file of an embedded database.
    pub(crate) file: Option<Arc<Path>>,
    pub(crate) read: Lane,
    pub(crate) write: Lane,
    /// A connection that no caller gets: it responds however busy the others are.
    pub(crate) own: AnyPool,
    pub(crate) rows: Rows,
    pub(crate) recorder: Recorder,
}

pub(super) async fn open(url: &str, budgets: &Budgets) -> Result<Inner, DbError> {
    sqlx::any::install_default_drivers();
    match url.starts_with("sqlite:") {
        true => sqlite(url, budgets).await,
        false => postgres(url, budgets).await,
    }
}

/// Waits until no other process and no other task migrates the database in `file`. The lock is held until the returned
/// value is dropped. It is on a separate file: closing another handle of the database file would release SQLite's
/// locks.
pub(super) async fn turn(file: Arc<Path>) -> Result<fs::File, DbError> {
    let lock = move || {
        let mut name = file.as_os_str().to_owned();
        name.push(".lock");
        let lock = lockable(Path::new(&name))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        Ok(lock)
    };
    let locked = tokio::task::spawn_blocking(lock).await;
    let failed = |error: std::io::Error| DbError::Connect { reason: format!("it cannot be locked: {error}") };
    locked.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)
}

/// Locks the file at `path`, unless another process holds it: then `None`. The lock is held until the returned value is
/// dropped.
pub(super) fn lock(path: &Path) -> std::io::Result<Option<fs::File>> {
    let lock = lockable(path)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn lockable(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The file of an SQLite database; `None` for another database, or a URL that is none.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let options = url.starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url).ok())??;
    Some(options.get_filename().to_owned())
}

async fn sqlite(url: &str, budgets: &Budgets) -> Result<Inner, DbError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        let reason = "an in-memory database is lost with its connection; name a file".to_owned();
        return Err(DbError::Connect { reason });
    }
    let file = SqliteConnectOptions::from_str(url).map_err(|error| failed(&error))?.get_filename().to_owned();
    make(&file)?;
    let options = AnyConnectOptions::from_str(url).map_err(|error| failed(&error))?;
    let pool = |size, setup| {
        // An open file does not go away like a server does.
        limited(size, setup).test_before_acquire(false).idle_timeout(None).max_lifetime(None)
    };
    // The writer first: it makes the file a database in WAL mode.
    let writer = pool(1, WRITER).connect_with(options.clone()).await.map_err(|error| failed(&error))?;
    let readers = budgets.get(&READERS);
    let reading = pool(size(&readers), READER).connect_lazy_with(options.clone());
    Ok(Inner {
        kind: Kind::Sqlite,
        file: Some(file.into()),
        read: Lane::wide(reading, readers),
        write: Lane::single(writer, budgets.get(&WRITES)),
        own: pool(1, READER).connect_lazy_with(options),
        rows: Rows::new(budgets),
        recorder: Recorder::default(),
    })
}

/// A pool of `size` connections, each of which runs `setup` first.
fn limited(size: u32, setup: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE).after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(setup).await?;
            Ok(())
        })
    })
}

fn size(budget: &Budget) -> u32 {
    u32::try_from(budget.limit()).unwrap_or(u32::MAX)
}

/// Makes the file before SQLite would, for its owner alone; the files that SQLite puts beside it get the same mode.
fn make(file: &PathBuf) -> Result<(), DbError> {
    let refused = |error: std::io::Error| DbError::Connect { reason: format!("{}: {error}", file.display()) };
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

async fn postgres(url: &str, budgets: &Budgets) -> Result<Inner, DbError> {
    let options = AnyConnectOptions::from_str(url).map_err(|error| failed(&error))?;
    // A pool would retry, and then report only a timeout.
    options.connect().await.map_err(|error| failed(&error))?.close().await.map_err(|error| failed(&error))?;
    let connections = budgets.get(&CONNECTIONS);
    let pool = limited(size(&connections), SERVER).connect_with(options.clone());
    let lane = Lane::wide(pool.await.map_err(|error| failed(&error))?, connections);
    let own = AnyPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
    let (rows, recorder) = (Rows::new(budgets), Recorder::default());
    Ok(Inner { kind: Kind::Postgres, file: None, read: lane.clone(), write: lane, own, rows, recorder })
}

/// The driver's errors name hosts, users and files, but no passwords.
fn failed(error: &sqlx::Error) -> DbError {
    DbError::Connect { reason: error.to_string() }
}
