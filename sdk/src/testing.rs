//! A fake host, for tests that run where the piece is written: no WebAssembly, no network, no clock but one that the
//! test moves.
//!
//! Each thread has its own, so tests run in parallel. What the piece asks for and nobody has arranged fails the test, and
//! says what was arranged; what was arranged and never asked for fails it too, when the [`FakeHost`] goes out of scope.
//!
//! ```
//! use leno_sdk::prelude::*;
//! use leno_sdk::testing::FakeHost;
//!
//! fn stars(repository: &str) -> Result<u64> {
//!     let answer: Value =
//!         http::get(format!("https://api.example.com/repos/{repository}")).authorize().send()?.error_for_status()?.json()?;
//!     Ok(answer["stars"].as_u64().unwrap_or(0))
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
#![allow(
    clippy::panic,
    reason = "a test that asks for what nobody arranged has to fail, whatever the piece makes of an error"
)]

mod arranged;
mod expectation;
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
pub use arranged::{Expectation, SentRequest};
pub use expectation::Reply;
pub use record::LogRecord;
use state::{State, with};

/// The fake host of this thread, in force until it is dropped.
#[derive(Debug)]
pub struct FakeHost {
    /// Not to be sent to another thread, where it would be another host.
    here: PhantomData<*const ()>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// A host without connection, with an empty store, at 2024-01-01T00:00:00Z; what an earlier one had is gone.
    pub fn new() -> Self {
        with(|state| *state = State::default());
        Self { here: PhantomData }
    }

    /// Arranges the answer to one request, to be completed by [`Expectation::reply`]. Requests may come in any order;
    /// of several that fit, the first arranged is used first.
    pub fn expect(&self, method: &str, url: &str) -> Expectation {
        Expectation::new(method, url)
    }

    /// The requests that the piece has sent.
    pub fn requests(&self) -> Vec<SentRequest> {
        with(|state| state.sent.clone())
    }

    /// Gives the call a connection: its kind, its settings that are not secret, and the whole value that
    /// [`reveal`](crate::secrets::reveal) shows.
    pub fn connect(&self, kind: Kind, settings: Value, secret: Value) {
        with(|state| state.connection = Some((kind, settings, Some(secret))));
    }

    /// Gives the call a connection whose secrets the operator does not let the piece see.
    pub fn connect_sealed(&self, kind: Kind, settings: Value) {
        with(|state| state.connection = Some((kind, settings, None)));
    }

    /// Sets the clock.
    pub fn set_now(&self, now: DateTime) {
        with(|state| state.now = now.millis());
    }

    /// Moves the clock; what the store holds for a time grows old with it.
    pub fn advance(&self, time: Duration) {
        with(|state| state.now = state.now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)));
    }

    /// Sets which attempt at the step this is.
    pub fn set_attempt(&self, attempt: u32) {
        with(|state| state.attempt = attempt);
    }

    /// Sets how much time the call has left.
    pub fn set_remaining(&self, time: Duration) {
        with(|state| state.remaining = time);
    }

    /// Sets where the outside world reaches the trigger.
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

    /// The value of a key of the store, if it is there and JSON.
    pub fn stored(&self, scope: Scope, key: &str) -> Option<Value> {
        sys::store_get(scope, key).ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// The keys of a scope, in order.
    pub fn keys(&self, scope: Scope) -> Vec<String> {
        with(|state| state.store.keys().filter(|(of, _)| *of == scope).map(|(_, key)| key.clone()).collect())
    }

    /// Lets another run write `value` to a key just before the next compare-and-set of the piece.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    pub fn interfere(&self, scope: Scope, key: &str, value: impl Serialize) {
        let Ok(bytes) = serde_json::to_vec(&value) else { panic!("the value of `{key}` cannot be written as JSON") };
        with(|state| state.interference.push((scope, key.to_owned(), bytes)));
    }

    /// Lets every use of the store fail.
    pub fn break_store(&self, error: Error) {
        with(|state| state.store_error = Some(error));
    }

    /// What the piece has logged.
    pub fn logs(&self) -> Vec<LogRecord> {
        with(|state| state.logs.clone())
    }

    /// The schedules that triggers have asked for: cron expression and time zone.
    pub fn schedules(&self) -> Vec<(String, String)> {
        with(|state| state.schedules.clone())
    }

    /// The events that triggers have asked to be told of, with their identifier.
    pub fn listeners(&self) -> Vec<(Vec<String>, String)> {
        with(|state| state.listeners.clone())
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        let left = with(|state| std::mem::take(state).expectations);
        if !left.is_empty() && !std::thread::panicking() {
            panic!("the piece never sent what was arranged:{}", expectation::list(&left));
        }
    }
}
