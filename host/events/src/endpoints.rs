//! Endpoints: the addresses that owners have their events sent to.

use std::sync::Arc;

use leno_base::{
    Clock, NoRandomness, Owner,
    budget::{Budgets, Exhausted},
    milliseconds,
};
use leno_db::{
    AuditEntry, Db, DbError, DeliveryRow, EndpointRow, audit_log,
    endpoints::{self, Retried},
    quota::{Counted, Quota, QuotaError},
    users,
};
use leno_egress::PrivateGrant;
use leno_vault::Keyring;
use secrecy::SecretString;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    Events, address,
    budgets::{TENANT_ENDPOINTS, USER_ENDPOINTS},
    signature,
};

/// Why an endpoint request was refused.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Events are not sent to this address.
    #[error("{0}")]
    Address(String),
    /// The owner or the tenant has the most endpoints that one may have.
    #[error("{0}; remove one of them first")]
    TooMany(Exhausted),
    /// No secret can be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<QuotaError> for EndpointError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exhausted(refusal) => Self::TooMany(refusal),
            QuotaError::Db(error) => Self::Db(error),
        }
    }
}

/// The endpoints of all owners. Cheap to clone.
#[derive(Clone)]
pub struct Endpoints(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    private: Vec<PrivateGrant>,
    quota: Quota,
    wake: Arc<Notify>,
}

impl Endpoints {
    /// The endpoints in `db`, with their secrets sealed by `keyring`. Public hosts and the addresses in `private` are
    /// accepted.
    #[must_use]
    pub fn new(
        db: Db,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        private: Vec<PrivateGrant>,
        events: &Events,
        budgets: &Budgets,
    ) -> Self {
        let quota = Quota::new(Counted::Endpoints, budgets, &USER_ENDPOINTS, &TENANT_ENDPOINTS, None);
        Self(Arc::new(Inner { db, keyring, clock, private, quota, wake: events.deliverer() }))
    }

    /// Checks an address, and returns it in the form in which it is requested. https to a public host is accepted, and
    /// what is privately granted. A name is resolved, and its addresses are checked, whenever an event is sent.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn check(&self, url: &str) -> Result<String, EndpointError> {
        address::check(url, &self.0.private).map_err(EndpointError::Address)
    }

    /// Adds an endpoint that gets events of `kinds`, or of all kinds if that is empty. Returns it with its secret, which is
    /// not shown again.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn register(
        &self,
        owner: &Owner,
        url: &str,
        kinds: &[&str],
    ) -> Result<(EndpointRow, SecretString), EndpointError> {
        let inner = &*self.0;
        let url = self.check(url)?;
        let secret = signature::new_secret()?;
        let (id, now) = (Uuid::now_v7().to_string(), milliseconds(&*inner.clock));
        let sealed = inner.keyring.seal(&secret, signature::place(&owner.tenant, &id))?;
        let events = serde_json::to_string(kinds).unwrap_or_else(|_| "[]".to_owned());
        let endpoint = EndpointRow { id, url, events, disabled_at: None, created_at: now };
        let mut tx = inner.db.begin(&owner.tenant).await?;
        let account = users::hold(&mut tx, &owner.tenant, &owner.user, false, now).await?;
        let owner = &Owner { tenant: owner.tenant.clone(), user: account.unwrap_or_else(|| owner.user.clone()) };
        let sealed = (sealed.as_str(), inner.keyring.active().as_str());
        endpoints::insert(&mut tx, &owner.tenant, &owner.user, &endpoint, sealed).await?;
        inner.quota.check(&mut tx, owner).await?;
        audit_log::append(&mut tx, &entry(now, owner, "webhook.registered", &endpoint.id)).await?;
        tx.commit().await?;
        Ok((endpoint, secret))
    }

    /// Shows how many endpoints all owners have.
    pub fn observe(&self, counted: Counted, used: u64) {
        if counted == Counted::Endpoints {
            self.0.quota.observe(used);
        }
    }

    /// The owner's endpoints, oldest first.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list(&self, owner: &Owner) -> Result<Vec<EndpointRow>, DbError> {
        endpoints::list(&self.0.db, &owner.tenant, &owner.user).await
    }

    /// Removes an endpoint of the owner with its pending deliveries. Returns whether there was one.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn remove(&self, owner: &Owner, id: &str) -> Result<bool, DbError> {
        let removed = endpoints::remove(&self.0.db, &owner.tenant, &owner.user, id).await?;
        if removed {
            let now = milliseconds(&*self.0.clock);
            audit_log::record(&self.0.db, entry(now, owner, "webhook.removed", id)).await?;
        }
        Ok(removed)
    }

    /// Up to `limit` deliveries of an endpoint, the newest event first; `None` when the owner has no such endpoint.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn deliveries(
        &self,
        owner: &Owner,
        endpoint: &str,
        status: Option<&str>,
        limit: i64,
    ) -> Result<Option<Vec<DeliveryRow>>, DbError> {
        endpoints::deliveries(&self.0.db, &owner.tenant, &owner.user, endpoint, status, limit).await
    }

    /// Sends a delivery again, and enables its endpoint if that was disabled.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn retry(&self, owner: &Owner, endpoint: &str, id: &str) -> Result<Retried, DbError> {
        let inner = &*self.0;
        let now = inner.db.now(&*inner.clock).await?;
        let retried = endpoints::retry(&inner.db, &owner.tenant, &owner.user, endpoint, id, now).await?;
        inner.wake.notify_one();
        Ok(retried)
    }
}

/// An entry of the audit log: endpoints carry events out of this host.
fn entry(at: i64, owner: &Owner, event: &'static str, id: &str) -> AuditEntry {
    AuditEntry::new(at, owner.tenant.clone(), owner.actor(), event, id)
}
