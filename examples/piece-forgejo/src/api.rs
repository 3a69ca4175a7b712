//! The REST API, version 1, of the connection's server.

use leno_sdk::http::{HttpError, Request, Response};
use leno_sdk::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The largest page that a server gives out by default (`MAX_RESPONSE_ITEMS`).
pub(crate) const PAGE: u32 = 50;

/// A GET request for a path below `/api/v1`, with the connection's token.
pub(crate) fn get(path: &str) -> Result<Request> {
    Ok(http::get(url(path)?).authorize())
}

/// A POST request with a JSON body.
pub(crate) fn post(path: &str, body: &Value) -> Result<Request> {
    Ok(http::post(url(path)?).json(body).authorize())
}

/// A DELETE request.
pub(crate) fn delete(path: &str) -> Result<Request> {
    Ok(http::delete(url(path)?).authorize())
}

/// The URL of a path below `/api/v1`.
pub(crate) fn url(path: &str) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Settings {
        base_url: String,
    }
    let Settings { base_url } = connection::settings()?;
    let base = base_url.trim().trim_end_matches('/');
    // The host takes an address without a scheme for one with https.
    let scheme = if base.contains("://") { "" } else { "https://" };
    Ok(format!("{scheme}{base}/api/v1{path}"))
}

/// Sends a request. An error has the server's own message, without the JSON around it.
pub(crate) fn send(request: Request) -> Result<Response> {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let response = request.send()?;
    let refusal: Option<Refusal> = response.json().ok();
    match (response.error_for_status(), refusal) {
        (Err(HttpError::Status { status, url, retry_after, content, .. }), Some(refusal)) => {
            Err(HttpError::Status { status, url, retry_after, content, body: refusal.message }.into())
        }
        (response, _) => Ok(response?),
    }
}

/// One page of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// How many items all pages have together, if the server says so.
    pub(crate) total: Option<u64>,
    pub(crate) is_last: bool,
}

/// Asks for page `number`, from 1.
pub(crate) fn page<T: DeserializeOwned>(request: Request, number: u32, limit: u32) -> Result<Page<T>> {
    let response = send(request.query("page", number).query("limit", limit))?;
    // The server may give out smaller pages than asked for: only `Link` (RFC 8288) says whether one follows.
    let is_last = !response.header("link").is_some_and(|link| link.contains("rel=\"next\""));
    let total = response.header("x-total-count").and_then(|count| count.parse().ok());
    Ok(Page { items: response.json()?, total, is_last })
}
