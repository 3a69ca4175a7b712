//! Small state that outlives the call, as JSON.
//!
//! ```
//! # let host = leno_sdk::testing::FakeHost::new();
//! use leno_sdk::store;
//!
//! let calls = store::flow().update("calls", |calls: Option<u64>| Ok(calls.unwrap_or(0) + 1))?;
//! assert_eq!(calls, 1);
//! assert_eq!(store::project().get::<u64>("calls")?, None);
//! # Ok::<(), leno_sdk::Error>(())
//! ```

pub use crate::scope::Scope;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result, json_path, sys};

/// The state of one scope.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    scope: Scope,
}

/// The state of this flow.
pub fn flow() -> Store {
    scope(Scope::Flow)
}

/// The state of this flow's project.
pub fn project() -> Store {
    scope(Scope::Project)
}

/// The state of the given scope.
pub fn scope(scope: Scope) -> Store {
    Store { scope }
}

/// How often [`Store::update`] tries before it gives up: more rivals than this at one key is a fault of design.
const UPDATE_ATTEMPTS: u32 = 32;

impl Store {
    /// The value of a key; none when there is none or its time is over.
    ///
    /// # Errors
    /// `internal` with the code `store-value` when the value is not a `T`; else what the host answers.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>> {
        self.get_bytes(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Sets a key.
    ///
    /// # Errors
    /// What the host answers, for example when key or value is too large.
    pub fn put<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<()> {
        self.put_bytes(key, &serde_json::to_vec(value)?, None)
    }

    /// Sets a key for a time, in whole seconds, rounded up.
    ///
    /// # Errors
    /// As of [`Store::put`].
    pub fn put_for<T: Serialize + ?Sized>(self, key: &str, value: &T, time: Duration) -> Result<()> {
        self.put_bytes(key, &serde_json::to_vec(value)?, Some(time))
    }

    /// Sets a key only if its value is still `old` (none: only if there is no value); answers whether it did.
    /// Values are compared as JSON text, as this type writes it.
    ///
    /// # Errors
    /// As of [`Store::put`].
    pub fn compare_and_set<T: Serialize>(self, key: &str, old: Option<&T>, new: &T) -> Result<bool> {
        let old = old.map(serde_json::to_vec).transpose()?;
        self.compare_and_set_bytes(key, old.as_deref(), &serde_json::to_vec(new)?)
    }

    /// Changes a key without losing the change of another run: `change` is called again when there was one.
    ///
    /// # Errors
    /// What `change` answers; `unavailable` with the code `store-contention` when others were faster too often.
    pub fn update<T, F>(self, key: &str, mut change: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> Result<T>,
    {
        for _ in 0..UPDATE_ATTEMPTS {
            let old = self.get_bytes(key)?;
            let new = change(old.as_deref().map(|bytes| decode(key, bytes)).transpose()?)?;
            if self.compare_and_set_bytes(key, old.as_deref(), &serde_json::to_vec(&new)?)? {
                return Ok(new);
            }
        }
        Err(Error::unavailable(
            "store-contention",
            format!("the key `{key}` was changed by others {UPDATE_ATTEMPTS} times in a row; try again"),
        ))
    }

    /// Removes a key; to remove what is not there is no error.
    ///
    /// # Errors
    /// What the host answers.
    pub fn delete(self, key: &str) -> Result<()> {
        sys::store_delete(self.scope, key)
    }

    /// The value of a key as it is stored.
    ///
    /// # Errors
    /// What the host answers.
    pub fn get_bytes(self, key: &str) -> Result<Option<Vec<u8>>> {
        sys::store_get(self.scope, key)
    }

    /// Sets a key to any bytes, for a time if one is given, in whole seconds, rounded up.
    ///
    /// # Errors
    /// What the host answers.
    pub fn put_bytes(self, key: &str, value: &[u8], time: Option<Duration>) -> Result<()> {
        let seconds = time.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
        sys::store_put(self.scope, key, value, seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)))
    }

    /// Sets a key only if its stored bytes are still `old`; answers whether it did.
    ///
    /// # Errors
    /// What the host answers.
    pub fn compare_and_set_bytes(self, key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool> {
        sys::store_compare_and_set(self.scope, key, old, new)
    }
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    json_path::read_bytes(bytes)
        .map_err(|error| Error::internal("store-value", format!("the stored value of `{key}` cannot be read: {error}")))
}
