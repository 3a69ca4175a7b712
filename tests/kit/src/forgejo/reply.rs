//! A response.

use serde_json::Value;

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers besides content type and length.
    pub headers: Vec<(&'static str, String)>,
    /// The body; none is written for null.
    pub body: Value,
}

impl Reply {
    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head =
            format!("HTTP/1.1 {} Status\r\n{headers}content-type: application/json;charset=utf-8\r\n", self.status);
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}
