//! Responses.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::HttpError;
use crate::sys::Incoming;
use crate::{DateTime, json_path};

/// How many characters of the response body an error quotes.
const QUOTED_CHARS: usize = 300;

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

    /// The body as text.
    ///
    /// # Errors
    /// [`HttpError::Decode`] if it is not UTF-8.
    pub fn text(self) -> Result<String, HttpError> {
        let url = self.shown_url();
        String::from_utf8(self.incoming.body)
            .map_err(|error| HttpError::Decode { url, reason: format!("it is not UTF-8 text: {error}") })
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// [`HttpError::Decode`] with the path of the wrong value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        json_path::read_bytes(self.bytes()).map_err(|reason| HttpError::Decode { url: self.shown_url(), reason })
    }

    /// Returns the response itself, unless the status is 400 or more.
    ///
    /// # Errors
    /// [`HttpError::Status`] with the beginning of the body.
    pub fn error_for_status(self) -> Result<Self, HttpError> {
        if self.status() < 400 {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(self.bytes());
        let mut body: String = text.trim().chars().take(QUOTED_CHARS).collect();
        if body.len() < text.trim().len() {
            body.push('…');
        }
        Err(HttpError::Status { status: self.status(), url: self.shown_url(), body, retry_after: self.retry_after() })
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

    #[test]
    fn an_error_does_not_show_the_query_of_the_address() {
        let error = response(&[]).error_for_status().unwrap_err();
        assert_eq!(error.to_string(), "https://a.example/x responded with status 429");
    }
}
