//! The refreshes under way in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use leno_db::ConnectionRow;
use leno_metadata::ConnectionValue;
use leno_oauth2::lifetime;
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
    /// The provider refuses to renew the token, and gives no reason why the grant would have ended.
    Refused(String),
    /// There is no new token yet: why, and when to try again (milliseconds since 1970).
    Later(String, i64),
}

impl Landing {
    /// Where a connection stands whose last refresh failed, and which is not refreshed again before `retry_at`.
    pub(crate) fn resting(row: &ConnectionRow, retry_at: i64) -> Self {
        let reason = row.status_reason.clone().unwrap_or_default();
        if row.refresh_refusals > 0 { Self::Refused(reason) } else { Self::Later(reason, retry_at) }
    }
}

/// Why a connection is refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its token is due.
    Due,
    /// Its owner asked for it, or a service rejected its token, when it had this `rev`: also before it is due, and when it
    /// does not work.
    Asked {
        /// The `rev`.
        rev: i64,
    },
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

/// From when on the token is renewed, in milliseconds since 1970; `None` when it cannot be. Rows of earlier versions do not
/// say it of a value without the time of its token.
pub(crate) fn renewable_at(row: &ConnectionRow, value: &ConnectionValue) -> Option<i64> {
    row.refresh_at.or_else(|| lifetime(value).refresh_at)
}
