//! The state that outlives a call, in memory.

mod held;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use leno_metadata::PieceError;
use leno_sandbox::Scope;
use serde::Serialize;
use serde_json::Value;

use crate::Clock;
pub(crate) use held::Held;

/// A scope, in an order, and a key in it.
type Place = (&'static str, String);

fn place(scope: Scope, key: &str) -> Place {
    (scope.as_str(), key.to_owned())
}

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    expires: Option<SystemTime>,
}

#[derive(Default)]
struct Contents {
    entries: BTreeMap<Place, Entry>,
    /// What another run writes just before the next compare-and-set of its key.
    interference: Vec<(Place, Vec<u8>)>,
    failure: Option<PieceError>,
}

/// The store of a [`Host`](crate::Host): that of one flow, in one project.
///
/// A time to live is measured by the host's [`Clock`](crate::Clock).
pub struct Store {
    clock: Arc<Clock>,
    contents: Mutex<Contents>,
}

impl Store {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        Self { clock, contents: Mutex::default() }
    }

    /// The value of a key, if it has one that is JSON. For other bytes there is [`Store::bytes`].
    pub fn get(&self, scope: Scope, key: &str) -> Option<Value> {
        serde_json::from_slice(&self.bytes(scope, key)?).ok()
    }

    /// The stored value of a key.
    pub fn bytes(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.live(&place(scope, key)).map(|entry| entry.value)
    }

    /// The remaining time to live of a key; `None` when it has no value, or one that stays.
    pub fn expires_in(&self, scope: Scope, key: &str) -> Option<Duration> {
        let expires = self.live(&place(scope, key))?.expires?;
        expires.duration_since(self.clock.now()).ok()
    }

    /// The keys of a scope, sorted.
    pub fn keys(&self, scope: Scope) -> Vec<String> {
        let now = self.clock.now();
        let contents = self.lock();
        let live = contents.entries.iter().filter(|((of, _), entry)| *of == scope.as_str() && entry.lives_at(now));
        live.map(|((_, key), _)| key.clone()).collect()
    }

    /// Sets a key to a value, written as JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn put(&self, scope: Scope, key: &str, value: impl Serialize) {
        let value = written(key, &value);
        self.lock().entries.insert(place(scope, key), Entry { value, expires: None });
    }

    /// Sets a key to any bytes.
    pub fn put_bytes(&self, scope: Scope, key: &str, value: impl Into<Vec<u8>>) {
        self.lock().entries.insert(place(scope, key), Entry { value: value.into(), expires: None });
    }

    /// Forgets a key.
    pub fn delete(&self, scope: Scope, key: &str) {
        self.lock().entries.remove(&place(scope, key));
    }

    /// Lets another run write `value` to a key just before the piece's next compare-and-set of it, which then fails. Call
    /// it again for the one after.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn interfere(&self, scope: Scope, key: &str, value: impl Serialize) {
        let value = written(key, &value);
        self.lock().interference.push((place(scope, key), value));
    }

    /// Lets every operation of the piece fail with this error, until [`Store::repair`].
    pub fn fail(&self, error: PieceError) {
        self.lock().failure = Some(error);
    }

    /// Ends [`Store::fail`].
    pub fn repair(&self) {
        self.lock().failure = None;
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self, place: &Place) -> Option<Entry> {
        let now = self.clock.now();
        self.lock().entries.get(place).filter(|entry| entry.lives_at(now)).cloned()
    }

    /// The entry that a `put` makes now.
    fn entry(&self, value: &[u8], ttl_seconds: Option<u32>) -> Entry {
        let expires = ttl_seconds.map(|seconds| self.clock.now() + Duration::from_secs(seconds.into()));
        Entry { value: value.to_vec(), expires }
    }

    /// Begins an operation of the piece: lets concurrent calls have their turn, as a database would.
    async fn begin(&self) -> Result<(), PieceError> {
        tokio::task::yield_now().await;
        self.lock().failure.clone().map_or(Ok(()), Err)
    }

    /// Lets the other run of [`Store::interfere`] write.
    fn disturb(&self, place: &Place) {
        let mut contents = self.lock();
        if let Some(other) = contents.interference.iter().position(|(of, _)| of == place) {
            let (place, value) = contents.interference.remove(other);
            contents.entries.insert(place, Entry { value, expires: None });
        }
    }

    fn compare_and_set_now(&self, place: Place, old: Option<&[u8]>, new: Entry) -> bool {
        self.disturb(&place);
        let now = self.clock.now();
        let mut contents = self.lock();
        let present = contents.entries.get(&place).filter(|entry| entry.lives_at(now));
        let equal = present.map(|entry| entry.value.as_slice()) == old;
        if equal {
            contents.entries.insert(place, new);
        }
        equal
    }
}

impl Entry {
    fn lives_at(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

#[track_caller]
fn written(key: &str, value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| panic!("the value for `{key}` cannot be written as JSON: {error}"))
}

#[async_trait]
impl leno_sandbox::Store for Store {
    async fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, PieceError> {
        self.begin().await?;
        Ok(self.bytes(scope, key))
    }

    async fn put(&self, scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<(), PieceError> {
        self.begin().await?;
        let entry = self.entry(value, ttl_seconds);
        self.lock().entries.insert(place(scope, key), entry);
        Ok(())
    }

    async fn compare_and_set(
        &self,
        scope: Scope,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Result<bool, PieceError> {
        self.begin().await?;
        Ok(self.compare_and_set_now(place(scope, key), old, self.entry(new, None)))
    }

    async fn delete(&self, scope: Scope, key: &str) -> Result<(), PieceError> {
        self.begin().await?;
        Store::delete(self, scope, key);
        Ok(())
    }
}

/// The live entries as `scope/key: value`; a value that is not JSON by its length.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.clock.now();
        let mut map = f.debug_map();
        for ((scope, key), entry) in self.lock().entries.iter().filter(|(_, entry)| entry.lives_at(now)) {
            let value = match serde_json::from_slice::<Value>(&entry.value) {
                Ok(value) => value.to_string(),
                Err(_) => format!("{} bytes", entry.value.len()),
            };
            map.entry(&format_args!("{scope}/{key}"), &format_args!("{value}"));
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn store() -> (Arc<Clock>, Store) {
        let clock = Arc::new(Clock::new());
        (clock.clone(), Store::new(clock))
    }

    #[tokio::test]
    async fn a_value_is_gone_when_its_time_to_live_is_over_and_not_before() {
        let (clock, store) = store();
        leno_sandbox::Store::put(&store, Scope::Flow, "k", b"1", Some(60)).await.unwrap();
        assert_eq!(store.expires_in(Scope::Flow, "k"), Some(Duration::from_secs(60)));
        clock.advance(Duration::from_secs(59));
        assert_eq!(store.get(Scope::Flow, "k"), Some(json!(1)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(store.get(Scope::Flow, "k"), None);
        assert!(store.keys(Scope::Flow).is_empty());
        assert!(leno_sandbox::Store::compare_and_set(&store, Scope::Flow, "k", None, b"2").await.unwrap());
    }

    #[tokio::test]
    async fn scopes_do_not_see_each_other() {
        let (_, store) = store();
        store.put(Scope::Flow, "k", "flow");
        assert_eq!(store.get(Scope::Project, "k"), None);
        store.put(Scope::Project, "k", "project");
        leno_sandbox::Store::delete(&store, Scope::Flow, "k").await.unwrap();
        assert_eq!(format!("{store:?}"), r#"{project/k: "project"}"#);
    }

    #[tokio::test]
    async fn interference_makes_the_next_compare_and_set_fail_and_only_that() {
        let (_, store) = store();
        store.put_bytes(Scope::Flow, "k", "old");
        store.interfere(Scope::Flow, "k", 7);
        let set = |old: &'static str| {
            leno_sandbox::Store::compare_and_set(&store, Scope::Flow, "k", Some(old.as_bytes()), b"new")
        };
        assert!(!set("old").await.unwrap());
        assert_eq!(store.get(Scope::Flow, "k"), Some(json!(7)));
        assert!(set("7").await.unwrap());
    }

    #[tokio::test]
    async fn a_broken_store_answers_the_error_until_it_is_repaired() {
        let (_, store) = store();
        store.fail(PieceError::denied("closed", "no"));
        assert_eq!(leno_sandbox::Store::get(&store, Scope::Flow, "k").await.unwrap_err().code, "closed");
        store.repair();
        assert_eq!(leno_sandbox::Store::get(&store, Scope::Flow, "k").await, Ok(None));
    }
}
