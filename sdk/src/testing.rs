//! A fake host for native tests: no WebAssembly, no network, and a clock that only the test moves.
//!
//! Each thread has its own fake host, so tests run in parallel. A request that the test does not expect fails the test, with
//! a list of the expected ones. An expected request that the piece never sends fails it too, when the [`FakeHost`] goes out
//! of scope.
//!
//! ```
//! use leno_sdk::prelude::*;
//! use leno_sdk::testing::FakeHost;
//!
//! fn stars(repository: &str) -> Result<u64> {
//!     let repository: Value =
//!         http::get(format!("https://api.example.com/repos/{repository}")).authorize().send()?.error_for_status()?.json()?;
//!     Ok(repository["stars"].as_u64().unwrap_or(0))
//! }
//!
//! let host = FakeHost::new();
//! host.expect("GET", "https://api.example.com/repos/ever").authorized().reply(200).json(json!({"stars": 7}));
//! host.expect("GET", "https://api.example.com/repos/never").reply(404).text("no such repository");
//!
//! assert_eq!(stars("ever")?, 7);
//! assert_eq!(stars("never").unwrap_err().kind(), ErrorKind::NotFound);
//! assert_eq!(host.requests().len(), 2);
//! # Ok::<(), Error>(())
//! ```
#![allow(clippy::panic, reason = "an unexpected request has to fail the test, even if the piece handles the error")]

mod expectation;
mod expected;
mod record;
mod state;
pub(crate) mod sys;

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::connection::Kind;
use crate::store::Scope;
use crate::{DateTime, Error};
pub use expectation::Reply;
pub use expected::{Expectation, SentRequest};
pub use record::LogRecord;
use state::{State, with};

/// The fake host of this thread, until it is dropped.
#[derive(Debug)]
pub struct FakeHost {
    /// Makes it `!Send`: on another thread it would be another host.
    here: PhantomData<*const ()>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// A host without a connection, with an empty store, at 2024-01-01T00:00:00Z. It keeps nothing of an earlier one.
    pub fn new() -> Self {
        with(|state| *state = State::default());
        Self { here: PhantomData }
    }

    /// Expects one request; [`Expectation::reply`] or [`Expectation::fail`] completes it. Requests may arrive in any order.
    /// If a request matches several expectations, the oldest one is used.
    pub fn expect(&self, method: &str, url: &str) -> Expectation {
        Expectation::new(method, url)
    }

    /// The requests that the piece has sent, in order.
    pub fn requests(&self) -> Vec<SentRequest> {
        with(|state| state.sent.clone())
    }

    /// Gives the call a connection: its kind, its settings that are not secret, and the whole value that
    /// [`reveal`](crate::secrets::reveal) shows.
    pub fn connect(&self, kind: Kind, settings: Value, secret: Value) {
        with(|state| state.connection = Some((kind, settings, Some(secret))));
    }

    /// Gives the call a connection whose secrets the piece may not read: [`reveal`](crate::secrets::reveal) returns `denied`.
    pub fn connect_sealed(&self, kind: Kind, settings: Value) {
        with(|state| state.connection = Some((kind, settings, None)));
    }

    /// Sets the clock.
    pub fn set_now(&self, now: DateTime) {
        with(|state| state.now = now.millis());
    }

    /// Moves the clock forward; entries of the store expire accordingly.
    pub fn advance(&self, time: Duration) {
        with(|state| state.now = state.now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)));
    }

    /// Sets the number of the attempt at the step, from 1.
    pub fn set_attempt(&self, attempt: u32) {
        with(|state| state.attempt = attempt);
    }

    /// Sets how much time the call has left.
    pub fn set_remaining(&self, time: Duration) {
        with(|state| state.remaining = time);
    }

    /// Sets the URL of the trigger's webhook.
    pub fn set_webhook_url(&self, url: &str) {
        with(|state| state.webhook_url = Some(url.to_owned()));
    }

    /// Sets a key of the store, as JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    pub fn put(&self, scope: Scope, key: &str, value: impl Serialize) {
        let Ok(bytes) = serde_json::to_vec(&value) else { panic!("the value of `{key}` cannot be written as JSON") };
        with(|state| state.store.insert((scope, key.to_owned()), (bytes, None)));
    }

    /// The value of a key of the store; none if it is absent, expired or not JSON.
    pub fn stored(&self, scope: Scope, key: &str) -> Option<Value> {
        sys::store_get(scope, key).ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// The keys of a scope, sorted.
    pub fn keys(&self, scope: Scope) -> Vec<String> {
        with(|state| state.store.keys().filter(|(of, _)| *of == scope).map(|(_, key)| key.clone()).collect())
    }

    /// Writes `value` to a key just before the piece's next compare-and-set of it, as a concurrent run would.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    pub fn interfere(&self, scope: Scope, key: &str, value: impl Serialize) {
        let Ok(bytes) = serde_json::to_vec(&value) else { panic!("the value of `{key}` cannot be written as JSON") };
        with(|state| state.interference.push((scope, key.to_owned(), bytes)));
    }

    /// Makes every operation on the store return this error.
    pub fn break_store(&self, error: Error) {
        with(|state| state.store_error = Some(error));
    }

    /// The records that the piece has logged.
    pub fn logs(&self) -> Vec<LogRecord> {
        with(|state| state.logs.clone())
    }

    /// The schedules that triggers have registered: cron expression and time zone.
    pub fn schedules(&self) -> Vec<(String, String)> {
        with(|state| state.schedules.clone())
    }

    /// The events that triggers have subscribed to, with the identifier of each subscription.
    pub fn listeners(&self) -> Vec<(Vec<String>, String)> {
        with(|state| state.listeners.clone())
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        let left = with(|state| std::mem::take(state).expectations);
        if !left.is_empty() && !std::thread::panicking() {
            panic!("the piece did not send the expected requests:{}", expectation::list(&left));
        }
    }
}
