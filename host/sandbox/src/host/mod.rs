//! The host side of each `leno:piece` interface, one file each.

mod connection;
mod context;
mod http;
mod log;
mod secrets;
mod store;
mod trigger_setup;

use leno_base::budget::{Exhausted, Spec};
use leno_metadata::{ErrorKind, PieceError};
use serde_json::json;

use crate::{bindings::types, value};

impl types::Host for crate::state::CallState {}

impl From<ErrorKind> for types::ErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput => Self::InvalidInput,
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<types::ErrorKind> for ErrorKind {
    fn from(kind: types::ErrorKind) -> Self {
        match kind {
            types::ErrorKind::InvalidInput => Self::InvalidInput,
            types::ErrorKind::Unauthorized => Self::Unauthorized,
            types::ErrorKind::NotFound => Self::NotFound,
            types::ErrorKind::RateLimited => Self::RateLimited,
            types::ErrorKind::Unavailable => Self::Unavailable,
            types::ErrorKind::Denied => Self::Denied,
            types::ErrorKind::Timeout => Self::Timeout,
            types::ErrorKind::Internal => Self::Internal,
        }
    }
}

/// The refusal of a budget as a guest gets it: it may wait, or do with less.
pub(crate) fn exhausted(refused: &Exhausted) -> PieceError {
    let kind = if refused.retry_after.is_some() { ErrorKind::RateLimited } else { ErrorKind::InvalidInput };
    let mut error = PieceError::new(kind, "budget-exhausted", refused.to_string());
    error.retry_after_ms = refused.retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    let Spec { per, .. } = refused.spec;
    error.details = Some(json!({"budget": refused.spec.name(), "per": per.as_str(), "limit": refused.limit}));
    error
}

impl From<PieceError> for types::Error {
    fn from(error: PieceError) -> Self {
        Self {
            kind: error.kind.into(),
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            details: error.details.map(|details| details.to_string()),
        }
    }
}

/// Longest error message taken from a guest, in bytes.
const MESSAGE: usize = 16 << 10;
/// Longest error code, in bytes: it becomes part of logs and problems.
const CODE: usize = 64;

impl From<types::Error> for PieceError {
    fn from(error: types::Error) -> Self {
        Self {
            kind: error.kind.into(),
            code: value::printable(value::cut(&error.code, CODE), error.code.len() > CODE),
            message: value::printable(value::cut(&error.message, MESSAGE), error.message.len() > MESSAGE),
            retry_after_ms: error.retry_after_ms,
            // Details that are no JSON are kept as text rather than lost.
            details: error.details.map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))),
        }
    }
}
