//! Sends requests, hop by hop, each hop checked like the first.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap};

use crate::error::Error;
use crate::message::{Caps, Credentials, Meter, Request, Response};
use crate::outgoing;
use crate::policy::{Admitted, Denied, Policy, Question, read_url};
use crate::pool::{ClientConfig, Pools, SetupError};
use crate::threads::Threads;

/// Sends requests. [`Client`] is the real implementation; tests have others.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` where `policy` permits it and returns the complete response.
    ///
    /// A response of any status is a success. Dropping the future ends the exchange: a connection of HTTP/1.1 is closed,
    /// one of HTTP/2 resets the stream.
    ///
    /// # Errors
    ///
    /// See [`Error`]. What was sent and received until then is in the request's [`Meter`].
    async fn send(&self, request: Request, policy: &Policy, caps: &Caps) -> Result<Response, Error>;
}

/// The HTTP client of a host process. One is enough; all callers share its connections.
///
/// HTTP/2 and HTTP/1.1 over TLS, HTTP/1.1 in the clear; no cookies, no proxy, no `Referer`.
pub struct Client {
    pools: Pools,
    connect_timeout: Duration,
    threads: Threads,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// When the trusted certificates cannot be read, or its threads cannot be started.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        let connect_timeout = config.connect_timeout;
        Ok(Self { pools: Pools::new(config)?, connect_timeout, threads: Threads::new()? })
    }
}

#[async_trait]
impl Transport for Client {
    async fn send(&self, request: Request, policy: &Policy, caps: &Caps) -> Result<Response, Error> {
        let limit = request.timeout.min(caps.timeout);
        let hop = Hop::first(&request, policy, caps)?;
        let host = hop.admitted.question.host().to_owned();
        let journey = Journey { client: self, policy, caps, meter: &request.meter };
        match tokio::time::timeout(limit, journey.travel(hop, request.redirects.min(caps.redirects))).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout { host, limit }),
        }
    }
}

/// One request on the way, with what it may still carry.
struct Hop<'a> {
    admitted: Admitted,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
    credentials: Option<&'a Credentials>,
    /// The host that redirected here.
    from: Option<String>,
}

impl<'a> Hop<'a> {
    fn first(request: &'a Request, policy: &Policy, caps: &Caps) -> Result<Self, Error> {
        let size = request.body.as_ref().map_or(0, Bytes::len);
        if size > caps.request_bytes {
            return Err(Error::invalid(format!(
                "the request body has {size} bytes; the limit is {}",
                caps.request_bytes
            )));
        }
        let credentials = request.credentials.as_deref();
        Ok(Self {
            method: outgoing::method(&request.method)?,
            headers: outgoing::headers(&request.headers, caps)?,
            body: request.body.clone(),
            admitted: policy.admit(read_url(None, &request.url)?, credentials.map(|it| it.hosts.as_slice()))?,
            credentials,
            from: None,
        })
    }

    /// The request that follows a redirect to `location`.
    fn next(mut self, method: Method, location: &str, policy: &Policy) -> Result<Self, Error> {
        let here = &self.admitted.url;
        let from = self.admitted.question.host().to_owned();
        let refused = |denied| match denied {
            Denied::Url { problem } => Error::BadResponse {
                host: from.clone(),
                problem: format!("its `location` cannot be followed: {problem}"),
            },
            denied => Error::RedirectDenied { from: from.clone(), denied },
        };
        let mut target = read_url(Some(here), location).map_err(refused)?;
        if let Some(credentials) = self.credentials {
            outgoing::forget_query(credentials, &mut target);
        }
        if target.origin() != here.origin() {
            outgoing::drop_origin_headers(&mut self.headers);
            self.credentials = None;
        }
        let hosts = self.credentials.map(|credentials| credentials.hosts.as_slice());
        let admitted = policy.admit(target, hosts).map_err(refused)?;
        if method != self.method && method == Method::GET {
            outgoing::drop_body_headers(&mut self.headers);
            self.body = None;
        }
        Ok(Self { admitted, method, from: Some(from), ..self })
    }

    /// Adds which redirect led to a refusal.
    fn blame(&self, error: Error) -> Error {
        match (error, &self.from) {
            (Error::Denied(denied), Some(from)) => Error::RedirectDenied { from: from.clone(), denied },
            (error, _) => error,
        }
    }
}

struct Journey<'a> {
    client: &'a Client,
    policy: &'a Policy,
    caps: &'a Caps,
    meter: &'a Meter,
}

impl Journey<'_> {
    async fn travel(&self, mut hop: Hop<'_>, redirects: u8) -> Result<Response, Error> {
        let mut followed = 0;
        loop {
            let response = self.exchange(&hop).await.map_err(|error| hop.blame(error))?;
            let location = response.headers().get(header::LOCATION);
            let (method, location) = match (outgoing::redirected_method(response.status(), &hop.method), location) {
                (Some(method), Some(location)) if redirects > 0 => (method, location.clone()),
                _ => return self.receive(response, &hop).await,
            };
            let host = || hop.admitted.question.host().to_owned();
            if followed == redirects {
                return Err(Error::TooManyRedirects { host: host(), limit: redirects });
            }
            followed += 1;
            let location = std::str::from_utf8(location.as_bytes())
                .map_err(|_| Error::BadResponse { host: host(), problem: "its `location` is not UTF-8".to_owned() })?;
            hop = hop.next(method, location, self.policy)?;
        }
    }

    /// Sends one hop and takes the head of its response, within the caps.
    async fn exchange(&self, hop: &Hop<'_>) -> Result<reqwest::Response, Error> {
        let question = &hop.admitted.question;
        let (mut url, mut headers) = (hop.admitted.url.clone(), hop.headers.clone());
        if let Some(credentials) = hop.credentials {
            outgoing::authorize(credentials, &mut url, &mut headers)?;
        }
        let body_bytes = hop.body.as_ref().map_or(0, Bytes::len);
        let bytes = hop.method.as_str().len() + url.as_str().len() + weigh(&headers) + body_bytes;
        let mut request = reqwest::Request::new(hop.method.clone(), url);
        *request.headers_mut() = headers;
        *request.body_mut() = hop.body.clone().map(Into::into);

        let pool = self
            .client
            .pools
            .get(&hop.admitted.vetting)
            .map_err(|error| Error::Unavailable { host: question.host().to_owned(), problem: error.to_string() })?;
        self.meter.send(bytes);
        let response = self.client.threads.host(pool.execute(request)).await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                self.meter.unsend(bytes);
            }
            self.failed(&error, question)
        })?;
        let header_bytes = weigh(response.headers());
        self.meter.receive(STATUS_BYTES + header_bytes);
        let (count, caps) = (response.headers().len(), self.caps);
        let exceeded = if count > caps.header_count {
            Some(format!("{} headers", caps.header_count))
        } else if header_bytes > caps.header_bytes {
            Some(format!("{} bytes of headers", caps.header_bytes))
        } else {
            None
        };
        tracing::debug!(host = question.host(), method = %hop.method, status = response.status().as_u16(), "responded");
        match exceeded {
            Some(limit) => Err(Error::TooLarge { host: question.host().to_owned(), limit }),
            None => Ok(response),
        }
    }

    async fn receive(&self, mut response: reqwest::Response, hop: &Hop<'_>) -> Result<Response, Error> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = self.body(response, &hop.admitted.question).await?;
        let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Response {
            status: status.as_u16(),
            // As the policy saw it, before anything was added.
            url: hop.admitted.url.as_str().to_owned(),
            headers: headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body,
        })
    }

    /// Reads the body up to the cap. Bytes past it are neither kept nor decompressed beyond the current chunk.
    async fn body(&self, mut response: reqwest::Response, question: &Question) -> Result<Bytes, Error> {
        let limit = self.caps.response_bytes;
        let too_large = || Error::TooLarge { host: question.host().to_owned(), limit: format!("{limit} bytes") };
        // The HTTP library knows the length of an uncompressed body, and that HEAD has none.
        let announced = response.content_length();
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = Body::Empty;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error, question))? {
            self.meter.receive(chunk.len());
            if chunk.len() > limit - body.len() {
                return Err(too_large());
            }
            body.push(chunk, limit);
        }
        Ok(body.into_bytes())
    }

    fn failed(&self, error: &reqwest::Error, question: &Question) -> Error {
        Error::from_reqwest(error, question, self.client.connect_timeout)
    }
}

/// A status line's share of the bill.
const STATUS_BYTES: usize = 3;

fn weigh(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// A body being read. Most come in one chunk, which then is the body.
enum Body {
    Empty,
    One(Bytes),
    Many(Vec<u8>),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    /// Appends `chunk`, growing by doubling, but never to more than `limit`.
    fn push(&mut self, chunk: Bytes, limit: usize) {
        let mut bytes = match std::mem::replace(self, Self::Empty) {
            Self::Empty => {
                *self = Self::One(chunk);
                return;
            }
            Self::One(first) => first.to_vec(),
            Self::Many(bytes) => bytes,
        };
        let needed = bytes.len() + chunk.len();
        if needed > bytes.capacity() {
            let capacity = needed.max(bytes.capacity().saturating_mul(2)).min(limit.max(needed));
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
        *self = Self::Many(bytes);
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.into(),
        }
    }
}
