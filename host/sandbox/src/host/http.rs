use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use leno_egress::{Caps, Policy, Request, Response, Transport};
use leno_metadata::{Connection, ErrorKind, PieceError};

use crate::{
    bindings::{
        http::{self, Host},
        types,
    },
    credential::{Door, Resolved},
    mask::Mask,
    state::{CallState, Reach},
};

/// Requests of one `send-all` under way at once.
const AT_ONCE: usize = 16;

/// A request that was checked and may be sent.
struct Admitted {
    request: Request,
    policy: Arc<Policy>,
    caps: Caps,
    transport: Arc<dyn Transport>,
    /// What may have other credentials when these are rejected.
    renewal: Option<Renewal>,
}

/// The connection of a request whose token may be renewed.
struct Renewal {
    connection: Arc<dyn Connection>,
    door: Door,
    resolved: Arc<Resolved>,
}

/// How a request ended.
struct Sent {
    result: Result<Response, Refusal>,
    /// The connection with the token that was accepted in place of the one that was not.
    renewed: Option<Arc<Resolved>>,
}

/// An error as the guest is told it, and as the operator may know it.
struct Refusal {
    told: PieceError,
    known: String,
}

impl Admitted {
    /// Sends the request; once more, with a renewed token, when the first was rejected before its end (RFC 6750, section 3.1).
    /// What comes back to one with credentials is free of the secrets of `mask`.
    async fn send(mut self, mask: Arc<Mask>) -> Sent {
        let Some(Renewal { connection, door, resolved }) = self.renewal.take() else {
            return Sent { result: self.send_once(&mask).await, renewed: None };
        };
        let mut again = Self { renewal: None, ..self };
        let first = Self {
            request: again.request.clone(),
            policy: again.policy.clone(),
            caps: again.caps.clone(),
            transport: again.transport.clone(),
            renewal: None,
        };
        let result = first.send_once(&mask).await;
        if !matches!(&result, Ok(response) if response.status == 401) {
            return Sent { result, renewed: None };
        }
        let Some(renewed) = door.instead_of(&*connection, &resolved).await else {
            return Sent { result, renewed: None };
        };
        match renewed.credentials() {
            Ok(credentials) if again.request.meter.begin().is_ok() => {
                again.request.credentials = Some(credentials);
                Sent { result: again.send_once(&renewed.mask).await, renewed: Some(renewed) }
            }
            _ => Sent { result, renewed: None },
        }
    }

    async fn send_once(self, mask: &Arc<Mask>) -> Result<Response, Refusal> {
        let Self { request, policy, caps, transport, .. } = self;
        let authorized = request.credentials.is_some();
        match transport.send(request, &policy, &caps).await {
            Ok(response) if authorized => Ok(mask.response(response).await),
            Ok(response) => Ok(response),
            Err(error) => {
                let (told, known) = (refusal(&error), error.for_operator());
                // A redirect that is refused is told with its address.
                let message = if authorized { mask.text(&told.message).into_owned() } else { told.message };
                Err(Refusal { told: PieceError { message, ..told }, known })
            }
        }
    }
}

impl CallState {
    /// Checks a request against the budget and adds the connection's credentials. The destination is checked by the
    /// transport, at every hop.
    async fn admit_request(&mut self, request: http::Request) -> Result<Admitted, PieceError> {
        let reach = self.reach()?;
        let (transport, meter) = (reach.capabilities.transport.clone(), reach.meter.clone());
        meter.begin().map_err(|spent| refusal(&spent.into()))?;
        let mut renewal = None;
        let credentials = if request.authorize {
            let resolved = self.connection().await?.ok_or_else(|| {
                PieceError::new(
                    ErrorKind::Unauthorized,
                    "no-connection",
                    "this request needs a connection, and the step has none; choose one in the step's settings",
                )
            })?;
            if resolved.value.kind().auth_name() == Some("OAUTH2") {
                let Reach { capabilities, door, .. } = self.reach()?;
                let door = door.clone();
                renewal = capabilities.connection.clone().map(|connection| Renewal {
                    connection,
                    door,
                    resolved: resolved.clone(),
                });
            }
            Some(resolved.credentials()?)
        } else {
            if self.reach()?.door.needs_connection() {
                self.connection().await?;
            }
            None
        };
        let asked = request.timeout_ms.map_or(self.limits.http_wall, |ms| Duration::from_millis(ms.into()));
        let timeout = asked.min(self.limits.http_wall).min(self.deadline.saturating_duration_since(Instant::now()));
        let caps = Caps {
            timeout: self.limits.http_wall,
            request_bytes: self.limits.http_request_body,
            response_bytes: self.limits.http_response_body,
            ..Caps::default()
        };
        let request = Request {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body.map(Into::into),
            credentials,
            redirects: request.redirects,
            timeout,
            meter,
        };
        Ok(Admitted { request, policy: self.reach()?.door.policy().clone(), caps, transport, renewal })
    }

    /// Ends a request that reached the transport.
    fn receive(
        &mut self,
        begun: Instant,
        subject: &str,
        Sent { result, renewed }: Sent,
    ) -> wasmtime::Result<Result<http::Response, types::Error>> {
        if let (Some(renewed), Some(reach)) = (renewed, &mut self.reach) {
            self.mask = renewed.mask.clone();
            reach.door.renew(renewed);
        }
        let known = match &result {
            Ok(_) => Ok(()),
            Err(Refusal { told, known }) => Err(PieceError { message: known.clone(), ..told.clone() }),
        };
        self.end(begun, "http.send", subject, &known)?;
        // What the body held is given back here: wasmtime copies it into the guest before this thread does anything else.
        let response =
            |Response { status, url, headers, body, .. }| http::Response { status, url, headers, body: body.into() };
        Ok(result.map(response).map_err(|refusal| refusal.told.into()))
    }

    /// Returns a refusal that did not reach the transport.
    fn refuse(
        &mut self,
        begun: Instant,
        subject: &str,
        error: PieceError,
    ) -> wasmtime::Result<Result<http::Response, types::Error>> {
        let result = Err(error);
        self.end(begun, "http.send", subject, &result)?;
        Ok(result.map_err(Into::into))
    }
}

fn subject(request: &http::Request) -> String {
    format!("{} {}", request.method, request.url)
}

fn refusal(error: &leno_egress::Error) -> PieceError {
    use leno_egress::Error;
    let kind = match error {
        Error::Denied(denied) if denied.code() == "invalid-request" => ErrorKind::InvalidInput,
        Error::Denied(_) | Error::RedirectDenied { .. } | Error::Spent(_) => ErrorKind::Denied,
        Error::Exhausted(refused) => return super::exhausted(refused),
        Error::Invalid { .. } | Error::TooLarge { .. } => ErrorKind::InvalidInput,
        Error::Timeout { .. } => ErrorKind::Timeout,
        _ => ErrorKind::Unavailable,
    };
    PieceError::new(kind, error.code(), error.to_string())
}

impl Host for CallState {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, types::Error>> {
        let begun = self.begin();
        let subject = subject(&request);
        match self.admit_request(request).await {
            Ok(admitted) => {
                let answer = admitted.send(self.mask.clone()).await;
                self.receive(begun, &subject, answer)
            }
            Err(error) => self.refuse(begun, &subject, error),
        }
    }

    async fn send_all(
        &mut self,
        requests: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, types::Error>>> {
        let begun = self.begin();
        let mut admitted = Vec::with_capacity(requests.len());
        for request in requests {
            let subject = subject(&request);
            admitted.push((subject, self.admit_request(request).await));
            // There may be many, all refused at once.
            tokio::task::coop::consume_budget().await;
        }
        let mask = &self.mask;
        let sent = stream::iter(admitted).map(|(subject, admitted)| async move {
            match admitted {
                Ok(admitted) => (subject, Ok(admitted.send(mask.clone()).await)),
                Err(error) => (subject, Err(error)),
            }
        });
        let answers: Vec<_> = sent.buffered(AT_ONCE).collect().await;
        let mut told = Vec::with_capacity(answers.len());
        for (subject, answer) in answers {
            told.push(match answer {
                Ok(result) => self.receive(begun, &subject, result)?,
                Err(error) => self.refuse(begun, &subject, error)?,
            });
        }
        Ok(told)
    }
}
