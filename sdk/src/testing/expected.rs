//! Expected requests, and the requests that the piece sent.

use serde_json::Value;

use crate::Result;
use crate::sys::Incoming;

/// A request that the piece has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The method.
    pub method: String,
    /// The URL with its query, as the piece wrote it.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: Vec<u8>,
    /// Whether the piece called `.authorize()`.
    pub authorized: bool,
    /// The time limit in milliseconds.
    pub timeout_ms: Option<u32>,
    /// How many redirects may be followed.
    pub redirects: u8,
}

impl SentRequest {
    /// The value of the first header of this name; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A description of an expected request. [`Expectation::reply`] or [`Expectation::fail`] registers it.
#[derive(Clone, Debug)]
#[must_use = "no request is expected until `.reply(…)` or `.fail(…)`"]
pub struct Expectation {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) authorized: Option<bool>,
    pub(super) json: Option<Value>,
    pub(super) body: Option<Vec<u8>>,
}

/// An expected request with its response.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) request: Expectation,
    pub(super) response: Result<Incoming>,
    pub(super) number: u64,
}
