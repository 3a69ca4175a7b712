//! Errors, in messages for the author of a piece.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use hyper_util::client::legacy;
use leno_base::budget::Exhausted;

use crate::connector::Slow;
use crate::denied::Denied;
use crate::meter::Spent;
use crate::policy::Question;
use crate::resolver::LookupError;

/// Why there is no response.
///
/// No message contains a URL, a header or a body: hosts, ports and limits only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The policy refuses the URL.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The policy refuses the target of a redirect.
    #[error("`{from}` redirected this request to a refused destination: {denied}")]
    RedirectDenied {
        /// The host that redirected.
        from: String,
        /// Why its target is refused.
        denied: Denied,
    },
    /// The request cannot be sent as it stands.
    #[error("{problem}")]
    Invalid {
        /// The problem.
        problem: String,
    },
    /// The time is up.
    #[error("`{host}` took longer than {limit:?}")]
    Timeout {
        /// The host of the request.
        host: String,
        /// The time that it had, for the connection or for the whole.
        limit: Duration,
    },
    /// The response exceeds a cap.
    #[error("the response from `{host}` has more than {limit}")]
    TooLarge {
        /// The host of the request.
        host: String,
        /// The cap: `10485760 bytes`, `100 headers`, `65536 bytes of headers`.
        limit: String,
    },
    /// More redirects than allowed.
    #[error("`{host}` redirected the request again after {limit} redirects, the limit")]
    TooManyRedirects {
        /// The host that responded last.
        host: String,
        /// How many were followed.
        limit: u8,
    },
    /// The name has no addresses.
    #[error("the name `{host}` cannot be resolved: {problem}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        problem: String,
    },
    /// No secure connection, most often because of an untrusted certificate.
    #[error("the TLS connection to `{host}` failed: {problem}")]
    Tls {
        /// The host of the request.
        host: String,
        /// What the TLS library said.
        problem: String,
    },
    /// No connection, or one that broke.
    #[error("`{host}` is not available: {problem}")]
    Unavailable {
        /// The host of the request.
        host: String,
        /// What the system said.
        problem: String,
    },
    /// The limits of the call that the request belongs to are used up.
    #[error("{0}")]
    Spent(Spent),
    /// A budget of the host has no room.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// A response that is not HTTP, or not what it claims to be.
    #[error("the response from `{host}` cannot be read: {problem}")]
    BadResponse {
        /// The host of the request.
        host: String,
        /// The problem.
        problem: String,
    },
}

impl From<Spent> for Error {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}

impl Error {
    /// A name for programs; these never change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::RedirectDenied { .. } => "egress-denied",
            Self::Invalid { .. } => "invalid-request",
            Self::Timeout { .. } => "timeout",
            Self::TooLarge { .. } => "response-too-large",
            Self::TooManyRedirects { .. } => "too-many-redirects",
            Self::Dns { .. } => "dns-failed",
            Self::Tls { .. } => "tls-failed",
            Self::Unavailable { .. } => "unavailable",
            Self::Spent(_) => "http-limit",
            Self::Exhausted(_) => "budget-exhausted",
            Self::BadResponse { .. } => "bad-response",
        }
    }

    /// The policy's refusal, if that is what it is: something to audit.
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Denied(denied) | Self::RedirectDenied { denied, .. } => Some(denied),
            _ => None,
        }
    }

    /// The message with the address that a name resolves to: for the operator's log, not for callers.
    #[must_use]
    pub fn for_operator(&self) -> String {
        match self {
            Self::Denied(denied) => denied.for_operator(),
            Self::RedirectDenied { from, denied } => {
                let denied = denied.for_operator();
                format!("`{from}` redirected this request to a refused destination: {denied}")
            }
            other => other.to_string(),
        }
    }

    pub(crate) fn invalid(problem: impl Into<String>) -> Self {
        Self::Invalid { problem: problem.into() }
    }
}

/// Turns an error of the HTTP library before a response into one about the URL of `question`.
pub(crate) fn unanswered(error: &legacy::Error, question: &Question, connect_timeout: Duration) -> Error {
    let host = question.host().to_owned();
    match find::<LookupError>(error) {
        Some(LookupError::Refused(refused)) => return question.denied(*refused).into(),
        Some(LookupError::Exhausted(refused)) => return refused.clone().into(),
        Some(failed) => return Error::Dns { host, problem: failed.to_string() },
        None => {}
    }
    if find::<Slow>(error).is_some() {
        return Error::Timeout { host, limit: connect_timeout };
    }
    if error.is_connect() {
        if let Some(refused) = find::<Exhausted>(error) {
            return refused.clone().into();
        }
        // The TLS library reports a fault of its peer as invalid data.
        let tls = causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == io::ErrorKind::InvalidData);
        let problem = root_cause(error);
        return if tls { Error::Tls { host, problem } } else { Error::Unavailable { host, problem } };
    }
    broken(error, question)
}

/// Turns an error of an exchange, also amid a body, into one about the URL of `question`.
pub(crate) fn broken(error: &(dyn StdError + 'static), question: &Question) -> Error {
    let host = question.host().to_owned();
    if let Some(refused) = find::<Exhausted>(error) {
        let (limit, env) = (refused.limit, refused.spec.env);
        return Error::TooLarge { host, limit: format!("{limit} bytes besides its body ({env})") };
    }
    let problem = root_cause(error);
    match find::<hyper::Error>(error) {
        Some(error) if error.is_parse_too_large() => {
            Error::TooLarge { host, limit: "100 headers or 400 KiB of headers".to_owned() }
        }
        Some(error) if error.is_parse() => Error::BadResponse { host, problem },
        Some(_) => Error::Unavailable { host, problem },
        None if find::<legacy::Error>(error).is_some() => Error::Unavailable { host, problem },
        // What the decoder says of the encoding.
        None => Error::BadResponse { host, problem },
    }
}

/// The first error of type `E` among the causes of `error`, also inside an [`io::Error`], which hides what it holds.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

/// The innermost cause, which says most; the outer ones may carry the URL.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
