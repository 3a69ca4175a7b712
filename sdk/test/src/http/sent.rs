//! A request as it goes over the wire.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use crate::mask::Mask;

/// A request of the piece as the service would get it: with the connection's credentials, each redirect on its own,
/// without what the HTTP library adds (`host`, `user-agent`, `accept-encoding` and the like).
///
/// `Debug` leaves secrets out; the fields have them.
#[derive(Clone)]
#[non_exhaustive]
pub struct SentRequest {
    /// The method, in upper case.
    pub method: String,
    /// The address with its query, injected parameters included.
    pub url: Url,
    /// The headers, names in lower case, injected ones included.
    pub headers: Vec<(String, String)>,
    /// The body; empty when absent.
    pub body: Bytes,
    /// Whether the host added credentials of the connection.
    pub authorized: bool,
    pub(crate) mask: Arc<Mask>,
}

impl SentRequest {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of this name, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(parameter, _)| parameter == name).map(|(_, value)| value.into_owned())
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

/// The longest body that messages show, in characters.
const SHOWN: usize = 400;

/// `GET https://api.example.com/v1?a=b`, then the headers and the body, each on a line of its own.
impl fmt::Display for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.mask.text(self.url.as_str()))?;
        for (name, value) in &self.headers {
            write!(f, "\n    {name}: {}", self.mask.text(value))?;
        }
        if self.body.is_empty() {
            return Ok(());
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) => write!(f, "\n    {}", shortened(&self.mask.text(text))),
            Err(_) => write!(f, "\n    {} bytes", self.body.len()),
        }
    }
}

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
