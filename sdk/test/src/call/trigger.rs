use std::{sync::Arc, time::Duration};

use leno_metadata::ErrorKind;
use leno_sandbox::{Hook, Step};
use serde_json::{Value, json};

use super::Call;
use crate::{Host, Piece, Run, RunError, store::Held};

/// One trigger of a piece, to be enabled, polled and so on. Made by [`Piece::trigger`].
#[derive(Clone)]
#[must_use = "nothing happens until one of its functions is called"]
pub struct TriggerCall<'p> {
    piece: &'p Piece,
    name: String,
    props: Value,
    wall: Option<Duration>,
    dying: bool,
}

impl<'p> TriggerCall<'p> {
    pub(crate) fn new(piece: &'p Piece, name: &str) -> Self {
        Self { piece, name: name.to_owned(), props: json!({}), wall: None, dying: false }
    }

    /// Sets the props as the flow has them; they are coerced and checked before the piece sees them. Without it there
    /// are none.
    pub fn props(mut self, props: Value) -> Self {
        self.props = props;
        self
    }

    /// Lowers the time limit of each call.
    pub fn timeout(mut self, wall: Duration) -> Self {
        self.wall = Some(wall);
        self
    }

    /// Lets the host die after the piece has returned and before the events are kept: what `run` and `receive` wrote to
    /// the store is lost with them. The events have to come again.
    pub fn host_dies(mut self) -> Self {
        self.dying = true;
        self
    }

    /// Enables the trigger. What it arranges is in [`Host::schedules`] and [`Host::listeners`].
    ///
    /// # Panics
    /// Here and below: when the host's connection could not have been saved for this piece.
    pub async fn enable(&self, host: &Host) -> Run {
        let mut call = self.call(host, "enabling");
        call.setup = Some(host.setup.clone());
        self.enter(call, Hook::Enable).await
    }

    /// Disables the trigger.
    pub async fn disable(&self, host: &Host) -> Run {
        self.enter(self.call(host, "disabling"), Hook::Disable).await
    }

    /// Polls the trigger, or fires a manual one. What it writes to the store becomes lasting if it succeeds.
    pub async fn run(&self, host: &Host) -> Run {
        self.fire(host, None).await
    }

    /// Hands the trigger a request that came at its webhook: a [`Webhook`](crate::Webhook), or the JSON that the piece
    /// gets. What it writes to the store becomes lasting if it succeeds.
    pub async fn receive(&self, host: &Host, request: impl Into<Value>) -> Run {
        self.fire(host, Some(request.into().to_string())).await
    }

    /// Runs the trigger's test, which returns events to try a flow with. What it writes to the store is discarded.
    pub async fn test(&self, host: &Host) -> Run {
        let mut call = self.call(host, "testing");
        call.store = Arc::new(Held::new(host.store.clone()));
        self.enter(call, Hook::Test).await
    }

    /// Runs the handshake: the response to a request with which the service verifies the webhook.
    pub async fn handshake(&self, host: &Host, request: impl Into<Value>) -> Run {
        self.enter(self.call(host, "the handshake of"), Hook::Handshake { request: request.into().to_string() }).await
    }

    /// Renews the trigger's subscription.
    pub async fn renew(&self, host: &Host) -> Run {
        self.enter(self.call(host, "renewing"), Hook::Renew).await
    }

    async fn fire(&self, host: &Host, event: Option<String>) -> Run {
        let held = Arc::new(Held::new(host.store.clone()));
        let mut call = self.call(host, "a run of");
        call.store = held.clone();
        let mut run = self.enter(call, Hook::Run { event }).await;
        if run.result.is_ok() && !self.dying && !held.settle() {
            let message = "a concurrent run of the trigger changed the store entry that this run read";
            run.result = Err(RunError::new(ErrorKind::Unavailable, "store-conflict", message).into());
        }
        run
    }

    fn call<'a>(&'a self, host: &'a Host, doing: &str) -> Call<'a> {
        let mut call = Call::new(self.piece, host, &format!("{doing} trigger `{}`", self.name));
        call.wall = self.wall;
        call
    }

    async fn enter(&self, call: Call<'_>, hook: Hook) -> Run {
        call.run(Step::Trigger { name: self.name.clone(), input: self.props.clone(), hook }).await
    }
}
