//! Sends requests, hop by hop, each hop checked like the first.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncBufReadExt as _;

use crate::body::{Body, Overrun};
use crate::coding::{self, Coding};
use crate::connector::TENANT;
use crate::denied::Denied;
use crate::error::{self, Error};
use crate::exchange::Tapped;
use crate::hold::{Hold, Memory};
use crate::message::{Caps, Credentials, Request, Response};
use crate::meter::Meter;
use crate::outgoing;
use crate::own::Own;
use crate::places::{Place, Places};
use crate::policy::{Admitted, Policy, Question, read_url};
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
    places: Places,
    memory: Memory,
    user_agent: HeaderValue,
    connect_timeout: Duration,
    threads: Threads,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// When the trusted certificates cannot be read, or its threads cannot be started.
    #[expect(clippy::needless_pass_by_value, reason = "a client is made once, from a configuration made for it")]
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        let user_agent = HeaderValue::from_str(&config.user_agent).unwrap_or(HeaderValue::from_static("leno"));
        Ok(Self {
            pools: Pools::new(&config)?,
            places: Places::new(&config.budgets),
            memory: Memory::new(&config.budgets),
            user_agent,
            connect_timeout: config.connect_timeout,
            threads: Threads::new()?,
        })
    }
}

/// A timer that fires so late tells that the process did not run.
const LATE: Duration = Duration::from_millis(50);
/// How long a process that did not run looks for what came meanwhile.
const LAST_LOOK: Duration = Duration::from_secs(1);

#[async_trait]
impl Transport for Client {
    async fn send(&self, request: Request, policy: &Policy, caps: &Caps) -> Result<Response, Error> {
        let limit = request.timeout.min(caps.timeout);
        let hop = Hop::first(&request, policy, caps, self.pools.own())?;
        let host = hop.admitted.question.host().to_owned();
        let journey = Journey { client: self, policy, caps, meter: &request.meter };
        let mut travel = pin!(journey.travel(hop, request.redirects.min(caps.redirects)));
        let begun = Instant::now();
        let mut outcome = tokio::time::timeout(limit, travel.as_mut()).await;
        // A process that was stopped meets the end of the time before it reads a response that has been there for long.
        if outcome.is_err() && begun.elapsed() > limit.saturating_add(LATE) {
            outcome = tokio::time::timeout(LAST_LOOK, travel).await;
        }
        outcome.unwrap_or(Err(Error::Timeout { host, limit }))
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
    fn first(request: &'a Request, policy: &Policy, caps: &Caps, own: &Own) -> Result<Self, Error> {
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
            admitted: policy.admit(read_url(None, &request.url)?, credentials.map(|it| it.hosts.as_slice()), own)?,
            credentials,
            from: None,
        })
    }

    /// The request that follows a redirect to `location`.
    fn next(mut self, method: Method, location: &str, policy: &Policy, own: &Own) -> Result<Self, Error> {
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
        let admitted = policy.admit(target, hosts, own).map_err(refused)?;
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
            let answer = self.exchange(&hop).await.map_err(|error| hop.blame(error))?;
            let location = answer.head.headers.get(header::LOCATION);
            let (method, location) = match (outgoing::redirected_method(answer.head.status, &hop.method), location) {
                (Some(method), Some(location)) if redirects > 0 => (method, location.clone()),
                _ => return self.receive(answer, &hop).await,
            };
            // Its connection is given back before the next is taken.
            drop(answer);
            let host = || hop.admitted.question.host().to_owned();
            if followed == redirects {
                return Err(Error::TooManyRedirects { host: host(), limit: redirects });
            }
            followed += 1;
            let location = std::str::from_utf8(location.as_bytes())
                .map_err(|_| Error::BadResponse { host: host(), problem: "its `location` is not UTF-8".to_owned() })?;
            hop = hop.next(method, location, self.policy, self.client.pools.own())?;
            self.meter.begin()?;
        }
    }

    /// Sends one hop and takes the head of its response, within the caps.
    async fn exchange(&self, hop: &Hop<'_>) -> Result<Answer, Error> {
        let question = &hop.admitted.question;
        let (request, bytes) = self.request(hop)?;
        let pool = self.client.pools.get(&hop.admitted.vetting);
        let payer = self.meter.payer();
        let place = self.client.places.enter(payer, question.destination()).await?;
        self.meter.send(bytes);
        let sent = TENANT.scope(payer.tenant.clone(), Box::pin(pool.call(request)));
        let response = self.client.threads.host(sent).await.map_err(|error| {
            if error.is_connect() {
                self.meter.unsend(bytes);
            }
            error::unanswered(&error, question, self.client.connect_timeout)
        })?;
        let (head, body) = response.into_parts();
        let header_bytes = weigh(&head.headers);
        self.meter.receive(STATUS_BYTES + header_bytes)?;
        let (count, caps) = (head.headers.len(), self.caps);
        let exceeded = if count > caps.header_count {
            Some(format!("{} headers", caps.header_count))
        } else if header_bytes > caps.header_bytes {
            Some(format!("{} bytes of headers", caps.header_bytes))
        } else {
            None
        };
        tracing::debug!(host = question.host(), method = %hop.method, status = head.status.as_u16(), "responded");
        match exceeded {
            Some(limit) => Err(Error::TooLarge { host: question.host().to_owned(), limit }),
            None => Ok(Answer { head, body, _place: place }),
        }
    }

    /// The request of a hop as the HTTP library takes it, with its size.
    fn request(&self, hop: &Hop<'_>) -> Result<(http::Request<Full<Bytes>>, usize), Error> {
        let (mut url, mut headers) = (hop.admitted.url.clone(), hop.headers.clone());
        if let Some(credentials) = hop.credentials {
            outgoing::authorize(credentials, &mut url, &mut headers)?;
        }
        let body = hop.body.clone().unwrap_or_default();
        let bytes = hop.method.as_str().len() + url.as_str().len() + weigh(&headers) + body.len();
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static(coding::OFFERED));
        headers.entry(header::USER_AGENT).or_insert_with(|| self.client.user_agent.clone());
        let uri: Uri = url.as_str().parse().map_err(|problem: http::uri::InvalidUri| {
            Error::invalid(format!("the request to `{}` cannot be sent: {problem}", hop.admitted.question.host()))
        })?;
        // RFC 9110, section 8.6: the methods that mean something by a body say that there is none.
        if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&hop.method) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, bytes))
    }

    async fn receive(&self, answer: Answer, hop: &Hop<'_>) -> Result<Response, Error> {
        let Answer { mut head, body, _place } = answer;
        let question = &hop.admitted.question;
        // To HEAD, and with some statuses, headers describe a body that is not there.
        let codings = if body.is_end_stream() { Vec::new() } else { coding::take(&mut head.headers, question)? };
        let mut read = Read { journey: self, question, turn: 0 };
        let (body, hold) =
            if codings.is_empty() { read.plain(body).await? } else { read.encoded(body, &codings).await? };
        Ok(Response {
            status: head.status.as_u16(),
            // As the policy saw it, before anything was added.
            url: hop.admitted.url.as_str().to_owned(),
            headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body,
            hold,
        })
    }
}

/// The text of a header: UTF-8, as some servers send it, else ISO-8859-1 (RFC 9110, section 5.5).
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Reads a body up to the cap. Bytes past it are neither kept nor decompressed beyond the current chunk.
struct Read<'a> {
    journey: &'a Journey<'a>,
    question: &'a Question,
    /// Bytes read in this turn.
    turn: usize,
}

impl<'a> Read<'a> {
    async fn plain(&mut self, mut body: Tapped) -> Result<(Bytes, Hold), Error> {
        let Journey { client, caps, meter, .. } = self.journey;
        // Known of a body that is not sent in chunks; HEAD has none.
        if let Some(length) = body.size_hint().exact() {
            if length > caps.response_bytes as u64 {
                return Err(self.too_large());
            }
            meter.expects(length)?;
            client.memory.expects(&meter.payer().tenant, length)?;
        }
        let mut kept = self.room(false)?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| error::broken(&error, self.question))?;
            // Trailers are dropped.
            let Ok(chunk) = frame.into_data() else { continue };
            self.keep(&mut kept, chunk).await?;
        }
        Ok(kept.finish())
    }

    async fn encoded(&mut self, body: Tapped, codings: &[Coding]) -> Result<(Bytes, Hold), Error> {
        let most = self.journey.caps.response_bytes;
        let mut decoded = coding::decode(body, codings, most).await.map_err(|error| self.broken(&error))?;
        let mut kept = self.room(true)?;
        loop {
            let chunk = decoded.fill_buf().await.map_err(|error| self.broken(&error))?;
            let chunk = Bytes::copy_from_slice(chunk);
            if chunk.is_empty() {
                return Ok(kept.finish());
            }
            decoded.consume(chunk.len());
            self.keep(&mut kept, chunk).await?;
        }
    }

    fn room(&self, decoded: bool) -> Result<Body<'a>, Error> {
        let Journey { client, caps, meter, .. } = self.journey;
        Ok(Body::new(meter, client.memory.holding(&meter.payer().tenant)?, decoded, caps.response_bytes))
    }

    async fn keep(&mut self, kept: &mut Body<'_>, chunk: Bytes) -> Result<(), Error> {
        self.turn += chunk.len();
        kept.push(chunk).map_err(|overrun| match overrun {
            Overrun::Limit => self.too_large(),
            Overrun::Refused(error) => error,
        })?;
        // A server that sends fast would keep this task, with all requests of its call, on the thread.
        if self.turn >= TURN {
            self.turn = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn broken(&self, error: &io::Error) -> Error {
        match error::find::<coding::Overflow>(error) {
            Some(_) => self.too_large(),
            None => error::broken(error, self.question),
        }
    }

    fn too_large(&self) -> Error {
        let limit = format!("{} bytes", self.journey.caps.response_bytes);
        Error::TooLarge { host: self.question.host().to_owned(), limit }
    }
}

/// A response whose body is still to come.
struct Answer {
    head: http::response::Parts,
    body: Tapped,
    /// Held until the body is read.
    _place: Place,
}

/// Bytes of a body that are read before other tasks have their turn.
const TURN: usize = 256 << 10;

/// A status line's share of the bill.
const STATUS_BYTES: usize = 3;

fn weigh(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}
