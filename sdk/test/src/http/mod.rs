//! The network: requests that a test expects, and their responses.

mod form;
mod hop;
mod matcher;
mod reply;
mod script;
mod sent;
mod transport;

use std::sync::Arc;

pub use matcher::{Matcher, delete, get, head, patch, post, put, request};
pub use reply::{Fault, Reply, json, reply, text};
pub use sent::SentRequest;

use script::Arranged;
pub(crate) use script::Script;
pub(crate) use transport::Scripted;

/// The network of a [`Host`](crate::Host): only what a test arranges here responds.
///
/// Requests may come in any order. Of several arrangements that fit, the first that is not used up is taken.
#[derive(Clone, Copy)]
pub struct Http<'h> {
    pub(crate) script: &'h Script,
}

impl<'h> Http<'h> {
    /// Expects a request once: neither more often nor never.
    pub fn expect(self, request: Matcher) -> Expectation<'h> {
        Expectation { script: self.script, request, times: Some(1) }
    }

    /// Allows a request any number of times, and none at all.
    pub fn allow(self, request: Matcher) -> Expectation<'h> {
        Expectation { script: self.script, request, times: None }
    }

    /// The requests that were sent, expected or not, in order. What the piece's policy refused is not among them.
    pub fn requests(self) -> Vec<SentRequest> {
        self.script.sent()
    }
}

/// An expected request, not arranged until it has a response.
#[must_use = "nothing is arranged until `respond`, `respond_with` or `fail`"]
pub struct Expectation<'h> {
    script: &'h Script,
    request: Matcher,
    times: Option<u32>,
}

impl Expectation<'_> {
    /// Expects it exactly this often.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Responds each time with `reply`.
    pub fn respond(self, reply: Reply) {
        self.arrange(Arc::new(move |_| Ok(reply.clone())));
    }

    /// Responds with what `reply` makes of the request.
    pub fn respond_with(self, reply: impl Fn(&SentRequest) -> Reply + Send + Sync + 'static) {
        self.arrange(Arc::new(move |sent| Ok(reply(sent))));
    }

    /// Does not respond.
    pub fn fail(self, fault: Fault) {
        self.arrange(Arc::new(move |_| Err(fault)));
    }

    fn arrange(self, responder: script::Responder) {
        let Self { script, request, times } = self;
        script.arrange(Arranged { matcher: request, responder, times, seen: 0 });
    }
}
