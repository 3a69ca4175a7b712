//! The response to an expected request.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::Serialize;

/// A response of the service as it arrives: with headers, and with an uncompressed body.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "hand it to `respond`"]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// A response with this status, without headers and body: `reply(204)`, `reply(302).header("location", "/elsewhere")`.
pub fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Bytes::new() }
}

/// A response with a JSON body.
///
/// # Panics
/// When `body` cannot be written as JSON.
#[track_caller]
pub fn json(status: u16, body: impl Serialize) -> Reply {
    let body = serde_json::to_vec(&body).unwrap_or_else(|error| panic!("the body cannot be written as JSON: {error}"));
    reply(status).header("content-type", "application/json").body(body)
}

/// A response with a text body.
pub fn text(status: u16, body: &str) -> Reply {
    reply(status).header("content-type", "text/plain; charset=utf-8").body(body.to_owned())
}

impl Reply {
    /// With this header, besides those it has.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service takes too long. No time passes in the test.
    Timeout,
    /// The service cannot be connected to, or hangs up.
    Unavailable,
    /// Its name cannot be resolved.
    Dns,
    /// It has no certificate to trust.
    Tls,
}

impl Fault {
    pub(super) fn error(self, host: &str, limit: Duration) -> leno_egress::Error {
        use leno_egress::Error;
        let (host, problem) = (host.to_owned(), |text: &str| text.to_owned());
        match self {
            Self::Timeout => Error::Timeout { host, limit },
            Self::Unavailable => Error::Unavailable { host, problem: problem("connection refused") },
            Self::Dns => Error::Dns { host, problem: problem("no such host") },
            Self::Tls => Error::Tls { host, problem: problem("invalid peer certificate: UnknownIssuer") },
        }
    }
}
