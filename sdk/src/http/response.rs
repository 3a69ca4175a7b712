//! Responses.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{HttpError, charset};
use crate::sys::Incoming;
use crate::{DateTime, json_path};

/// How many characters of the response body an error quotes.
const QUOTED_CHARS: usize = 300;
/// How many bytes of JSON of the response body an error keeps: a little less than the host takes as details of an error.
const KEPT_BYTES: usize = 63 << 10;

/// A response with its whole body.
#[derive(Clone, Debug)]
pub struct Response {
    incoming: Incoming,
}

impl Response {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming }
    }

    /// The status, for example 200.
    pub fn status(&self) -> u16 {
        self.incoming.status
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.incoming.status)
    }

    /// The URL of the response, after redirects.
    pub fn url(&self) -> &str {
        &self.incoming.url
    }

    /// The value of the first header of this name; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers, in the order of the response.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.incoming.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.incoming.body
    }

    /// The body, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.incoming.body
    }

    /// The body as text, without a copy of UTF-8: see [`Response::read_text`].
    ///
    /// # Errors
    /// [`HttpError::Decode`].
    pub fn text(self) -> Result<String, HttpError> {
        match self.read_text()? {
            Cow::Owned(text) => Ok(text),
            Cow::Borrowed(text) if text.len() < self.bytes().len() => Ok(text.to_owned()),
            Cow::Borrowed(_) => {
                let url = self.shown_url();
                String::from_utf8(self.incoming.body)
                    .map_err(|error| HttpError::Decode { url, reason: error.to_string() })
            }
        }
    }

    /// The body as text: in the encoding of its byte order mark, which is left out, else in that which the content type
    /// names (by the [Encoding Standard](https://encoding.spec.whatwg.org), as in browsers), else in UTF-8.
    ///
    /// # Errors
    /// [`HttpError::Decode`] if it is not text in that encoding. No byte is replaced.
    pub fn read_text(&self) -> Result<Cow<'_, str>, HttpError> {
        charset::decode(self.bytes(), self.header("content-type").unwrap_or_default())
            .map_err(|reason| self.decode(reason))
    }

    /// Reads the body as JSON, in the encoding of [`Response::read_text`]; also in UTF-16 that nothing names.
    ///
    /// # Errors
    /// [`HttpError::Decode`] with the path of the wrong value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        let text = charset::decode_json(self.bytes(), self.header("content-type").unwrap_or_default());
        text.and_then(|text| json_path::read(&text)).map_err(|reason| self.decode(reason))
    }

    fn decode(&self, reason: String) -> HttpError {
        HttpError::Decode { url: self.shown_url(), reason }
    }

    /// Returns the response itself, unless the status is 400 or more.
    ///
    /// # Errors
    /// [`HttpError::Status`] with the beginning of the body as text, and the body as JSON.
    pub fn error_for_status(self) -> Result<Self, HttpError> {
        if self.status() < 400 {
            return Ok(self);
        }
        let text = self.read_text().unwrap_or_else(|_| String::from_utf8_lossy(self.bytes()));
        let text = text.trim();
        let mut body: String = text.chars().take(QUOTED_CHARS).collect();
        if body.len() < text.len() {
            body.push('…');
        }
        Err(HttpError::Status {
            status: self.status(),
            url: self.shown_url(),
            body,
            content: content(text),
            retry_after: self.retry_after(),
        })
    }

    /// The wait of the header `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). A date is compared with the
    /// response's own `Date`, so that the clocks of both sides need not agree.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let (until, now) = (http_date(value)?, http_date(self.header("date")?)?);
        u64::try_from(until.millis() - now.millis()).ok().map(Duration::from_millis)
    }

    fn shown_url(&self) -> String {
        let end = self.url().find(['?', '#']).unwrap_or(self.url().len());
        self.url().get(..end).unwrap_or_default().to_owned()
    }
}

/// A body as JSON text: as it is, if it is JSON; else as a string, shortened.
fn content(text: &str) -> String {
    if text.is_empty() {
        return "null".to_owned();
    }
    if text.len() <= KEPT_BYTES && serde_json::from_str::<&RawValue>(text).is_ok() {
        return text.to_owned();
    }
    let mut most = text.len().min(KEPT_BYTES);
    loop {
        while !text.is_char_boundary(most) {
            most -= 1;
        }
        // Serializing a text cannot fail.
        let quoted = serde_json::to_string(text.get(..most).unwrap_or_default()).unwrap_or_default();
        if quoted.len() <= KEPT_BYTES {
            return quoted;
        }
        most /= 2;
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form in which dates are sent (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<DateTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    if parts.next() != Some("GMT") {
        return None;
    }
    format!("{year}-{month:02}-{day}T{clock}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response::new(Incoming {
            status: 429,
            url: "https://a.example/x?key=s3cret#f".into(),
            headers,
            body: Vec::new(),
        })
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_own_clock() {
        assert_eq!(response(&[("Retry-After", "120")]).retry_after(), Some(Duration::from_secs(120)));
        let dates = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")];
        assert_eq!(response(&dates).retry_after(), Some(Duration::from_secs(30)));
        let past = [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), ("date", "Sun, 06 Nov 1994 08:50:07 GMT")];
        assert_eq!(response(&past).retry_after(), None);
        assert_eq!(response(&[("retry-after", "soon")]).retry_after(), None);
    }

    fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        let mut response = response(&[("content-type", content_type)]);
        response.incoming.body = body.into();
        response
    }

    #[test]
    fn an_error_keeps_the_whole_body_as_json_within_the_limit_of_details() {
        let kept = |content_type: &str, bytes: &[u8]| match body(content_type, bytes).error_for_status().unwrap_err() {
            HttpError::Status { content, .. } => content,
            other => panic!("{other}"),
        };
        let long = format!("{{\"errors\": [{}1e400]}}", "\"é\", ".repeat(1_000));
        assert_eq!(kept("application/json", long.as_bytes()), long);
        assert_eq!(kept("text/html", b"<p>no</p>"), "\"<p>no</p>\"");
        assert_eq!(kept("application/json; charset=latin1", b"{\"e\": \"\xe9\"}"), "{\"e\": \"é\"}");
        assert_eq!(kept("", b" "), "null");
        for huge in ["é".repeat(100_000), "\u{1}".repeat(100_000), format!("[{}1]", "1, ".repeat(50_000))] {
            let content = kept("", huge.as_bytes());
            assert!((10 << 10..=KEPT_BYTES).contains(&content.len()), "{}", content.len());
            assert!(huge.starts_with(&serde_json::from_str::<String>(&content).unwrap()));
        }
        let error: crate::Error = body("application/json", "{\"code\": 7}").error_for_status().unwrap_err().into();
        assert_eq!(error.details().unwrap().to_string(), r#"{"status":429,"body":{"code":7}}"#);
    }

    #[test]
    fn an_error_does_not_show_the_query_of_the_address() {
        let error = response(&[]).error_for_status().unwrap_err();
        assert_eq!(error.to_string(), "https://a.example/x responded with status 429");
    }
}
