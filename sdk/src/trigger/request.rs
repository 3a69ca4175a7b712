//! Requests to a webhook, and the response to a handshake.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// A request to a trigger's webhook.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookRequest {
    /// The method, in upper case.
    pub method: String,
    /// The headers; names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The query parameters.
    pub query_params: BTreeMap<String, String>,
    /// The body: parsed if it is JSON or a form, else its text.
    pub body: Value,
    raw_body: Option<String>,
    raw_body_base64: Option<String>,
}

impl WebhookRequest {
    /// A POST request with a JSON body, for tests.
    pub fn json(body: Value) -> Self {
        let raw_body = Some(body.to_string());
        Self { method: "POST".into(), body, raw_body, ..Self::default() }
    }

    /// The value of a header; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_params.get(name).map(String::as_str)
    }

    /// The bytes of the body as received, for checking a signature; none if the host did not pass them.
    pub fn raw_body(&self) -> Option<Vec<u8>> {
        match &self.raw_body_base64 {
            Some(encoded) => STANDARD.decode(encoded).ok(),
            None => self.raw_body.clone().map(String::into_bytes),
        }
    }

    /// The body as a `T`.
    ///
    /// # Errors
    /// `invalid-input` with the code `webhook-body`.
    pub fn body_as<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.body.clone())
            .map_err(|error| Error::invalid_input("webhook-body", format!("the body of the webhook request: {error}")))
    }
}

/// The response to a handshake.
///
/// ```
/// use leno_sdk::trigger::HandshakeResponse;
///
/// let response = HandshakeResponse::ok().body("challenge").header("content-type", "text/plain");
/// # let _ = response;
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct HandshakeResponse {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

impl Default for HandshakeResponse {
    fn default() -> Self {
        Self::ok()
    }
}

impl HandshakeResponse {
    /// Status 200 without a body.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// Any status, without a body.
    pub fn status(status: u16) -> Self {
        Self { status, body: None, headers: BTreeMap::new() }
    }

    /// Sets the body: text is sent as it is, anything else as JSON.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}
