//! Databases for tests: every claim is checked on SQLite, and on the PostgreSQL server of this machine.

use leno_base::budget::Budgets;
use leno_db::{Db, DbError, Party};
use uuid::Uuid;

const SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// A fresh database that is removed with the test.
#[derive(Debug)]
pub enum Fresh {
    /// A file in a folder of its own.
    Sqlite(tempfile::TempDir),
    /// A database of this name on the server of this machine.
    Postgres(String),
}

impl Fresh {
    /// A new SQLite database.
    ///
    /// # Panics
    /// No temporary folder can be made.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A new PostgreSQL database for `test`. Without a server it returns `None` and says so; in CI it panics.
    ///
    /// # Panics
    /// In CI, when there is no server.
    #[allow(clippy::print_stderr)]
    pub async fn postgres(test: &str) -> Option<Self> {
        let name = format!("leno_test_{}", Uuid::new_v4().simple());
        match administer(&format!("CREATE DATABASE {name}")).await {
            Ok(()) => Some(Self::Postgres(name)),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "no PostgreSQL at {SERVER}: {error}");
                eprintln!("skipped: {test} on PostgreSQL: no server at {SERVER}: {error}");
                None
            }
        }
    }

    /// Its URL, for [`Db::connect`].
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite://{}/test.db", directory.path().display()),
            Self::Postgres(name) => format!("{SERVER}/{name}"),
        }
    }

    /// Opens it, with its tables.
    ///
    /// # Panics
    /// It cannot be opened.
    pub async fn open(&self) -> Db {
        let db = Db::connect(&self.url(), &Budgets::default()).await.unwrap();
        db.migrate().await.unwrap();
        db
    }

    /// Removes it.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn remove(self) {
        if let Self::Postgres(name) = self {
            administer(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
        }
    }
}

/// The URL of the Redis of this machine. Without one it returns `None` and says so; in CI it panics. Keys are for the test to choose
/// so that no other has them.
///
/// # Panics
/// In CI, when there is none.
#[must_use]
#[allow(clippy::print_stderr)]
pub fn redis(test: &str) -> Option<&'static str> {
    const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 6379);
    match std::net::TcpStream::connect_timeout(&ADDRESS.into(), std::time::Duration::from_secs(1)) {
        Ok(_) => Some("redis://127.0.0.1:6379"),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no Redis at {ADDRESS:?}: {error}");
            eprintln!("skipped: {test} on Redis: no server at {ADDRESS:?}: {error}");
            None
        }
    }
}

async fn administer(sql: &str) -> Result<(), DbError> {
    let db = Db::connect(&format!("{SERVER}/postgres"), &Budgets::default()).await?;
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *db.writer(Party::Host).await?).await?;
    db.close().await;
    Ok(())
}

/// Makes two tests of each claim, one for each database.
#[macro_export]
macro_rules! on_both {
    ($($name:ident($db:ident) $body:block)*) => { $(
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::{Db, fresh::Fresh};

            async fn claim($db: Db) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let fresh = Fresh::sqlite();
                claim(fresh.open().await).await;
                fresh.remove().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(fresh) = Fresh::postgres(stringify!($name)).await {
                    let db = fresh.open().await;
                    // The database is dropped also when the claim is false.
                    let outcome = tokio::spawn(claim(db.clone())).await;
                    db.close().await;
                    fresh.remove().await;
                    outcome.unwrap();
                }
            }
        }
    )* };
}
