//! The script as the sandbox's way out.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use leno_egress::{Caps, Error, Hold, Policy, PrivateGrant, Request, Response, Transport};

use super::{
    Reply, Script, SentRequest, form,
    hop::{Gate, Hop},
};

/// Sends the requests of one run to the script, under the policy of production: undeclared hosts are refused before the
/// script sees them, redirects are followed if the piece wants that and each is checked, responses beyond the caps end
/// with an error.
///
/// Names are not resolved: each is taken to lead to an address that the policy allows. An address written in the URL is
/// checked.
pub(crate) struct Scripted {
    script: Arc<Script>,
    private: Vec<PrivateGrant>,
    sent: AtomicU64,
    received: AtomicU64,
    unexpected: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) fn new(script: Arc<Script>, private: Vec<PrivateGrant>) -> Self {
        Self { script, private, sent: AtomicU64::new(0), received: AtomicU64::new(0), unexpected: Mutex::default() }
    }

    /// Bytes sent and received: messages as `leno_egress::Meter` counts them.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    /// The requests of this run that were not expected.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn exchange(&self, hop: &Hop, request: &Request, caps: &Caps) -> Result<Reply, Error> {
        let sent = hop.sent(&self.script.mask);
        let host = || hop.host();
        let responder = self.script.answer(&sent).map_err(|complaint| {
            self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).push(complaint);
            Error::Unavailable { host: host(), problem: "the test did not expect this request".to_owned() }
        })?;
        self.sent.fetch_add(weight(&sent), Ordering::Relaxed);
        let mut reply = responder(&sent).map_err(|fault| fault.error(&host(), request.timeout.min(caps.timeout)))?;
        if hop.is_head() {
            reply.body.clear();
        }
        let header_bytes = bytes(&reply.headers);
        self.received.fetch_add(3 + header_bytes as u64 + reply.body.len() as u64, Ordering::Relaxed);
        let too_large = |limit| Error::TooLarge { host: host(), limit };
        if reply.headers.len() > caps.header_count {
            return Err(too_large(format!("{} headers", caps.header_count)));
        }
        if header_bytes > caps.header_bytes {
            return Err(too_large(format!("{} bytes of headers", caps.header_bytes)));
        }
        if reply.body.len() > caps.response_bytes {
            return Err(too_large(format!("{} bytes", caps.response_bytes)));
        }
        Ok(reply)
    }
}

fn weight(sent: &SentRequest) -> u64 {
    (sent.method.len() + sent.url.as_str().len() + bytes(&sent.headers) + sent.body.len()) as u64
}

fn bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request, policy: &Policy, caps: &Caps) -> Result<Response, Error> {
        form::check(&request, caps).await?;
        let gate = Gate { policy, private: &self.private };
        let mut hop = Hop::first(&request, &gate)?;
        let redirects = request.redirects.min(caps.redirects);
        let mut followed = 0;
        loop {
            let Reply { status, headers, body } = self.exchange(&hop, &request, caps)?;
            let location = headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
            match (hop.redirected(status), location) {
                (Some(method), Some(location)) if redirects > 0 => {
                    if followed == redirects {
                        return Err(Error::TooManyRedirects { host: hop.host(), limit: redirects });
                    }
                    followed += 1;
                    request.meter.begin()?;
                    hop = hop.next(method, &location, &gate)?;
                }
                _ => return Ok(Response { status, url: hop.url().to_string(), headers, body, hold: Hold::default() }),
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
