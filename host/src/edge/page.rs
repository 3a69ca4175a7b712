//! Pages that this host renders: what they may load, where their forms may lead, and who may have them in a frame.

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use super::{Rejection, rejection::Parts};

/// Where the style of all pages is.
pub(crate) const STYLE: &str = "/pages/style.css";

/// What a page may do. Nothing, unless it says so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy<'a> {
    /// Where its form may end, besides this host: browsers check where a form's redirects lead.
    pub(crate) form: Option<&'a Url>,
    /// The origin whose page may have it in a frame.
    pub(crate) frame: Option<&'a str>,
    /// The nonce of its script.
    pub(crate) nonce: Option<&'a str>,
}

/// A page.
///
/// # Errors
/// The template is not rendered.
pub(crate) fn page(template: &impl Template, status: StatusCode, policy: Policy<'_>) -> Result<Response, Rejection> {
    let html = template.render().map_err(|error| Rejection::internal(error.to_string()))?;
    let mut response = (status, Html(html)).into_response();
    dress(response.headers_mut(), policy);
    Ok(response)
}

/// Gives every response the headers of a page: a refusal is a page as well.
pub(crate) async fn dressed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if !response.headers().contains_key(header::CONTENT_SECURITY_POLICY) {
        dress(response.headers_mut(), Policy::default());
    }
    response
}

fn dress(headers: &mut HeaderMap, policy: Policy<'_>) {
    let form = policy.form.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let script = policy.nonce.map(|nonce| format!("script-src 'nonce-{nonce}'; ")).unwrap_or_default();
    let frame = policy.frame.unwrap_or("'none'");
    let text = format!(
        "default-src 'none'; {script}style-src 'self'; img-src data:; base-uri 'none'; form-action 'self' {form}; \
         frame-ancestors {frame}"
    );
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert(header::CONTENT_SECURITY_POLICY, text);
    }
    // Older browsers know no other than all or none.
    if policy.frame.is_none() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Sends the browser somewhere. No cache keeps it (RFC 6749, section 5.1, for what it carries).
///
/// # Errors
/// `location` is no value of a header.
pub(crate) fn go(status: StatusCode, location: &str) -> Result<Response, Rejection> {
    let location = HeaderValue::from_str(location).map_err(|error| Rejection::internal(error.to_string()))?;
    Ok((status, [(header::LOCATION, location), (header::PRAGMA, HeaderValue::from_static("no-cache"))]).into_response())
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    base: &'a str,
    title: &'a str,
    words: &'a str,
}

/// A refusal as a page.
pub(crate) fn message(title: &str, parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let page = MessagePage { base: "", title, words: &parts.detail };
    (HeaderValue::from_static("text/html; charset=utf-8"), page.render().unwrap_or_default().into_bytes())
}

/// The style of all pages.
pub(crate) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, include_str!("../../templates/style.css")).into_response()
}

/// JSON that is safe inside a script: it can end neither the script nor a line of it.
pub(crate) fn script(value: &serde_json::Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_result_cannot_leave_its_script() {
        let value = json!({"error": "</script><script>alert(1)</script>", "state": "\u{2028}\u{2029}&<!--"});
        let text = script(&value);
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
