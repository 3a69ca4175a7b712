//! What a piece may put into a request, and what the host adds to it.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::message::{Caps, Credentials};

/// A method that is a token and opens neither a tunnel nor an echo of the credentials.
///
/// The well-known methods may be written in lower case, as `fetch` lets them be.
pub(crate) fn method(text: &str) -> Result<Method, Error> {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if let Some(known) = KNOWN.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text)) {
        return Ok(known);
    }
    if ["CONNECT", "TRACE", "TRACK"].iter().any(|refused| refused.eq_ignore_ascii_case(text)) {
        return Err(Error::invalid(format!("the method {} is not allowed", text.to_ascii_uppercase())));
    }
    Method::from_bytes(text.as_bytes())
        .map_err(|_| Error::invalid(format!("`{}` is not a request method", text.escape_debug())))
}

/// The headers of a piece, each of which must be sound, an end-to-end header, and within the caps.
pub(crate) fn headers(list: &[(String, String)], caps: &Caps) -> Result<HeaderMap, Error> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() > caps.header_count || bytes > caps.header_bytes {
        return Err(Error::invalid(format!(
            "the request has {} headers with {bytes} bytes; the limits are {} and {}",
            list.len(),
            caps.header_count,
            caps.header_bytes
        )));
    }
    let mut map = HeaderMap::with_capacity(list.len());
    for (name, value) in list {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::invalid(format!("`{}` is not a header name", name.escape_debug())))?;
        if belongs_to_connection(&name) {
            return Err(Error::invalid(format!("the header `{name}` is set by the host: leave it out")));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Error::invalid(format!("the value of the header `{name}` contains a control character")))?;
        map.append(name, value);
    }
    // A range counts encoded bytes, so a part of a compressed body could not be decompressed.
    if map.contains_key(header::RANGE) && !map.contains_key(header::ACCEPT_ENCODING) {
        map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(map)
}

/// Headers that frame the message or hold for one connection only (RFC 9110 7.6.1, RFC 9112 6), and `expect`, which
/// changes how the body is sent.
fn belongs_to_connection(name: &HeaderName) -> bool {
    const REFUSED: [&str; 10] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    REFUSED.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// Adds the credentials. Errors name neither names nor values: a template may have made either from a secret.
pub(crate) fn authorize(credentials: &Credentials, url: &mut Url, headers: &mut HeaderMap) -> Result<(), Error> {
    for (name, value) in &credentials.headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .filter(|name| !belongs_to_connection(name))
            .ok_or_else(|| Error::invalid("the connection injects a header with an invalid name"))?;
        let value = secret_value(value)
            .ok_or_else(|| Error::invalid("the connection injects a header with a control character in its value"))?;
        headers.insert(name, value);
    }
    if !credentials.query.is_empty() {
        retain_query(url, |name, _| credentials.query.iter().all(|(injected, _)| injected != name));
        let mut query = url.query_pairs_mut();
        for (name, value) in &credentials.query {
            query.append_pair(name, value.expose_secret());
        }
    }
    Ok(())
}

/// A value that stays out of logs and of the HPACK table, and whose bytes are zeroed with its last copy.
fn secret_value(value: &SecretString) -> Option<HeaderValue> {
    let bytes = Bytes::from_owner(Zeroizing::new(value.expose_secret().as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Takes out of `url` what [`authorize`] adds, as a server may send it back in a redirect.
pub(crate) fn forget_query(credentials: &Credentials, url: &mut Url) {
    if !credentials.query.is_empty() {
        retain_query(url, |name, value| {
            !credentials.query.iter().any(|(known, secret)| known == name && secret.expose_secret() == value)
        });
    }
}

/// Removes query parameters and leaves the others as they are spelled, since a signature may cover them.
fn retain_query(url: &mut Url, keep: impl Fn(&str, &str) -> bool) {
    let Some(query) = url.query() else { return };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| form_urlencoded::parse(part.as_bytes()).all(|(name, value)| keep(&name, &value)))
        .collect();
    if kept.len() != query.split('&').count() {
        let kept = kept.join("&");
        url.set_query(Some(kept.as_str()).filter(|query| !query.is_empty()));
    }
}

/// The method with which to follow a redirect (RFC 9110 15.4); `None` for a status that is no redirect to follow.
pub(crate) fn redirected_method(status: StatusCode, method: &Method) -> Option<Method> {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if method == Method::POST => Some(Method::GET),
        StatusCode::SEE_OTHER if method != Method::HEAD => Some(Method::GET),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => Some(method.clone()),
        _ => None,
    }
}

/// Takes out the headers that describe a body which is no longer sent.
pub(crate) fn drop_body_headers(headers: &mut HeaderMap) {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LOCATION,
        HeaderName::from_static("content-md5"),
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("digest"),
    ] {
        headers.remove(name);
    }
}

/// Takes out what was meant for the origin that redirected.
pub(crate) fn drop_origin_headers(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_tokens_and_open_no_tunnel() {
        for (text, expected) in [("GET", "GET"), ("patch", "PATCH"), ("PROPFIND", "PROPFIND"), ("propfind", "propfind")]
        {
            assert_eq!(method(text).unwrap().as_str(), expected);
        }
        for text in ["", "CONNECT", "connect", "TRACE", "Track", "GET /", "GET\r\nX: y", "GÉT", "A B", "GET\0"] {
            assert_eq!(method(text).unwrap_err().code(), "invalid-request", "{text:?}");
        }
    }

    #[test]
    fn headers_that_frame_or_smuggle_are_refused() {
        let one = |name: &str, value: &str| headers(&[(name.to_owned(), value.to_owned())], &Caps::default());
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "TE",
            "Trailer",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Proxy-Anything",
            "Expect",
            "HTTP2-Settings",
            "",
            "a b",
            "a:b",
            "a\r\nb",
            "a\0",
            ":authority",
        ] {
            let error = one(name, "x").expect_err(name);
            assert_eq!(error.code(), "invalid-request");
            assert!(!error.to_string().contains(['\r', '\n']), "{error}");
        }
        for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\x7fb"] {
            let error = one("x-note", value).expect_err(value);
            assert!(error.to_string().contains("`x-note`"), "{error}");
        }
        for (name, value) in
            [("Accept", "*/*"), ("X-Note", "grüße"), ("Cookie", "a=b"), ("X-Empty", ""), ("X-Tab", "a\tb")]
        {
            one(name, value).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn request_headers_are_capped_in_number_and_bytes() {
        let caps = Caps { header_count: 2, header_bytes: 20, ..Caps::default() };
        let list = |headers: &[(&str, &str)]| -> Vec<(String, String)> {
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        headers(&list(&[("a", "1"), ("b", "2")]), &caps).unwrap();
        headers(&list(&[("a", "1"), ("b", "2"), ("c", "3")]), &caps).unwrap_err();
        headers(&list(&[("a", "01234567890123456789")]), &caps).unwrap_err();
    }

    #[test]
    fn a_range_is_asked_for_without_compression() {
        let ask = |list: &[(&str, &str)]| {
            let list: Vec<_> = list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            headers(&list, &Caps::default()).unwrap().get(header::ACCEPT_ENCODING).cloned()
        };
        assert_eq!(ask(&[("range", "bytes=0-9")]).unwrap(), "identity");
        assert_eq!(ask(&[("range", "bytes=0-9"), ("accept-encoding", "gzip")]).unwrap(), "gzip");
        assert_eq!(ask(&[("accept", "*/*")]), None);
    }

    fn query_key(value: &str) -> Credentials {
        Credentials { hosts: Vec::new(), headers: Vec::new(), query: vec![("key".to_owned(), value.to_owned().into())] }
    }

    #[test]
    fn an_injected_parameter_replaces_the_pieces_own_and_can_be_taken_out_again() {
        for (before, authorized, forgotten) in [
            ("https://a.test/", "https://a.test/?key=s%2Fe+c", "https://a.test/"),
            ("https://a.test/?a=%20b&c", "https://a.test/?a=%20b&c&key=s%2Fe+c", "https://a.test/?a=%20b&c"),
            ("https://a.test/?key=mine&b=1", "https://a.test/?b=1&key=s%2Fe+c", "https://a.test/?b=1"),
            ("https://a.test/?k%65y=mine", "https://a.test/?key=s%2Fe+c", "https://a.test/"),
        ] {
            let mut url = Url::parse(before).unwrap();
            authorize(&query_key("s/e c"), &mut url, &mut HeaderMap::new()).unwrap();
            assert_eq!(url.as_str(), authorized);
            forget_query(&query_key("s/e c"), &mut url);
            assert_eq!(url.as_str(), forgotten);
        }
        let mut respelled = Url::parse("https://a.test/?key=%73/e%20c&key=other").unwrap();
        forget_query(&query_key("s/e c"), &mut respelled);
        assert_eq!(respelled.as_str(), "https://a.test/?key=other");
    }

    #[test]
    fn a_credential_that_is_no_header_is_refused_without_being_shown() {
        for (name, value) in
            [("x-key", "canary\r\nx: y"), ("canary name", "x"), ("host", "canary"), ("canary\n", "canary")]
        {
            let credentials =
                Credentials { hosts: Vec::new(), headers: vec![(name.to_owned(), value.into())], query: Vec::new() };
            let mut url = Url::parse("https://a.test").unwrap();
            let error = authorize(&credentials, &mut url, &mut HeaderMap::new()).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
            assert!(!format!("{credentials:?}").contains("canary"));
        }
    }

    #[test]
    fn redirects_keep_or_change_the_method_as_rfc_9110_says() {
        for (status, method, expected) in [
            (301, "GET", Some("GET")),
            (301, "POST", Some("GET")),
            (301, "PUT", Some("PUT")),
            (301, "HEAD", Some("HEAD")),
            (302, "POST", Some("GET")),
            (302, "DELETE", Some("DELETE")),
            (303, "POST", Some("GET")),
            (303, "PUT", Some("GET")),
            (303, "HEAD", Some("HEAD")),
            (307, "POST", Some("POST")),
            (308, "POST", Some("POST")),
            (300, "GET", None),
            (304, "GET", None),
            (305, "GET", None),
            (200, "GET", None),
        ] {
            let got = redirected_method(StatusCode::from_u16(status).unwrap(), &method.parse().unwrap());
            assert_eq!(got.as_ref().map(Method::as_str), expected, "{status} {method}");
        }
    }
}
