//! The errors of HTTP requests.

use std::fmt;
use std::time::Duration;

use crate::document::Document;
use crate::{Error, ErrorKind};

/// The error of an HTTP request. `?` converts it into an [`Error`]; match on it to act on a status.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HttpError {
    /// No response: the host refused the request, or the service could not be reached.
    Send(Error),
    /// The service responded with a status of 400 or more.
    Status {
        /// The status.
        status: u16,
        /// The URL without its query, which may contain secrets.
        url: String,
        /// The beginning of the response body, as text.
        body: String,
        /// The response body as JSON text: itself, if it is JSON, else a string. At most 63 KiB, so a longer body is a
        /// string with its beginning.
        content: String,
        /// The wait that the service asks for.
        retry_after: Option<Duration>,
    },
    /// The response body cannot be read.
    Decode {
        /// The URL without its query.
        url: String,
        /// What is wrong, with the path of the value.
        reason: String,
    },
}

impl HttpError {
    /// The status of the response, if it is the reason.
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
            Self::Status { status, url, body, .. } if body.is_empty() => {
                write!(f, "{url} responded with status {status}")
            }
            Self::Status { status, url, body, .. } => write!(f, "{url} responded with status {status}: {body}"),
            Self::Decode { url, reason } => write!(f, "the response of {url} cannot be read: {reason}"),
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
/// of `Retry-After`, other 4xx `invalid-input`; codes are `http-401` and so on, details `{"status", "body"}`. An unreadable
/// response is `unavailable` with the code `http-decode`.
impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        let message = error.to_string();
        match error {
            HttpError::Send(error) => error,
            HttpError::Decode { .. } => Self::unavailable("http-decode", message),
            HttpError::Status { status, retry_after, content, .. } => {
                let kind = match status {
                    401 | 403 => ErrorKind::Unauthorized,
                    404 | 410 => ErrorKind::NotFound,
                    429 => ErrorKind::RateLimited,
                    400..=499 if status != 408 => ErrorKind::InvalidInput,
                    _ => ErrorKind::Unavailable,
                };
                let mut details = Document::default();
                details.set("status", &status);
                details.set_text("body".into(), content);
                let error = Self::new(kind, format!("http-{status}"), message).with_details_text(details.to_text());
                match retry_after {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                }
            }
        }
    }
}
