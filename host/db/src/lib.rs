//! The database: SQLite in the data directory, or PostgreSQL. One file per aggregate, one SQL text for both.
//!
//! Columns are portable: ids and JSON are TEXT, times are BIGINT milliseconds since 1970. What differs between the two is
//! in `migrations/` and in `connect`.

pub mod app_connections;
pub mod audit_log;
mod connect;
pub mod encryption_keys;
pub mod endpoints;
pub mod events;
pub mod foreign;
pub mod oauth_apps;
pub mod oauth_sessions;
mod piece_versions;
pub mod sealed_rows;
mod store_entries;
pub mod users;
pub mod workflow_refs;

use std::{path::Path, sync::Arc};

use leno_base::{Clock, milliseconds};
use sqlx::{Any, AnyPool, Row as _, Transaction};

pub use self::{
    app_connections::{
        AppConnections, ConnectionFilter, ConnectionRow, ConnectionStatus, InvalidStatus, Position, SealedValue,
    },
    audit_log::{AuditEntry, events_of as audit_events},
    endpoints::{DeliveryRow, EndpointRow},
    events::EventRow,
    oauth_apps::OAuthApp,
    oauth_sessions::OAuthSession,
    piece_versions::{PieceVersion, PieceVersions},
    store_entries::{EntryKey, StoreEntries},
    workflow_refs::WorkflowRef,
};

/// A database that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached or opened. The URL is not repeated: it may hold a password.
    #[error("the database cannot be opened: {reason}; is DATABASE_URL right, and does its database exist?")]
    Connect {
        /// What the driver said.
        reason: String,
    },
    /// The tables could not be made or brought up to date.
    #[error("the database could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Query(#[from] sqlx::Error),
}

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

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Embedded.
    Sqlite,
    /// A server.
    Postgres,
}

impl Db {
    /// Opens `url`: `sqlite:PATH`, made if it is not there (mode 0600), or `postgres://…`.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        connect::open(url).await.map(|(pool, kind, file)| Self { pool, kind, file })
    }

    /// Makes the tables, or brings them up to date. Two hosts that start at once take turns.
    ///
    /// # Errors
    /// [`DbError::Migrate`]: the database refuses, or it was made by a newer version.
    pub async fn migrate(&self) -> Result<(), DbError> {
        // The migrator takes a lock of its own on PostgreSQL only.
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

    /// Whether it answers.
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

    /// Begins a transaction. On SQLite it takes the write lock at once: one that begins by reading could not get it later if
    /// somebody else wrote meanwhile.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let (pool, kind) = (self.pool.clone(), self.kind);
        // A task of its own, which ends also when whoever waits goes away. Abandoned half-way, the driver would put a
        // connection back into the pool that is in a transaction nobody knows of: its locks stay, and what the next user
        // writes there is never committed.
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
