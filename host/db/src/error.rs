//! What can go wrong.

use std::{future::Future, sync::Arc, time::Duration};

use leno_base::budget::Exhausted;

/// How often an operation that lost against another transaction is tried.
const TRIES: usize = 4;
/// When to come back to a database that did not respond in time.
const LATER: Duration = Duration::from_secs(2);

/// What triggers of `migrations/` say of a row that is sealed under a retired key.
const KEY_RETIRED: &str = "the encryption key is retired";

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached or opened. The URL is not repeated: it may hold a password.
    #[error("the database cannot be opened: {reason}; check that DATABASE_URL is right and that its database exists")]
    Connect {
        /// What the driver said.
        reason: String,
    },
    /// The migrations failed.
    #[error("the migrations of the database failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Query(#[source] sqlx::Error),
    /// Nothing was done, as the database had no room or no time for it. The same can succeed later.
    #[error("the database is busy: {0}")]
    Busy(Busy),
    /// The owner has the most rows that one may have.
    #[error("{0}")]
    Full(Exhausted),
    /// Nothing was written, as this host's encryption key was retired.
    #[error("the encryption key of this host was retired, so it writes no secrets; start it with another one")]
    KeyRetired,
}

/// Why a busy database did nothing. Cheap to clone: one refusal may be that of many writes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Busy {
    /// There was no turn: others were first.
    #[error("{0}")]
    Queue(Exhausted),
    /// Another transaction was in the way, and this one had to give way.
    #[error("another transaction was in the way: {0}")]
    Conflict(#[source] Arc<sqlx::Error>),
    /// A lock was held, a statement took, or the server was away for too long.
    #[error("{0}")]
    Late(#[source] Arc<sqlx::Error>),
}

impl Busy {
    /// When to come back.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Queue(refusal) => refusal.retry_after.unwrap_or(LATER),
            Self::Conflict(_) | Self::Late(_) => LATER,
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        if error.as_database_error().is_some_and(|error| error.message().contains(KEY_RETIRED)) {
            return Self::KeyRetired;
        }
        match (code, &error) {
            (Some(code), _) if is_conflict(&code) => Self::Busy(Busy::Conflict(error.into())),
            (Some(code), _) if is_late(&code) => Self::Busy(Busy::Late(error.into())),
            (None, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
                Self::Busy(Busy::Late(error.into()))
            }
            _ => Self::Query(error),
        }
    }
}

/// `serialization_failure` and `deadlock_detected` of PostgreSQL (appendix A of its manual).
fn is_conflict(code: &str) -> bool {
    matches!(code, "40001" | "40P01")
}

/// PostgreSQL's `lock_not_available`, `query_canceled` and `idle_in_transaction_session_timeout`, its classes 08 (connection
/// exceptions) and 53 (insufficient resources) but for a full disk, and those of class 57 by which it says that it goes down
/// or comes up. `SQLITE_BUSY` (5) and `SQLITE_LOCKED` (6), which are the lowest byte of their extended codes.
fn is_late(code: &str) -> bool {
    match code.len() {
        5 => {
            let class = code.starts_with("08") || (code.starts_with("53") && code != "53100");
            class || matches!(code, "55P03" | "57014" | "25P03" | "57P01" | "57P02" | "57P03")
        }
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
    }
}

/// An error that may be the database's.
pub trait OfDatabase {
    /// The database's error, if it is one.
    fn of_database(&self) -> Option<&DbError>;
}

impl OfDatabase for DbError {
    fn of_database(&self) -> Option<&DbError> {
        Some(self)
    }
}

/// Does a whole operation, its transaction included, and does it again when it lost against another transaction: a few times,
/// as PostgreSQL's manual asks for.
///
/// # Errors
/// Those of `operation`.
pub async fn repeat<T, E: OfDatabase, F: Future<Output = Result<T, E>>>(
    mut operation: impl FnMut() -> F,
) -> Result<T, E> {
    let lost = |error: &E| matches!(error.of_database(), Some(DbError::Busy(Busy::Conflict(_))));
    for _ in 1..TRIES {
        match operation().await {
            Err(error) if lost(&error) => tracing::debug!("a transaction lost against another, and is repeated"),
            done => return done,
        }
    }
    operation().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_busy() {
        for (code, conflict, late) in [
            ("40001", true, false),
            ("40P01", true, false),
            ("55P03", false, true),
            ("57014", false, true),
            ("57P01", false, true),
            ("08006", false, true),
            ("53300", false, true),
            ("53100", false, false),
            ("23505", false, false),
            ("42P01", false, false),
            ("25006", false, false),
            ("5", false, true),
            ("6", false, true),
            ("261", false, true),
            ("517", false, true),
            ("8", false, false),
            ("13", false, false),
            ("787", false, false),
        ] {
            assert_eq!((is_conflict(code), is_late(code)), (conflict, late), "{code}");
        }
        assert!(matches!(DbError::from(sqlx::Error::PoolTimedOut), DbError::Busy(Busy::Late(_))));
        assert!(matches!(DbError::from(sqlx::Error::RowNotFound), DbError::Query(_)));
    }
}
