//! The database and the ways into it: a reader, a writer, a transaction.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
};

use leno_base::{Clock, budget::Budgets, milliseconds};
use sqlx::{Any, AnyConnection, AnyPool, Row as _, Transaction, any::AnyArguments, pool::PoolConnection, query::Query};

use crate::{
    DbError, Kind,
    budgets::Rows,
    connect::{self, Inner},
    lane::{Lane, Party, Turn},
    recorder::Recorder,
};

/// Rows that a sweep removes in one turn: few, so that others wait for milliseconds only.
const STEP: i64 = 200;

/// The database. Cheap to clone.
///
/// Whoever uses it says for whom, and waits for a turn. On SQLite readers and the one writer have turns of their own, so no
/// reader waits for a writer; PostgreSQL has one kind of turn for both.
#[derive(Debug, Clone)]
pub struct Db(Arc<Inner>);

/// A connection for single statements, until it is dropped.
#[derive(Debug)]
pub struct Session {
    connection: PoolConnection<Any>,
    _turn: Turn,
}

/// A transaction. Dropping it rolls back.
#[derive(Debug)]
pub struct Tx {
    transaction: Transaction<'static, Any>,
    _turn: Turn,
}

impl Db {
    /// Opens `url` with the limits of `budgets`: `sqlite:PATH`, made if it is not there (mode 0600), or `postgres://…`.
    ///
    /// # Errors
    /// [`DbError::Connect`].
    pub async fn connect(url: &str, budgets: &Budgets) -> Result<Self, DbError> {
        connect::open(url, budgets).await.map(|inner| Self(Arc::new(inner)))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Whether the database responds, however busy this host's other connections are.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Busy`].
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("SELECT 1").execute(&self.0.own).await?;
        Ok(())
    }

    /// The file of an embedded database.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The most rows that one may have.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.0.rows
    }

    /// Waits for the statements under way, then closes every connection.
    pub async fn close(&self) {
        let Inner { read, write, own, .. } = &*self.0;
        tokio::join!(read.pool().close(), write.pool().close(), own.close());
    }

    /// A connection to read with. On SQLite it cannot write.
    ///
    /// # Errors
    /// [`DbError::Busy`].
    pub async fn reader(&self, party: impl Into<Party>) -> Result<Session, DbError> {
        Session::of(&self.0.read, party.into()).await
    }

    /// A connection to write with, each statement by itself.
    ///
    /// # Errors
    /// [`DbError::Busy`].
    pub async fn writer(&self, party: impl Into<Party>) -> Result<Session, DbError> {
        Session::of(&self.0.write, party.into()).await
    }

    /// Begins a transaction. On SQLite it takes the write lock at once: a transaction that begins by reading could not
    /// get it after a concurrent write.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Busy`].
    pub async fn begin(&self, party: impl Into<Party>) -> Result<Tx, DbError> {
        let turn = self.0.write.turn(party.into()).await?;
        let (pool, kind) = (self.0.write.pool().clone(), self.0.kind);
        // A separate task, which completes even if the caller is dropped. Abandoned half-way, sqlx would return a
        // connection to the pool that is inside a transaction: its locks stay, and what the next user writes there is
        // never committed. The turn goes with it.
        let begun = tokio::spawn(async move {
            let transaction = match kind {
                Kind::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
                Kind::Postgres => pool.begin().await?,
            };
            Ok(Tx { transaction, _turn: turn })
        });
        begun.await.map_err(|_| DbError::from(sqlx::Error::WorkerCrashed))?
    }

    /// The time that all hosts of this database agree on, in milliseconds since 1970: the server's, or `clock`'s when the
    /// database is a file of this machine.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Busy`].
    pub async fn now(&self, clock: &dyn Clock) -> Result<i64, DbError> {
        const SQL: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        Ok(match self.0.kind {
            Kind::Sqlite => milliseconds(clock),
            Kind::Postgres => sqlx::query(SQL).fetch_one(&mut *self.reader(Party::Host).await?).await?.try_get(0)?,
        })
    }

    /// Runs a statement that changes no more rows than the number it is given, again and again until it finds fewer. Others
    /// have their turn in between. Returns how many it changed.
    pub(crate) async fn in_steps<'q>(
        &self,
        statement: impl Fn(i64) -> Query<'q, Any, AnyArguments>,
    ) -> Result<u64, DbError> {
        let mut sum = 0;
        loop {
            let done = statement(STEP).execute(&mut *self.writer(Party::Host).await?).await?.rows_affected();
            sum += done;
            if done < STEP.unsigned_abs() {
                return Ok(sum);
            }
        }
    }

    /// What writes entries of the audit log.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// The connection that no caller gets, without limits of time.
    pub(crate) fn own(&self) -> &AnyPool {
        &self.0.own
    }
}

impl Session {
    async fn of(lane: &Lane, party: Party) -> Result<Self, DbError> {
        let (connection, turn) = lane.connection(party).await?;
        Ok(Self { connection, _turn: turn })
    }
}

impl Tx {
    /// Makes what was written last.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Busy`].
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.transaction.commit().await?)
    }

    /// Undoes what was written, and waits until that is done.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Busy`].
    pub async fn rollback(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }
}

impl Deref for Session {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}
