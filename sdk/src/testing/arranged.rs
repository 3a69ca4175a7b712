//! Requests that a test arranged, and those that the piece sent.

use serde_json::Value;

use crate::Result;
use crate::sys::Incoming;

/// A request that the piece has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The method.
    pub method: String,
    /// The address with its query, as the piece wrote it.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: Vec<u8>,
    /// Whether the host was asked to add the connection's credentials.
    pub authorized: bool,
    /// The time limit in milliseconds.
    pub timeout_ms: Option<u32>,
    /// The most redirects to follow.
    pub redirects: u8,
}

impl SentRequest {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request to come, not yet arranged: [`Expectation::reply`] or [`Expectation::fail`] does.
#[derive(Clone, Debug)]
#[must_use = "nothing is arranged until `.reply(…)` or `.fail(…)`"]
pub struct Expectation {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) authorized: Option<bool>,
    pub(super) json: Option<Value>,
    pub(super) body: Option<Vec<u8>>,
}

/// An arranged request with its answer.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) request: Expectation,
    pub(super) answer: Result<Incoming>,
    pub(super) number: u64,
}
