//! The outermost layer: what holds for every request, whichever route it takes and however it ends.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use leno_base::Origin;

use super::{Rejection, rejection::Trouble};
use crate::metrics::{Metrics, Route};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id accepted from the caller, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// A response of the API is never a page, and never framed.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Whose address it is: of IPv6 the network of 64 bits that one customer gets.
    pub(crate) fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        }
    }
}

/// The network that a request came from; the unspecified address if it came from no socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.network())))
    }
}

/// Gives the request an id, catches panics, adds the headers that every response has, counts and logs. A panic becomes a
/// [`Rejection`], which the layer outside of this one renders.
pub(crate) async fn ring(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = Route::new(request.extensions().get::<MatchedPath>().cloned());

    let address = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    let origin = Origin { request: id.to_str().unwrap_or_default().into(), address };
    let responded = AssertUnwindSafe(origin.during(next.run(request))).catch_unwind().await;
    // The panic hook logs what and where; the response does not.
    let mut response = responded.unwrap_or_else(|_| Rejection::internal("a handler panicked").into_response());

    let (status, took) = (response.status(), begun.elapsed());
    if let Some(Trouble { cause, run_id }) = response.extensions().get() {
        let run = run_id.as_deref();
        tracing::error!(request = ?id, run, %method, route = route.as_str(), status = status.as_u16(), %cause, "the host failed");
    }
    tracing::debug!(request = ?id, %method, route = route.as_str(), status = status.as_u16(), ?took, "responded");
    metrics.request(route, &method, status, took);
    dress(response.headers_mut(), id);
    response
}

/// The caller's id for the request, if it is short and plain, else one of our own.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        (1..=MAX_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(allowed)
    };
    headers.get(REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
        let mut text = [0; 32];
        // 16 bytes are 32 digits.
        let _ = hex::encode_to_slice(rand::random::<[u8; 16]>(), &mut text);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("none"))
    })
}

fn dress(headers: &mut HeaderMap, id: HeaderValue) {
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_callers_id_unless_that_could_hurt_a_log() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            request_id(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(id("01-ab_C.d:e"), "01-ab_C.d:e");
        let long = "x".repeat(MAX_REQUEST_ID + 1);
        for bad in ["", "a b", "a\"b", "a,b", &long] {
            let made = id(bad);
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad}: {made}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
