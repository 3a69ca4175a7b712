//! The errors of pieces and of the host functions that they call: the WIT's `error`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// What the caller may do about a piece's failure: the WIT's `error-kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The caller sent something that cannot work; repeating it is useless.
    InvalidInput,
    /// The service refused the credentials.
    Unauthorized,
    /// The requested thing does not exist.
    NotFound,
    /// Too many requests; repeat later.
    RateLimited,
    /// The service is unavailable; repeat later.
    Unavailable,
    /// A policy of this host forbids it.
    Denied,
    /// The call took too long.
    Timeout,
    /// A fault of the piece.
    Internal,
}

impl ErrorKind {
    /// The kind as the WIT spells it.
    #[must_use]
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

/// A failure that the piece itself reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PieceError {
    /// What the caller may do about it.
    pub kind: ErrorKind,
    /// Stable and machine-readable, chosen by the piece or the host function that failed.
    pub code: String,
    /// A message for users. Secrets of the call are masked, control characters escaped.
    pub message: String,
    /// When to try again, if the service said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Further information from the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// JSON text that goes with an error. It is kept as text, as it only passes through.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Details(Box<RawValue>);

impl Details {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The parsed value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // The text was checked when it came.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl From<Box<RawValue>> for Details {
    fn from(text: Box<RawValue>) -> Self {
        Self(text)
    }
}

impl From<Value> for Details {
    fn from(value: Value) -> Self {
        // Values always serialize.
        Self(serde_json::value::to_raw_value(&value).unwrap_or_default())
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PieceError {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), retry_after_ms: None, details: None }
    }

    /// A policy of this host forbids it.
    #[must_use]
    pub fn denied(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, code, message)
    }

    /// The guest made a request that cannot work.
    #[must_use]
    pub fn invalid(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, code, message)
    }
}
