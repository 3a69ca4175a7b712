//! The errors of a piece.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// The result of functions of a piece.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error. The list is that of the host's contract (`wit/piece.wit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input of the step is wrong; a retry with the same input fails again.
    InvalidInput,
    /// The service rejected the connection; the user has to renew it.
    Unauthorized,
    /// The requested item does not exist.
    NotFound,
    /// The service limits the rate; see [`Error::retry_after`].
    RateLimited,
    /// The service failed or could not be reached; a retry may succeed.
    Unavailable,
    /// A policy of the host or of the service forbids the operation.
    Denied,
    /// The time ran out.
    Timeout,
    /// A bug of the piece.
    Internal,
}

impl ErrorKind {
    /// The name in the host's contract, for example `invalid-input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error with a kind for the caller to act on, a code for programs and a message for users.
///
/// ```
/// use leno_sdk::Error;
/// use std::time::Duration;
///
/// let error = Error::rate_limited("quota", "the daily quota of 100 rows is used up")
///     .with_retry_after(Duration::from_secs(60));
/// assert_eq!(error.to_string(), "the daily quota of 100 rows is used up");
/// assert_eq!(error.code(), "quota");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: String,
    retry_after: Option<Duration>,
    /// JSON text.
    details: Option<String>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
                Self::new(ErrorKind::$kind, code, message)
            }
        )*
    };
}

impl Error {
    /// An error of the given kind. `code` is stable, in lower case with dashes; `message` is for users and may change.
    /// Neither may contain a secret.
    pub fn new(kind: ErrorKind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), retry_after: None, details: None }
    }

    constructors! {
        /// The input of the step is wrong.
        invalid_input => InvalidInput;
        /// The service rejected the connection.
        unauthorized => Unauthorized;
        /// The requested item does not exist.
        not_found => NotFound;
        /// The service limits the rate.
        rate_limited => RateLimited;
        /// The service failed or could not be reached.
        unavailable => Unavailable;
        /// The operation is forbidden.
        denied => Denied;
        /// The time ran out.
        timeout => Timeout;
        /// A bug of the piece.
        internal => Internal;
    }

    /// Sets how long the caller should wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Sets details for programs. A value that cannot be serialized is left out.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_string(&details).ok();
        self
    }

    pub(crate) fn with_details_text(mut self, text: String) -> Self {
        self.details = Some(text);
        self
    }

    /// The kind, which says what the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of this error.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message for users.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long to wait before a retry, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The details for programs, if any.
    pub fn details(&self) -> Option<Value> {
        self.details.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }

    #[cfg(target_family = "wasm")]
    pub(crate) fn details_text(&self) -> Option<&str> {
        self.details.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// A value that the piece cannot serialize or deserialize: `internal` with the code `json`.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal("json", format!("the piece cannot read or write a JSON value: {error}"))
    }
}
