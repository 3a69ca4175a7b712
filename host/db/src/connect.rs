//! Opening a database: where the two differ.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    AnyPool, ConnectOptions as _, Connection as _, Executor as _,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};

use crate::{DbError, Kind};

/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Connections to a server: enough for the calls that are in the database at one moment.
const POSTGRES: u32 = 16;
/// SQLite has one writer at a time; a few more may read.
const SQLITE: u32 = 4;

/// WAL lets readers and the writer work at once. FULL: what was acknowledged survives a power cut. The busy timeout is how
/// long one writer waits for another.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;";

pub(super) async fn open(url: &str) -> Result<(AnyPool, Kind, Option<Arc<Path>>), DbError> {
    sqlx::any::install_default_drivers();
    match url.starts_with("sqlite:") {
        true => sqlite(url).await.map(|(pool, file)| (pool, Kind::Sqlite, Some(file))),
        false => Ok((postgres(url).await?, Kind::Postgres, None)),
    }
}

/// Waits until no other process and no other task migrates the database in `file`. The lock is held until the returned
/// value is dropped. It is on a separate file: closing another handle of the database file would release SQLite's
/// locks.
pub(super) async fn turn(file: Arc<Path>) -> Result<fs::File, DbError> {
    let lock = move || {
        let mut name = file.as_os_str().to_owned();
        name.push(".lock");
        let lock = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(lock)
    };
    let locked = tokio::task::spawn_blocking(lock).await;
    let failed = |error: std::io::Error| DbError::Connect { reason: format!("it cannot be locked: {error}") };
    locked.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)
}

async fn sqlite(url: &str) -> Result<(AnyPool, Arc<Path>), DbError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        let reason = "an in-memory database is lost with its connection; name a file".to_owned();
        return Err(DbError::Connect { reason });
    }
    let file = SqliteConnectOptions::from_str(url).map_err(|error| failed(&error))?.get_filename().to_owned();
    make(&file)?;
    let pool = AnyPoolOptions::new()
        .max_connections(SQLITE)
        .acquire_timeout(ACQUIRE)
        // An open file does not go away like a server does.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(PRAGMAS).await?;
                Ok(())
            })
        })
        .connect_with(AnyConnectOptions::from_str(url).map_err(|error| failed(&error))?)
        .await
        .map_err(|error| failed(&error))?;
    Ok((pool, file.into()))
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

async fn postgres(url: &str) -> Result<AnyPool, DbError> {
    let options = AnyConnectOptions::from_str(url).map_err(|error| failed(&error))?;
    // A pool would retry, and then report only a timeout.
    options.connect().await.map_err(|error| failed(&error))?.close().await.map_err(|error| failed(&error))?;
    AnyPoolOptions::new()
        .max_connections(POSTGRES)
        .acquire_timeout(ACQUIRE)
        .connect_with(options)
        .await
        .map_err(|error| failed(&error))
}

/// The driver's errors name hosts, users and files, but no passwords.
fn failed(error: &sqlx::Error) -> DbError {
    DbError::Connect { reason: error.to_string() }
}
