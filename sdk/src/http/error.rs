//! What can go wrong with a request.

use std::fmt;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// A request that did not bring what was wanted. `?` makes an [`Error`] of it; match on it to act on a status.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HttpError {
    /// There was no answer: the host refused the request, or the service could not be reached.
    Send(Error),
    /// The service answered with a status of 400 or more.
    Status {
        /// The status.
        status: u16,
        /// The address without its query, which may hold what should not be shown.
        url: String,
        /// The beginning of the answer's text.
        body: String,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is not what it should be.
    Decode {
        /// The address without its query.
        url: String,
        /// What is wrong and where.
        reason: String,
    },
}

impl HttpError {
    /// The status that the service answered with, when it is the reason.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::Status { status, url, body, .. } if body.is_empty() => write!(f, "{url} answered {status}"),
            Self::Status { status, url, body, .. } => write!(f, "{url} answered {status}: {body}"),
            Self::Decode { url, reason } => write!(f, "the answer of {url} cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Send(error) => Some(error),
            _ => None,
        }
    }
}

/// 401 and 403 are `unauthorized`, 404 and 410 `not-found`, 408 and 5xx `unavailable`, 429 `rate-limited` with the wait
/// of `Retry-After`, other 4xx `invalid-input`; codes are `http-401` and so on. An unreadable answer is `unavailable`
/// with the code `http-decode`.
impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        let message = error.to_string();
        match error {
            HttpError::Send(error) => error,
            HttpError::Decode { .. } => Self::unavailable("http-decode", message),
            HttpError::Status { status, retry_after, .. } => {
                let kind = match status {
                    401 | 403 => ErrorKind::Unauthorized,
                    404 | 410 => ErrorKind::NotFound,
                    429 => ErrorKind::RateLimited,
                    400..=499 if status != 408 => ErrorKind::InvalidInput,
                    _ => ErrorKind::Unavailable,
                };
                let error = Self::new(kind, format!("http-{status}"), message);
                match retry_after {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                }
            }
        }
    }
}
