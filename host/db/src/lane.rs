//! Turns: who may use a connection of the database next.

use std::{sync::Arc, time::Duration};

use leno_base::{
    TenantId,
    budget::{Budget, Share},
    fair::{Gate, Permit},
};
use sqlx::{Any, AnyPool, pool::PoolConnection};

use crate::{Busy, DbError};

/// How long a statement or transaction waits for its turn.
const WAIT: Duration = Duration::from_secs(5);
/// Those that may wait for each place of a lane, before one that comes is refused.
const QUEUE: usize = 64;

/// For whom the database is used. Parties take turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Party {
    /// The host itself: what it does for all tenants at once.
    Host,
    /// A tenant.
    Tenant(TenantId),
}

impl From<&TenantId> for Party {
    fn from(tenant: &TenantId) -> Self {
        Self::Tenant(tenant.clone())
    }
}

/// A pool, and the turns at its connections.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pool: AnyPool,
    gate: Gate<Party>,
    /// What counts those that wait as well, if that is the budget.
    queue: Option<Arc<Budget>>,
}

/// A turn. It lasts as long as this value.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: Permit<Party>,
    _waited: Option<Share>,
}

impl Lane {
    /// As many turns at once as the limit of `budget`.
    pub(crate) fn wide(pool: AnyPool, budget: Arc<Budget>) -> Self {
        let queue = usize::try_from(budget.limit()).unwrap_or(usize::MAX).saturating_mul(QUEUE);
        Self { pool, gate: Gate::new(budget, queue, WAIT), queue: None }
    }

    /// One turn at a time. The limit of `budget` is how many have it or wait for it.
    pub(crate) fn single(pool: AnyPool, budget: Arc<Budget>) -> Self {
        let queue = usize::try_from(budget.limit()).unwrap_or(usize::MAX).saturating_sub(1);
        let gate = Gate::new(Budget::with(budget.spec(), 1), queue, WAIT);
        Self { pool, gate, queue: Some(budget) }
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self, party: Party) -> Result<Turn, DbError> {
        let waited = self.queue.as_ref().map(|queue| queue.count(1));
        let place = self.gate.enter(party).await.map_err(|refused| {
            let refused = self.queue.as_ref().map_or(refused.clone(), |queue| queue.refuse(refused.retry_after));
            DbError::Busy(Busy::Queue(refused))
        })?;
        Ok(Turn { _place: place, _waited: waited })
    }

    /// Waits for a turn, and takes a connection.
    pub(crate) async fn connection(&self, party: Party) -> Result<(PoolConnection<Any>, Turn), DbError> {
        let turn = self.turn(party).await?;
        Ok((self.pool.acquire().await?, turn))
    }
}
