//! Building and sending requests.

use std::fmt::Display;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::encoding::append_pair;
use super::{HttpError, Multipart, Response};
use crate::Error;
use crate::sys::{self, Outgoing};

/// The default number of redirects to follow.
const REDIRECTS: u8 = 5;

/// A request under construction; [`Request::send`] sends it.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    outgoing: Outgoing,
    query: String,
    error: Option<Error>,
}

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request {
        outgoing: Outgoing {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            authorize: false,
            timeout_ms: None,
            redirects: REDIRECTS,
        },
        query: String::new(),
        error: None,
    }
}

/// A GET request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A HEAD request.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}

/// A POST request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A PUT request.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// Sends several requests concurrently. The responses are in the order of the requests.
pub fn send_all(requests: impl IntoIterator<Item = Request>) -> Vec<Result<Response, HttpError>> {
    let ready: Vec<Result<Outgoing, Error>> = requests.into_iter().map(Request::finish).collect();
    let outgoing = ready.iter().filter_map(|request| request.as_ref().ok().cloned()).collect();
    let mut responses = sys::send_all(outgoing).into_iter();
    let missing = || Err(Error::internal("http-send-all", "the host returned fewer responses than requests"));
    ready
        .into_iter()
        .map(|request| request.and_then(|_| responses.next().unwrap_or_else(missing)))
        .map(|response| response.map(Response::new).map_err(HttpError::Send))
        .collect()
}

impl Request {
    /// Adds a query parameter; name and value are encoded.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        append_pair(&mut self.query, name, &value.to_string());
        self
    }

    /// Adds a query parameter if `value` is not none.
    pub fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.outgoing.headers.push((name.into(), value.to_string()));
        self
    }

    /// Sends a token that the piece itself holds. For the connection's credentials, use [`Request::authorize`].
    pub fn bearer(self, token: impl Display) -> Self {
        self.header("authorization", format_args!("Bearer {token}"))
    }

    /// Sends a user name and a password that the piece itself holds (RFC 7617).
    pub fn basic(self, user: impl Display, password: impl Display) -> Self {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", format_args!("Basic {pair}"))
    }

    /// Lets the host add the connection's credentials, as the piece's auth says. The host refuses the request if the
    /// credentials may not be sent to its URL.
    pub fn authorize(mut self) -> Self {
        self.outgoing.authorize = true;
        self
    }

    /// Sets a JSON body.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.content("application/json", body),
            Err(error) => {
                self.error = Some(error.into());
                self
            }
        }
    }

    /// Sets a form body, `application/x-www-form-urlencoded`.
    pub fn form<N: AsRef<str>, V: Display>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            append_pair(&mut body, name.as_ref(), &value.to_string());
        }
        self.content("application/x-www-form-urlencoded", body)
    }

    /// Sets a form body with files, `multipart/form-data`.
    pub fn multipart(self, parts: &Multipart) -> Self {
        let (content_type, body) = parts.encode();
        self.content(&content_type, body)
    }

    /// Sets a text body, `text/plain`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.content("text/plain; charset=utf-8", text.into())
    }

    /// Sets a body of any type. A `content-type` header that the request already has is kept.
    pub fn content(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.outgoing.body = Some(body.into());
        if self.outgoing.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            return self;
        }
        self.header("content-type", content_type)
    }

    /// Limits the time until the whole response has arrived, in whole milliseconds. The host has a limit of its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sets how many redirects the host may follow; the default is 5. The host checks each URL like the first. With 0, the
    /// redirect itself is the response.
    pub fn redirects(mut self, most: u8) -> Self {
        self.outgoing.redirects = most;
        self
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// [`HttpError::Send`] if there is no response.
    pub fn send(self) -> Result<Response, HttpError> {
        self.finish().and_then(sys::send).map(Response::new).map_err(HttpError::Send)
    }

    fn finish(mut self) -> Result<Outgoing, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.query.is_empty() {
            let url = &mut self.outgoing.url;
            let at = url.find('#').unwrap_or(url.len());
            let joint = match url.get(..at) {
                Some(head) if head.ends_with(['?', '&']) => "",
                Some(head) if head.contains('?') => "&",
                _ => "?",
            };
            url.insert_str(at, &format!("{joint}{}", self.query));
        }
        Ok(self.outgoing)
    }
}
