//! How much is stored for whom: table `quota_usage`, which triggers keep, and the limits of it.

use std::{sync::Arc, time::Duration};

use leno_base::{
    Owner, TenantId,
    budget::{Budget, Budgets, Exhausted, Spec},
};
use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Connections of a user, and of a tenant.
    Connections,
    /// Sign-ins under way, of a user and of a tenant.
    SignIns,
    /// Event endpoints of a user, and of a tenant.
    Endpoints,
    /// Events that are kept for a user.
    Events,
    /// Keys in the store of a piece for a tenant.
    StoreKeys,
    /// Bytes of values there.
    StoreBytes,
    /// Clients of the authorization server, of a user and of a tenant.
    OAuthClients,
    /// Authorization requests under way, of an address and of all.
    OAuthRequests,
    /// What users allowed clients, of a user and of a tenant.
    OAuthGrants,
    /// Links by which a connection is made, of a user and of a tenant.
    ConnectSessions,
    /// Tickets for streams of events that were not used yet, of a user and of a tenant.
    EventTickets,
}

impl Counted {
    /// All of it.
    pub const ALL: [Self; 11] = [
        Self::Connections,
        Self::SignIns,
        Self::Endpoints,
        Self::Events,
        Self::StoreKeys,
        Self::StoreBytes,
        Self::OAuthClients,
        Self::OAuthRequests,
        Self::OAuthGrants,
        Self::ConnectSessions,
        Self::EventTickets,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::SignIns => "sign-ins",
            Self::Endpoints => "endpoints",
            Self::Events => "events",
            Self::StoreKeys => "store-keys",
            Self::StoreBytes => "store-bytes",
            Self::OAuthClients => "oauth-clients",
            Self::OAuthRequests => "oauth-requests",
            Self::OAuthGrants => "oauth-grants",
            Self::ConnectSessions => "connect-sessions",
            Self::EventTickets => "event-tickets",
        }
    }
}

/// Rows that are not added.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// The owner or the tenant has as many as it may have.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// How many rows of one kind each user and each tenant may have. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Quota {
    counted: Counted,
    user: Arc<Budget>,
    tenant: Arc<Budget>,
    retry_after: Option<Duration>,
}

impl Quota {
    /// The limits `user` and `tenant` of `budgets`. `retry_after` is for rows that go by themselves.
    #[must_use]
    pub fn new(
        counted: Counted,
        budgets: &Budgets,
        user: &'static Spec,
        tenant: &'static Spec,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { counted, user: budgets.get(user), tenant: budgets.get(tenant), retry_after }
    }

    /// Checks the limits after a row was added in `tx`. Until `tx` ends, nobody else adds one for this tenant, so the count
    /// is exact.
    ///
    /// # Errors
    /// [`QuotaError`]: the transaction is not to be committed.
    pub async fn check(&self, tx: &mut AnyConnection, owner: &Owner) -> Result<(), QuotaError> {
        self.allows(tx, owner, 0).await
    }

    /// Checks whether `more` rows may be added, before they are.
    ///
    /// # Errors
    /// [`QuotaError`].
    pub async fn allows(&self, tx: &mut AnyConnection, owner: &Owner, more: u64) -> Result<(), QuotaError> {
        for (budget, whose) in [(&self.user, owner.user.as_str()), (&self.tenant, "")] {
            if used(tx, &owner.tenant, whose, self.counted).await?.saturating_add(more) > budget.limit() {
                return Err(budget.refuse(self.retry_after).into());
            }
        }
        Ok(())
    }

    /// Shows `used` as the use of both limits.
    pub fn observe(&self, used: u64) {
        self.user.observe(used);
        self.tenant.observe(used);
    }
}

/// How much `owner` has: a user, or a piece; of all of the tenant when it is empty.
///
/// # Errors
/// [`DbError::Query`].
pub async fn used(tx: &mut AnyConnection, tenant: &TenantId, owner: &str, counted: Counted) -> Result<u64, DbError> {
    const SQL: &str = "SELECT used FROM quota_usage WHERE tenant_id = $1 AND owner_id = $2 AND what = $3";
    let row = sqlx::query(SQL).bind(tenant.as_str()).bind(owner).bind(counted.as_str()).fetch_optional(tx).await?;
    let used: i64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    Ok(u64::try_from(used).unwrap_or_default())
}

/// How much there is of everything, by all owners together. Forgets owners who have nothing.
///
/// # Errors
/// [`DbError::Query`].
pub async fn totals(db: &Db) -> Result<Vec<(Counted, u64)>, DbError> {
    const FORGET: &str = "DELETE FROM quota_usage WHERE used = 0";
    const SUMS: &str = "SELECT what, CAST(SUM(used) AS BIGINT) FROM quota_usage WHERE owner_id <> '' GROUP BY what";
    sqlx::query(FORGET).execute(&mut *db.writer(Party::Host).await?).await?;
    let rows = sqlx::query(SUMS).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    let mut sums = Counted::ALL.map(|counted| (counted, 0));
    for row in rows {
        let (what, used): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        if let Some((_, sum)) = sums.iter_mut().find(|(counted, _)| counted.as_str() == what) {
            *sum = u64::try_from(used).unwrap_or_default();
        }
    }
    Ok(sums.to_vec())
}
