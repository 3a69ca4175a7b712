//! The `store` interface of one call.

use std::sync::Arc;

use async_trait::async_trait;
use leno_base::{
    Clock, SystemClock, TenantId,
    budget::{Budget, Budgets},
    milliseconds,
};
use leno_db::{Db, DbError, EntryKey, MostStored, StoreEntries, StoreError, quota::Counted};
use leno_metadata::{ErrorKind, PieceError, PieceName};
use leno_sandbox::{Scope, Store};

use crate::budgets::{STORE_BYTES, STORE_KEYS};

/// How much a piece may store for a tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreQuota {
    keys: Arc<Budget>,
    bytes: Arc<Budget>,
}

impl StoreQuota {
    /// The limits of `budgets`.
    #[must_use]
    pub fn new(budgets: &Budgets) -> Self {
        Self { keys: budgets.get(&STORE_KEYS), bytes: budgets.get(&STORE_BYTES) }
    }

    /// Shows what all pieces store for all tenants.
    pub fn observe(&self, counted: Counted, used: u64) {
        match counted {
            Counted::StoreKeys => self.keys.observe(used),
            Counted::StoreBytes => self.bytes.observe(used),
            _ => {}
        }
    }

    fn most(&self) -> MostStored {
        MostStored { keys: self.keys.limit(), bytes: self.bytes.limit() }
    }

    /// What the piece gets.
    fn refuse(&self, error: StoreError) -> PieceError {
        let refusal = match error {
            StoreError::TooManyKeys => self.keys.refuse(None),
            StoreError::TooManyBytes => self.bytes.refuse(None),
            StoreError::Db(error) => return failed(&error),
        };
        PieceError::denied("store-quota", format!("{refusal}; remove some of them, or let values expire"))
    }
}

/// What one call may store: the entries of its tenant and piece, in its flow and its project. The guest names scope and
/// key, never the rest.
#[derive(Clone)]
pub struct PieceStore {
    entries: StoreEntries,
    quota: StoreQuota,
    tenant: TenantId,
    piece: PieceName,
    flow: String,
    project: String,
    clock: Arc<dyn Clock>,
}

impl PieceStore {
    /// The store of `piece` for `tenant`. Calls without a flow share one flow scope, calls without a project one project
    /// scope: that of the tenant's other such calls of the same piece.
    #[must_use]
    pub fn new(
        db: Db,
        tenant: TenantId,
        piece: PieceName,
        flow: Option<String>,
        project: Option<String>,
        quota: StoreQuota,
    ) -> Self {
        Self {
            entries: StoreEntries::within(db, quota.most()),
            quota,
            tenant,
            piece,
            flow: flow.unwrap_or_default(),
            project: project.unwrap_or_default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same store with the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    fn key<'a>(&'a self, scope: Scope, key: &'a str) -> EntryKey<'a> {
        let scope_id = match scope {
            Scope::Flow => &self.flow,
            Scope::Project => &self.project,
        };
        EntryKey { tenant: self.tenant.as_str(), piece: self.piece.short(), scope: scope.as_str(), scope_id, key }
    }

    /// Removes what has expired, if the quota stands in the way. Returns whether that made room.
    async fn makes_room<T>(&self, result: &Result<T, StoreError>) -> bool {
        if !matches!(result, Err(StoreError::TooManyKeys | StoreError::TooManyBytes)) {
            return false;
        }
        let removed = self.entries.delete_expired_of(self.tenant.as_str(), self.piece.short(), self.now()).await;
        removed.is_ok_and(|rows| rows > 0)
    }

    fn now(&self) -> i64 {
        milliseconds(&*self.clock)
    }
}

/// The piece gets a generic error; the operator's log has the cause.
fn failed(error: &DbError) -> PieceError {
    if let DbError::Busy(busy) = error {
        tracing::warn!(%error, "the store of a piece is busy");
        let retry_after_ms = u64::try_from(busy.retry_after().as_millis()).ok();
        let message = "the store is busy; try again later";
        return PieceError { retry_after_ms, ..PieceError::new(ErrorKind::Unavailable, "store-unavailable", message) };
    }
    tracing::error!(%error, "the store of a piece failed");
    PieceError::new(ErrorKind::Unavailable, "store-unavailable", "the store is unavailable; try again later")
}

#[async_trait]
impl Store for PieceStore {
    async fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, PieceError> {
        self.entries.get(self.key(scope, key), self.now()).await.map_err(|error| failed(&error))
    }

    async fn put(&self, scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<(), PieceError> {
        let expires_at = ttl_seconds.map(|seconds| self.now().saturating_add(i64::from(seconds) * 1000));
        let put = || self.entries.put(self.key(scope, key), value, expires_at);
        let mut done = put().await;
        if self.makes_room(&done).await {
            done = put().await;
        }
        done.map_err(|error| self.quota.refuse(error))
    }

    async fn compare_and_set(
        &self,
        scope: Scope,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Result<bool, PieceError> {
        let set = || self.entries.compare_and_set(self.key(scope, key), old, new, self.now());
        let mut done = set().await;
        if self.makes_room(&done).await {
            done = set().await;
        }
        done.map_err(|error| self.quota.refuse(error))
    }

    async fn delete(&self, scope: Scope, key: &str) -> Result<(), PieceError> {
        self.entries.delete(self.key(scope, key)).await.map_err(|error| failed(&error))
    }
}
