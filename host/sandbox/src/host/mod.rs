//! The host side of each `leno:piece` interface, one file each.

mod connection;
mod context;
mod http;
mod log;
mod secrets;
mod store;
mod trigger_setup;

use leno_base::budget::{Budget, Exhausted, Spec};
use leno_metadata::{Details, ErrorKind, PieceError};
use serde_json::{Value, json};

use crate::{bindings::types, mask::Mask, value};

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
    error.details = Some(json!({"budget": refused.spec.name(), "per": per.as_str(), "limit": refused.limit}).into());
    error
}

impl From<PieceError> for types::Error {
    fn from(error: PieceError) -> Self {
        Self {
            kind: error.kind.into(),
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            details: error.details.map(|details| details.as_str().to_owned()),
        }
    }
}

/// Longest error message taken from a guest, in bytes.
const MESSAGE: usize = 16 << 10;
/// Longest error code, in bytes: it becomes part of logs and problems.
const CODE: usize = 64;
/// Longest time to wait that a guest may name, in milliseconds: a day.
const LATEST: u64 = 86_400_000;

/// An error of a guest, bounded and masked. What is too much of `details` is not parsed: its size takes its place.
pub(crate) fn reported(error: types::Error, mask: &Mask, details: &Budget) -> PieceError {
    PieceError {
        kind: error.kind.into(),
        code: mask.line(&error.code, CODE),
        message: mask.line(&error.message, MESSAGE),
        retry_after_ms: error.retry_after_ms.map(|wait| wait.min(LATEST)),
        details: error.details.map(|text| match details.allows(text.len() as u64) {
            Ok(()) => detailed(&text, mask),
            Err(refused) => json!({"code": "details_too_large", "bytes": text.len(), "limit": refused.limit}).into(),
        }),
    }
}

fn detailed(text: &str, mask: &Mask) -> Details {
    let parsed = value::parse(text.to_owned()).ok().and_then(|json| mask.raw(json).ok());
    // Details that are no JSON are kept as text rather than lost.
    parsed.map_or_else(|| Value::from(mask.text(text)).into(), Details::from)
}
