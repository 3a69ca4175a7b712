//! The writes of a trigger's run, held back until its events are taken.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use leno_metadata::PieceError;
use leno_sandbox::Scope;

use super::{Entry, Place, Store, place};

#[derive(Default)]
struct Pending {
    /// New entries, and forgotten ones.
    writes: BTreeMap<Place, Option<Entry>>,
    /// What a compare-and-set found in the store underneath: it must still be there when the writes are made lasting.
    found: BTreeMap<Place, Option<Vec<u8>>>,
}

/// A view of a [`Store`] whose writes are committed together, or not at all.
pub(crate) struct Held {
    store: Arc<Store>,
    pending: Mutex<Pending>,
}

impl Held {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, pending: Mutex::default() }
    }

    /// Commits the writes. Returns whether that was possible, or another run had changed what a compare-and-set found.
    pub(crate) fn settle(&self) -> bool {
        let Pending { writes, found } = std::mem::take(&mut *self.lock());
        let now = self.store.clock.now();
        let mut contents = self.store.lock();
        let unchanged = found.iter().all(|(place, found)| {
            let present = contents.entries.get(place).filter(|entry| entry.lives_at(now));
            present.map(|entry| &entry.value) == found.as_ref()
        });
        if unchanged {
            for (place, entry) in writes {
                match entry {
                    Some(entry) => contents.entries.insert(place, entry),
                    None => contents.entries.remove(&place),
                };
            }
        }
        unchanged
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, place: &Place) -> Option<Vec<u8>> {
        let held = self.lock().writes.get(place).cloned();
        let now = self.store.clock.now();
        held.unwrap_or_else(|| self.store.live(place)).filter(|entry| entry.lives_at(now)).map(|entry| entry.value)
    }
}

#[async_trait]
impl leno_sandbox::Store for Held {
    async fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, PieceError> {
        self.store.begin().await?;
        Ok(self.value(&place(scope, key)))
    }

    async fn put(&self, scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<(), PieceError> {
        self.store.begin().await?;
        let entry = self.store.entry(value, ttl_seconds);
        self.lock().writes.insert(place(scope, key), Some(entry));
        Ok(())
    }

    async fn compare_and_set(
        &self,
        scope: Scope,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Result<bool, PieceError> {
        self.store.begin().await?;
        let place = place(scope, key);
        self.store.disturb(&place);
        if self.value(&place).as_deref() != old {
            return Ok(false);
        }
        let beneath = self.store.live(&place).map(|entry| entry.value);
        let entry = self.store.entry(new, None);
        let mut pending = self.lock();
        if !pending.writes.contains_key(&place) {
            pending.found.entry(place.clone()).or_insert(beneath);
        }
        pending.writes.insert(place, Some(entry));
        Ok(true)
    }

    async fn delete(&self, scope: Scope, key: &str) -> Result<(), PieceError> {
        self.store.begin().await?;
        self.lock().writes.insert(place(scope, key), None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use leno_sandbox::Store as _;

    use super::*;
    use crate::Clock;

    fn stores() -> (Arc<Store>, Held, Held) {
        let store = Arc::new(Store::new(Arc::new(Clock::new())));
        (store.clone(), Held::new(store.clone()), Held::new(store))
    }

    #[tokio::test]
    async fn nothing_is_lasting_before_it_is_settled() {
        let (store, held, other) = stores();
        store.put_bytes(Scope::Flow, "gone", "1");
        held.put(Scope::Flow, "new", b"2", None).await.unwrap();
        held.delete(Scope::Flow, "gone").await.unwrap();
        assert_eq!(held.get(Scope::Flow, "new").await.unwrap().unwrap(), b"2");
        assert_eq!(held.get(Scope::Flow, "gone").await.unwrap(), None);
        assert_eq!(other.get(Scope::Flow, "new").await.unwrap(), None);
        assert_eq!(format!("{store:?}"), "{flow/gone: 1}");
        assert!(held.settle());
        assert_eq!(format!("{store:?}"), "{flow/new: 2}");
    }

    #[tokio::test]
    async fn of_two_runs_that_compare_and_set_the_same_value_only_the_first_settles() {
        let (store, first, second) = stores();
        store.put_bytes(Scope::Flow, "k", "0");
        for (held, last) in [(&first, b"2"), (&second, b"3")] {
            assert!(held.compare_and_set(Scope::Flow, "k", Some(b"0"), b"1").await.unwrap());
            assert!(held.compare_and_set(Scope::Flow, "k", Some(b"1"), last).await.unwrap());
        }
        assert!(first.settle());
        assert!(!second.settle());
        assert_eq!(store.bytes(Scope::Flow, "k").unwrap(), b"2");
    }
}
