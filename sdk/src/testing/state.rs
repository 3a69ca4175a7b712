//! The state of the fake host of a thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::expected::{Expected, SentRequest};
use super::record::LogRecord;
use crate::Error;
use crate::connection::Kind;
use crate::scope::Scope;

/// Kind, settings, and the whole value if the piece may read it.
pub(super) type Connection = (Kind, Value, Option<Value>);

pub(super) struct State {
    pub(super) now: i64,
    pub(super) attempt: u32,
    pub(super) remaining: Duration,
    pub(super) webhook_url: Option<String>,
    pub(super) connection: Option<Connection>,
    pub(super) expectations: Vec<Expected>,
    pub(super) sent: Vec<SentRequest>,
    /// Values, each with the time at which it expires, in milliseconds.
    pub(super) store: BTreeMap<(Scope, String), (Vec<u8>, Option<i64>)>,
    pub(super) store_error: Option<Error>,
    pub(super) interference: Vec<(Scope, String, Vec<u8>)>,
    pub(super) logs: Vec<LogRecord>,
    pub(super) schedules: Vec<(String, String)>,
    pub(super) listeners: Vec<(Vec<String>, String)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            now: 1_704_067_200_000,
            attempt: 1,
            remaining: Duration::from_secs(30),
            webhook_url: None,
            connection: None,
            expectations: Vec::new(),
            sent: Vec::new(),
            store: BTreeMap::new(),
            store_error: None,
            interference: Vec::new(),
            logs: Vec::new(),
            schedules: Vec::new(),
            listeners: Vec::new(),
        }
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Runs `operation` on the state of this thread.
pub(super) fn with<T>(operation: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(operation)
}
