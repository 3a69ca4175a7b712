//! The pool of connections.

use std::{path::Path, sync::Arc};

use leno_base::{Clock, milliseconds};
use sqlx::{Any, AnyPool, Row as _, Transaction};

use crate::{DbError, Kind, connect};

/// A transaction. Dropping it rolls back.
pub type Tx = Transaction<'static, Any>;

/// A pool of connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pool: AnyPool,
    kind: Kind,
    /// The file of an embedded database.
    file: Option<Arc<Path>>,
}

impl Db {
    /// Opens `url`: `sqlite:PATH`, made if it is not there (mode 0600), or `postgres://…`.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        connect::open(url).await.map(|(pool, kind, file)| Self { pool, kind, file })
    }

    /// Applies the migrations. Hosts that start at the same time migrate one after the other.
    ///
    /// # Errors
    /// [`DbError::Migrate`]: the database refuses, or it was made by a newer version.
    pub async fn migrate(&self) -> Result<(), DbError> {
        // sqlx's migrator takes a lock on PostgreSQL only.
        let _turn = match self.file.clone() {
            Some(file) => Some(connect::turn(file).await?),
            None => None,
        };
        let migrator = match self.kind {
            Kind::Sqlite => sqlx::migrate!("../../migrations/sqlite"),
            Kind::Postgres => sqlx::migrate!("../../migrations/postgres"),
        };
        Ok(migrator.run(&self.pool).await?)
    }

    /// Whether the database responds.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Waits for the statements under way, then closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction. On SQLite it takes the write lock at once: a transaction that begins by reading could not
    /// get it after a concurrent write.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let (pool, kind) = (self.pool.clone(), self.kind);
        // A separate task, which completes even if the caller is dropped. Abandoned half-way, sqlx would return a
        // connection to the pool that is inside a transaction: its locks stay, and what the next user writes there is
        // never committed.
        let begun = tokio::spawn(async move {
            match kind {
                Kind::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await,
                Kind::Postgres => pool.begin().await,
            }
        });
        begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?.map_err(DbError::from)
    }

    /// The time that all hosts of this database agree on, in milliseconds since 1970: the server's, or `clock`'s when the
    /// database is a file of this machine.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn now(&self, clock: &dyn Clock) -> Result<i64, DbError> {
        const SQL: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        Ok(match self.kind {
            Kind::Sqlite => milliseconds(clock),
            Kind::Postgres => sqlx::query(SQL).fetch_one(&self.pool).await?.try_get(0)?,
        })
    }

    /// The pool, for single statements.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }
}
