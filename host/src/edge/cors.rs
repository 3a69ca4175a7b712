//! Browsers on another origin (Fetch, section 3.2): the operator names the origins whose pages may use the API.
//!
//! Without a name no page but this host's own reads a response. `*` is not offered: the start of a sign-in sets a cookie, for
//! which the request has to be sent with credentials. Pages of this host, and what a browser is sent to, are outside (RFC 9700,
//! section 2.6).

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _};
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

/// The origins whose pages may use the routes within. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cors {
    origins: Arc<[HeaderValue]>,
    layer: CorsLayer,
}

impl Cors {
    /// For pages of `origins`.
    pub(crate) fn new(origins: &[String]) -> Self {
        let origins: Arc<[_]> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(SENT)
            .expose_headers(READ)
            .allow_credentials(true)
            .max_age(KEPT);
        Self { origins, layer }
    }

    fn allows(&self, request: &Request) -> bool {
        let origin = request.headers().get(header::ORIGIN);
        origin.is_some_and(|origin| self.origins.contains(origin)) && !is_navigation(request)
    }
}

/// Lets pages of the allowed origins use the routes within. What others send is as without it.
pub(crate) async fn cors(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    if cors.allows(&request) {
        let Ok(response) = cors.layer.layer(next).oneshot(request).await;
        return response;
    }
    let mut response = next.run(request).await;
    // Else a cache could give one origin what another may have.
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// `GET /authorize` and the callbacks of providers are where a browser goes, and never what a script reads. Gauzy's page decides
/// by `POST` to the same path.
fn is_navigation(request: &Request) -> bool {
    let asked = match *request.method() {
        Method::OPTIONS => request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes),
        ref method => Some(method.as_str().as_bytes()),
    };
    let path = request.uri().path();
    asked == Some(b"GET") && (path.ends_with("/authorize") || path.contains("/oauth2/callback"))
}
