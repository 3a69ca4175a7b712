//! Browsers on another origin (Fetch, section 3.2): the operator names the origins whose pages may use the API.
//!
//! Without a name no page but this host's own reads a response. `*` is not offered: the start of a sign-in sets a cookie, for
//! which the request has to be sent with credentials. Pages of this host, and what a browser is sent to, are outside (RFC 9700,
//! section 2.6).

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{RUN_ID, ring::REQUEST_ID};

/// How long a browser keeps what a preflight said; Chromium keeps it no longer.
const KEPT: Duration = Duration::from_secs(7_200);

/// What a page of another origin may send.
const SENT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("cache-control"),
    REQUEST_ID,
];

/// What it may read, besides what every page may.
const READ: [HeaderName; 8] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    REQUEST_ID,
    RUN_ID,
];

/// Lets pages of `origins` use the routes within.
pub(crate) fn allow(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    let allowed = move |origin: &HeaderValue, parts: &Parts| origins.contains(origin) && !is_navigation(parts);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(SENT)
        .expose_headers(READ)
        .allow_credentials(true)
        .max_age(KEPT)
}

/// `GET /authorize` and the callbacks of providers are where a browser goes, and never what a script reads. Gauzy's page decides
/// by `POST` to the same path.
fn is_navigation(parts: &Parts) -> bool {
    let asked = match parts.method {
        Method::OPTIONS => parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes),
        _ => Some(parts.method.as_str().as_bytes()),
    };
    let path = parts.uri.path();
    asked == Some(b"GET") && (path.ends_with("/authorize") || path.contains("/oauth2/callback"))
}
