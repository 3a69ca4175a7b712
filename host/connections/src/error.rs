//! Why a connection cannot be used or changed.

use std::time::Duration;

use leno_base::{NoRandomness, budget::Exhausted};
use leno_db::{DbError, OfDatabase, WorkflowRef, quota::QuotaError};
use leno_metadata::{ErrorKind, PieceError, Problems};
use leno_oauth2::{ExchangeError, TokenError};

/// Why something with a connection was not done. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The owner has no such connection. The error does not say whether another owner has one.
    #[error("there is no such connection")]
    NotFound,
    /// One exists already, and the request does not replace it.
    #[error("a connection with this external id exists already")]
    Exists,
    /// Another request changed it concurrently.
    #[error("the connection was changed concurrently; read it again, then repeat the request")]
    Changed,
    /// Workflows use it.
    #[error("{} step(s) of workflows use the connection", .0.len())]
    InUse(Vec<WorkflowRef>),
    /// The value is not what the piece takes.
    #[error("{0}")]
    Invalid(#[from] Problems),
    /// It does not work until its owner connects again.
    #[error("the connection does not work: {reason}; connect again")]
    Broken {
        /// What happened.
        reason: String,
    },
    /// The provider refuses to renew its token, and the old one has ended. Its settings, or those of the client, are wrong.
    #[error(
        "the access token has expired and is not renewed: {reason}; correct the client's settings, or connect again"
    )]
    Refused {
        /// What the provider said.
        reason: String,
    },
    /// It has no token that can be renewed.
    #[error("the connection has no token that can be renewed; connect again")]
    NotRenewable,
    /// It was made for another piece.
    #[error("the connection is for piece `{piece}`; choose one for the piece that is called")]
    OtherPiece {
        /// The piece that the connection was made for.
        piece: String,
    },
    /// The access token has expired, and no new one is available yet.
    #[error("the access token has expired and could not be renewed yet: {reason}")]
    NotYet {
        /// Why there is none.
        reason: String,
        /// When to retry.
        retry_after: Duration,
    },
    /// The provider gave no token.
    #[error("{0}")]
    Provider(#[from] TokenError),
    /// The operator registered no OAuth client.
    #[error("the operator has registered no OAuth app for piece `{0}`; use type OAUTH2 with an OAuth app of your own")]
    NoPlatformApp(String),
    /// The owner or the tenant has the most of it that it may have.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A task of this host panicked; the log says where.
    #[error("this host failed while it stored the connection")]
    Panicked,
    /// The operating system failed.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl ConnectionError {
    /// There is no token yet, and may be one in so many milliseconds.
    pub(crate) fn not_yet(reason: String, milliseconds: i64) -> Self {
        let retry_after = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
        Self::NotYet { reason, retry_after }
    }
}

impl From<ExchangeError> for ConnectionError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Invalid(problems) => Self::Invalid(problems.into()),
            ExchangeError::Token(error) => Self::Provider(error),
        }
    }
}

impl OfDatabase for ConnectionError {
    fn of_database(&self) -> Option<&DbError> {
        if let Self::Db(error) = self { Some(error) } else { None }
    }
}

impl From<QuotaError> for ConnectionError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exhausted(refusal) => Self::Exhausted(refusal),
            QuotaError::Db(error) => Self::Db(error),
        }
    }
}

impl From<ConnectionError> for PieceError {
    /// The error that a piece gets when it needs its connection.
    fn from(error: ConnectionError) -> Self {
        let kind = match &error {
            ConnectionError::NotFound => ErrorKind::NotFound,
            ConnectionError::Broken { .. } | ConnectionError::Refused { .. } => ErrorKind::Unauthorized,
            ConnectionError::OtherPiece { .. } => ErrorKind::Denied,
            ConnectionError::NotYet { retry_after, .. } => {
                let retry_after_ms = u64::try_from(retry_after.as_millis()).ok();
                let error = Self::new(ErrorKind::Unavailable, "connection-not-ready", error.to_string());
                return Self { retry_after_ms, ..error };
            }
            ConnectionError::Db(DbError::Busy(busy)) => {
                tracing::warn!(%error, "a connection could not be read");
                let retry_after_ms = u64::try_from(busy.retry_after().as_millis()).ok();
                let message = "this host's database is busy; try again later";
                return Self { retry_after_ms, ..Self::new(ErrorKind::Unavailable, "connection-unavailable", message) };
            }
            ConnectionError::Exhausted(refusal) => {
                let wait = refusal.retry_after.unwrap_or_default();
                let error = Self::new(ErrorKind::RateLimited, "connection-not-ready", error.to_string());
                return Self { retry_after_ms: u64::try_from(wait.as_millis()).ok(), ..error };
            }
            _ => {
                tracing::error!(%error, "a connection could not be read");
                let message = "this host could not read the connection; try again later";
                return Self::new(ErrorKind::Unavailable, "connection-unavailable", message);
            }
        };
        Self::new(kind, "connection-unusable", error.to_string())
    }
}
