//! A request at a trigger's webhook, as the host hands it to the piece.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// A request of the service to a trigger's webhook. `Into<Value>` is the JSON that the piece gets.
///
/// ```
/// use leno_test::Webhook;
/// use serde_json::json;
///
/// let request = Webhook::json(json!({"id": 7})).header("X-Signature", "abc").query("team", "blue");
/// # let _ = request;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Webhook {
    method: String,
    headers: Map<String, Value>,
    query: Map<String, Value>,
    body: Value,
    raw: Vec<u8>,
}

impl Webhook {
    /// A POST with a JSON body.
    pub fn json(body: Value) -> Self {
        let raw = body.to_string().into_bytes();
        Self { body, raw, ..Self::with("POST") }.header("content-type", "application/json")
    }

    /// A POST with a text body.
    pub fn text(body: &str) -> Self {
        let raw = body.as_bytes().to_vec();
        Self { body: body.into(), raw, ..Self::with("POST") }.header("content-type", "text/plain; charset=utf-8")
    }

    /// A request without a body.
    pub fn with(method: &str) -> Self {
        let method = method.to_ascii_uppercase();
        Self { method, headers: Map::new(), query: Map::new(), body: Value::Null, raw: Vec::new() }
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    /// With this query parameter.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.insert(name.to_owned(), value.into());
        self
    }

    /// With these bytes as the body that came, which signatures cover; the parsed body stays.
    pub fn raw_body(mut self, raw: impl Into<Vec<u8>>) -> Self {
        self.raw = raw.into();
        self
    }
}

impl From<Webhook> for Value {
    fn from(request: Webhook) -> Self {
        let Webhook { method, headers, query, body, raw } = request;
        let (member, raw) = match String::from_utf8(raw) {
            Ok(text) => ("rawBody", text),
            Err(error) => ("rawBodyBase64", STANDARD.encode(error.into_bytes())),
        };
        json!({"method": method, "headers": headers, "queryParams": query, "body": body, member: raw})
    }
}
