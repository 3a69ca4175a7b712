//! Small state, as JSON, that is kept between calls.
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

/// How often [`Store::update`] tries. More concurrent writers of one key than this are a design error.
const UPDATE_ATTEMPTS: u32 = 32;

impl Store {
    /// Returns the value of a key; none if it is absent or expired.
    ///
    /// # Errors
    /// `internal` with the code `store-value` if the value is not a `T`, and the errors of the host.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>> {
        self.get_bytes(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Sets a key.
    ///
    /// # Errors
    /// The error of the host, for example if key or value is too large.
    pub fn put<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<()> {
        self.put_bytes(key, &serde_json::to_vec(value)?, None)
    }

    /// Sets a key that expires after `time`, rounded up to whole seconds.
    ///
    /// # Errors
    /// See [`Store::put`].
    pub fn put_for<T: Serialize + ?Sized>(self, key: &str, value: &T, time: Duration) -> Result<()> {
        self.put_bytes(key, &serde_json::to_vec(value)?, Some(time))
    }

    /// Sets a key only if its value is still `old` (none: only if the key is absent). Returns whether it was set.
    /// Values are compared as the JSON text that `T` serializes to.
    ///
    /// # Errors
    /// See [`Store::put`].
    pub fn compare_and_set<T: Serialize>(self, key: &str, old: Option<&T>, new: &T) -> Result<bool> {
        let old = old.map(serde_json::to_vec).transpose()?;
        self.compare_and_set_bytes(key, old.as_deref(), &serde_json::to_vec(new)?)
    }

    /// Changes a key without overwriting a concurrent change: `change` is called again if another run changed the key.
    ///
    /// # Errors
    /// The error of `change`; `unavailable` with the code `store-contention` after 32 concurrent changes in a row.
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
            format!("other runs changed the key `{key}` {UPDATE_ATTEMPTS} times in a row; try again"),
        ))
    }

    /// Removes a key. An absent key is not an error.
    ///
    /// # Errors
    /// The error of the host.
    pub fn delete(self, key: &str) -> Result<()> {
        sys::store_delete(self.scope, key)
    }

    /// Returns the stored bytes of a key; none if it is absent or expired.
    ///
    /// # Errors
    /// The error of the host.
    pub fn get_bytes(self, key: &str) -> Result<Option<Vec<u8>>> {
        sys::store_get(self.scope, key)
    }

    /// Sets a key to any bytes. With `time` it expires after that, rounded up to whole seconds.
    ///
    /// # Errors
    /// The error of the host.
    pub fn put_bytes(self, key: &str, value: &[u8], time: Option<Duration>) -> Result<()> {
        let seconds = time.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
        sys::store_put(self.scope, key, value, seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)))
    }

    /// Sets a key only if its stored bytes are still `old` (none: only if the key is absent). Returns whether it was set.
    ///
    /// # Errors
    /// The error of the host.
    pub fn compare_and_set_bytes(self, key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool> {
        sys::store_compare_and_set(self.scope, key, old, new)
    }
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    json_path::read_bytes(bytes)
        .map_err(|error| Error::internal("store-value", format!("the stored value of `{key}` cannot be read: {error}")))
}
