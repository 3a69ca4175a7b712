//! The grants whose access tokens no longer count, although they have not ended.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

/// How old the list may be, in milliseconds, before no access token of a client is accepted: one whose revocation cannot be seen
/// may be revoked.
const OLDEST: i64 = 60_000;
/// Grants that are remembered.
const MOST: usize = 1_000_000;

/// Revoked grants, by their id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Revoked(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When the last access token of each ends, in milliseconds since 1970.
    grants: RwLock<HashMap<String, i64>>,
    /// When the list was last known to be whole.
    seen_at: AtomicI64,
}

impl Revoked {
    /// Whether the access tokens of a grant no longer count at `now` (milliseconds since 1970). `None` when this host does not
    /// know: it has not read the list for a minute.
    #[must_use]
    pub fn contains(&self, grant: &str, now: i64) -> Option<bool> {
        let known = self.0.grants.read().unwrap_or_else(PoisonError::into_inner).contains_key(grant);
        match known {
            true => Some(true),
            false if now.saturating_sub(self.0.seen_at.load(Ordering::Relaxed)) > OLDEST => None,
            false => Some(false),
        }
    }

    /// Adds grants, and says that the list is whole as of `now`.
    pub(crate) fn learn(&self, grants: impl IntoIterator<Item = (String, i64)>, now: i64) {
        let mut known = self.0.grants.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        known.extend(grants);
        // More than that, and the host lets none of the others pass either.
        if known.len() < MOST {
            self.0.seen_at.store(now, Ordering::Relaxed);
        }
    }

    /// When the list was last known to be whole.
    pub(crate) fn seen_at(&self) -> Option<i64> {
        Some(self.0.seen_at.load(Ordering::Relaxed)).filter(|seen| *seen > 0)
    }

    /// Adds a grant that was revoked by this host.
    pub(crate) fn add(&self, grant: &str, until: i64) {
        self.0.grants.write().unwrap_or_else(PoisonError::into_inner).insert(grant.to_owned(), until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_cannot_see_revocations_lets_no_token_pass() {
        let revoked = Revoked::default();
        assert_eq!(revoked.contains("g", 100_000), None);
        revoked.learn([], 100_000);
        assert_eq!(revoked.contains("g", 160_000), Some(false));
        assert_eq!(revoked.contains("g", 160_001), None);
        revoked.add("g", 500_000);
        assert_eq!(revoked.contains("g", 160_001), Some(true));
        revoked.learn([], 500_000);
        assert_eq!(revoked.contains("g", 500_000), Some(false));
    }
}
