//! The refreshes under way in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use leno_metadata::ConnectionValue;
use tokio::sync::watch;

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum Landing {
    /// The value is valid.
    Good(Arc<ConnectionValue>),
    /// The connection does not work until its owner connects again.
    Broken(String),
    /// It was removed.
    Gone,
    /// There is no new token yet: why, and when to try again (milliseconds since 1970).
    Later(String, i64),
}

/// The flights of this process, by connection.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<String, watch::Receiver<Option<Landing>>>>);

impl Flights {
    /// The flights, locked for reading and changing.
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Landing>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
