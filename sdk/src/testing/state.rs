//! What the fake host of a thread knows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::arranged::{Expected, SentRequest};
use super::record::LogRecord;
use crate::Error;
use crate::connection::Kind;
use crate::scope::Scope;

/// Kind, settings, and the whole value if it may be seen.
pub(super) type Connection = (Kind, Value, Option<Value>);

pub(super) struct State {
    pub(super) now: i64,
    pub(super) attempt: u32,
    pub(super) remaining: Duration,
    pub(super) webhook_url: Option<String>,
    pub(super) connection: Option<Connection>,
    pub(super) expectations: Vec<Expected>,
    pub(super) sent: Vec<SentRequest>,
    /// Value and the time at which it ends.
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

pub(super) fn with<T>(use_it: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(use_it)
}
