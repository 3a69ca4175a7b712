//! Building expected requests and their responses, and matching the requests of the piece.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::expected::{Expectation, Expected, SentRequest};
use super::state::with;
use crate::sys::{Incoming, Outgoing};
use crate::{Error, Result};

impl Expectation {
    pub(super) fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            authorized: None,
            json: None,
            body: None,
        }
    }

    /// Requires this query parameter. Without any, the query is ignored, unless the expected URL has one.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Requires `.authorize()`.
    pub fn authorized(mut self) -> Self {
        self.authorized = Some(true);
        self
    }

    /// Requires that `.authorize()` is absent.
    pub fn not_authorized(mut self) -> Self {
        self.authorized = Some(false);
        self
    }

    /// Requires a body that equals this JSON.
    pub fn with_json(mut self, body: Value) -> Self {
        self.json = Some(body);
        self
    }

    /// Requires exactly this body.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Responds with this status; [`Reply`] adds headers and a body.
    pub fn reply(self, status: u16) -> Reply {
        let url = self.url.clone();
        let incoming = Incoming { status, url, headers: Vec::new(), body: Vec::new() };
        Reply { number: self.register(Ok(incoming)) }
    }

    /// Fails the request with this error, as the host does when it refuses a request or cannot reach the service.
    pub fn fail(self, error: Error) {
        self.register(Err(error));
    }

    fn register(self, response: Result<Incoming>) -> u64 {
        with(|state| {
            let number = state.expectations.last().map_or(0, |last| last.number + 1);
            state.expectations.push(Expected { request: self, response, number });
            number
        })
    }

    fn fits(&self, sent: &SentRequest) -> bool {
        let (path, query) = sent.url.split_once('?').unwrap_or((&sent.url, ""));
        let query: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        let url_fits = self.url == sent.url || self.url == path;
        self.method == sent.method
            && url_fits
            && self.query.iter().all(|pair| query.contains(pair))
            && self.headers.iter().all(|(name, value)| {
                sent.headers.iter().any(|(header, sent)| header.eq_ignore_ascii_case(name) && sent == value)
            })
            && self.authorized.is_none_or(|authorized| authorized == sent.authorized)
            && self.json.as_ref().is_none_or(|json| *json == sent.json())
            && self.body.as_ref().is_none_or(|body| *body == sent.body)
    }
}

/// A response under construction.
#[derive(Debug)]
pub struct Reply {
    number: u64,
}

impl Reply {
    /// With this header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|incoming| incoming.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Sets a JSON body, and its content type.
    pub fn json(self, body: impl Serialize) -> Self {
        let body = serde_json::to_vec(&body).unwrap_or_default();
        self.header("content-type", "application/json").bytes(body)
    }

    /// Sets a text body, and its content type.
    pub fn text(self, body: &str) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").bytes(body)
    }

    /// Sets the body.
    pub fn bytes(self, body: impl Into<Vec<u8>>) -> Self {
        self.change(|incoming| incoming.body = body.into())
    }

    /// Sets the URL of the response, as after redirects.
    pub fn from_url(self, url: &str) -> Self {
        self.change(|incoming| url.clone_into(&mut incoming.url))
    }

    fn change(self, change: impl FnOnce(&mut Incoming)) -> Self {
        with(|state| {
            let mut expected = state.expectations.iter_mut();
            if let Some(Expected { response: Ok(incoming), .. }) = expected.find(|one| one.number == self.number) {
                change(incoming);
            }
        });
        self
    }
}

/// Responds to a request of the piece. Uses up the expectation that it matches.
pub(super) fn respond(outgoing: Outgoing) -> Result<Incoming> {
    let Outgoing { method, url, headers, body, authorize, timeout_ms, redirects } = outgoing;
    let body = body.unwrap_or_default();
    let sent = SentRequest { method, url, headers, body, authorized: authorize, timeout_ms, redirects };
    let found = with(|state| {
        state.sent.push(sent.clone());
        let place = state.expectations.iter().position(|expected| expected.request.fits(&sent))?;
        Some(state.expectations.remove(place).response)
    });
    found.unwrap_or_else(|| {
        let expected = with(|state| list(&state.expectations));
        panic!(
            "the piece sent an unexpected request:\n  {} {}{}\n  headers {:?}\n  body {}\nexpected and not yet sent:{}",
            sent.method,
            sent.url,
            if sent.authorized { " (authorized)" } else { "" },
            sent.headers,
            sent.text(),
            if expected.is_empty() { "\n  nothing" } else { &expected },
        )
    })
}

/// The expected requests, one per line.
pub(super) fn list(expected: &[Expected]) -> String {
    let mut text = String::new();
    for Expected { request, .. } in expected {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {} {}", request.method, request.url);
        for (name, value) in &request.query {
            let _ = write!(text, " ?{name}={value}");
        }
        for (name, value) in &request.headers {
            let _ = write!(text, " [{name}: {value}]");
        }
        match request.authorized {
            Some(true) => text.push_str(" (authorized)"),
            Some(false) => text.push_str(" (not authorized)"),
            None => {}
        }
        if let Some(json) = &request.json {
            let _ = write!(text, " {json}");
        }
        if let Some(body) = &request.body {
            let _ = write!(text, " {:?}", String::from_utf8_lossy(body));
        }
    }
    text
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex = |bytes: &mut std::str::Bytes<'_>| {
            let digits = [bytes.next()?, bytes.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        };
        match byte {
            b'%' => decoded.extend(hex(&mut bytes)),
            b'+' => decoded.push(b' '),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
