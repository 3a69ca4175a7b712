//! What a piece answers when it cannot do what it was asked.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// The answer of everything in a piece that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller may do about a failure: the closed list of the host's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The values given to the step are wrong; trying again with the same values is useless.
    InvalidInput,
    /// The connection was refused by the service: it has to be renewed.
    Unauthorized,
    /// What was asked for does not exist.
    NotFound,
    /// The service asks to wait; see [`Error::retry_after`].
    RateLimited,
    /// The service did not answer as it should; trying again may help.
    Unavailable,
    /// Policy of the host or of the service forbids it.
    Denied,
    /// There was not enough time.
    Timeout,
    /// A fault of the piece itself.
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

/// A failure with a kind to act on, a code for machines and a message for people.
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
    /// A failure of the given kind. `code` is stable and lower-case with dashes; `message` is for people and may
    /// change. Neither may hold a secret.
    pub fn new(kind: ErrorKind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), retry_after: None, details: None }
    }

    constructors! {
        /// The values given to the step are wrong.
        invalid_input => InvalidInput;
        /// The connection was refused.
        unauthorized => Unauthorized;
        /// What was asked for does not exist.
        not_found => NotFound;
        /// The service asks to wait.
        rate_limited => RateLimited;
        /// The service did not answer as it should.
        unavailable => Unavailable;
        /// It is forbidden.
        denied => Denied;
        /// There was not enough time.
        timeout => Timeout;
        /// A fault of the piece itself.
        internal => Internal;
    }

    /// Adds how long the caller should wait before it tries again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds facts for machines. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_string(&details).ok();
        self
    }

    pub(crate) fn with_details_text(mut self, text: String) -> Self {
        self.details = Some(text);
        self
    }

    /// What the caller may do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable name of this failure.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long to wait before trying again, if it is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Facts for machines, if there are any.
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

/// A value of the piece's own that JSON cannot carry, or that it cannot read back.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal("json", format!("the piece cannot read or write a JSON value: {error}"))
    }
}
