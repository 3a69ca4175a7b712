//! Requests and responses.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use secrecy::SecretString;

use crate::hold::Hold;
use crate::meter::Meter;
use crate::pattern::HostPattern;

/// One request, as a piece states it.
#[derive(Clone)]
pub struct Request {
    /// A method token; `CONNECT`, `TRACE` and `TRACK` are refused.
    pub method: String,
    /// An absolute http or https URL.
    pub url: String,
    /// Names and values in order. Those that frame the message or belong to the connection are refused.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends none.
    pub body: Option<Bytes>,
    /// What the host adds of the connection.
    pub credentials: Option<Arc<Credentials>>,
    /// How many redirects to follow, within [`Caps::redirects`]. With 0 a redirect is the response.
    pub redirects: u8,
    /// How long everything may take, within [`Caps::timeout`].
    pub timeout: Duration,
    /// Where the traffic of this request is counted, also when the request fails or is dropped; its payer and its limits
    /// are the request's. Requests of one call share one.
    pub meter: Arc<Meter>,
}

impl Request {
    /// A request without headers, body and credentials; it follows no redirects and has the time limit of the caps.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            credentials: None,
            redirects: 0,
            timeout: Duration::MAX,
            meter: Arc::default(),
        }
    }
}

/// What came back.
#[derive(Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The URL of the response, after redirects; without credentials that the host put into the query.
    pub url: String,
    /// Names in lower case and values in order; a value that is not UTF-8 is read as ISO-8859-1 (RFC 9110, section 5.5).
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Bytes,
    /// What the body holds of the host's memory. Keep it for as long as the bytes of the body.
    pub hold: Hold,
}

impl Response {
    /// The first value of the header `name`, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How long the server wants the client to wait: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
    /// `None` without the header, for a malformed one, and for a date before `now`.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        SystemTime::from(date).duration_since(now).ok()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = format_args!("{} bytes", self.body.len()).to_string();
        f.debug_struct("Response").field("status", &self.status).field("body", &body).finish_non_exhaustive()
    }
}

/// A connection's secrets and where they may go.
///
/// A request that carries credentials is refused unless its host is one of `hosts`, over https or to a privately granted
/// destination. A redirect to another origin leaves them behind.
pub struct Credentials {
    /// The hosts that they may be sent to.
    pub hosts: Vec<HostPattern>,
    /// Headers to add, each in place of a header of that name in the request.
    pub headers: Vec<(String, SecretString)>,
    /// Query parameters to add, each in place of a parameter of that name in the URL.
    pub query: Vec<(String, SecretString)>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The most that one request may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// From the first check to the last byte, over all redirects. Default 30 seconds.
    pub timeout: Duration,
    /// Bytes of the request body. Default 10 MiB.
    pub request_bytes: usize,
    /// Bytes of the response body after decompression. Default 10 MiB.
    pub response_bytes: usize,
    /// Headers of a request or a response. Default 100, which is also the most that HTTP/1.1 responses can have.
    pub header_count: usize,
    /// Bytes in the names and values of those headers. Default 64 KiB.
    pub header_bytes: usize,
    /// Redirects that a request may ask to follow. Default 10.
    pub redirects: u8,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            request_bytes: 10 << 20,
            response_bytes: 10 << 20,
            header_count: 100,
            header_bytes: 64 << 10,
            redirects: 10,
        }
    }
}
