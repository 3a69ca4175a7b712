//! Places for requests under way. Each holds a connection, or shares one of HTTP/2.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leno_base::TenantId;
use leno_base::budget::{Budget, Budgets, Exhausted, Spec};
use leno_base::fair::{Gate, Permit};

use crate::budgets::{
    DESTINATION_EGRESS_CONNECTIONS, EGRESS_CONNECTIONS, PIECE_EGRESS_CONNECTIONS, TENANT_EGRESS_CONNECTIONS,
};
use crate::meter::Payer;

/// How long a request waits for each of its places. Its own timeout runs meanwhile.
const WAIT: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 5 });

/// The places of one host, of its tenants, its pieces, and its destinations.
///
/// Whoever waits for a place of the first three kinds waits beside others of the same tenant, piece or destination only.
/// The host's come last, so that nobody holds one and waits.
pub(crate) struct Places {
    tenants: Lanes<Option<TenantId>, Arc<str>>,
    pieces: Lanes<Arc<str>, Option<TenantId>>,
    destinations: Lanes<String, Option<TenantId>>,
    host: Gate<Option<TenantId>>,
}

/// One request's places. Dropping it gives them back.
pub(crate) struct Place {
    _tenant: InLane<Option<TenantId>, Arc<str>>,
    _piece: InLane<Arc<str>, Option<TenantId>>,
    _destination: InLane<String, Option<TenantId>>,
    _host: Permit<Option<TenantId>>,
}

impl Places {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        let host = budgets.get(&EGRESS_CONNECTIONS);
        let queue = queue(&host);
        Self {
            tenants: Lanes::new(budgets, &TENANT_EGRESS_CONNECTIONS),
            pieces: Lanes::new(budgets, &PIECE_EGRESS_CONNECTIONS),
            destinations: Lanes::new(budgets, &DESTINATION_EGRESS_CONNECTIONS),
            host: Gate::new(host, queue, WAIT),
        }
    }

    /// Takes the places for a request of `payer` to `destination`, a host and port.
    pub(crate) async fn enter(&self, payer: &Payer, destination: String) -> Result<Place, Exhausted> {
        let Payer { tenant, piece } = payer;
        Ok(Place {
            _tenant: self.tenants.enter(tenant.clone(), piece.clone()).await?,
            _piece: self.pieces.enter(piece.clone(), tenant.clone()).await?,
            _destination: self.destinations.enter(destination, tenant.clone()).await?,
            _host: self.host.enter(tenant.clone()).await?,
        })
    }
}

/// How many requests may wait: several for each place, as most are short and one that waits holds little.
fn queue(budget: &Budget) -> usize {
    usize::try_from(budget.limit()).unwrap_or(usize::MAX).saturating_mul(4)
}

/// A gate for each key, which its owners share fairly. Gates that nobody uses are forgotten.
struct Lanes<K: Eq + Hash + Clone, O: Eq + Hash + Clone>(Arc<Inner<K, O>>);

struct Inner<K: Eq + Hash + Clone, O: Eq + Hash + Clone> {
    /// The limit of each, and the use of all together.
    budget: Arc<Budget>,
    lanes: Mutex<HashMap<K, Lane<O>>>,
}

struct Lane<O: Eq + Hash + Clone> {
    gate: Gate<O>,
    /// Requests that hold a place or wait for one.
    visits: usize,
}

/// A place in one lane.
struct InLane<K: Eq + Hash + Clone, O: Eq + Hash + Clone> {
    // Given back before the visit ends.
    _permit: Permit<O>,
    _visit: Visit<K, O>,
}

struct Visit<K: Eq + Hash + Clone, O: Eq + Hash + Clone> {
    lanes: Arc<Inner<K, O>>,
    key: K,
}

impl<K: Eq + Hash + Clone, O: Eq + Hash + Clone> Lanes<K, O> {
    fn new(budgets: &Budgets, spec: &'static Spec) -> Self {
        Self(Arc::new(Inner { budget: budgets.get(spec), lanes: Mutex::default() }))
    }

    async fn enter(&self, key: K, owner: O) -> Result<InLane<K, O>, Exhausted> {
        let gate = self.0.visit(&key);
        let visit = Visit { lanes: self.0.clone(), key };
        Ok(InLane { _permit: gate.enter(owner).await?, _visit: visit })
    }
}

impl<K: Eq + Hash + Clone, O: Eq + Hash + Clone> Inner<K, O> {
    fn visit(&self, key: &K) -> Gate<O> {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.get_mut(key) {
            lane.visits += 1;
            return lane.gate.clone();
        }
        let gate = Gate::new(self.budget.clone(), queue(&self.budget), WAIT);
        lanes.insert(key.clone(), Lane { gate: gate.clone(), visits: 1 });
        gate
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Lane<O>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, O: Eq + Hash + Clone> Drop for Visit<K, O> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get_mut(&self.key) {
            lane.visits -= 1;
            if lane.visits == 0 {
                lanes.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payer(tenant: &str) -> Payer {
        Payer::new(Some(tenant.into()), "piece")
    }

    #[tokio::test]
    async fn a_destination_that_holds_its_requests_is_full_for_one_tenant_before_it_is_for_all() {
        let budgets = Budgets::new([(&DESTINATION_EGRESS_CONNECTIONS, 16)]);
        let places = Places::new(&budgets);
        let mut held = Vec::new();
        let refused = loop {
            match places.enter(&payer("a"), "slow.test:443".to_owned()).await {
                Ok(place) => held.push(place),
                Err(refused) => break refused,
            }
        };
        assert_eq!((refused.spec, held.len()), (&DESTINATION_EGRESS_CONNECTIONS, 12));
        held.push(places.enter(&payer("b"), "slow.test:443".to_owned()).await.unwrap());
        held.push(places.enter(&payer("a"), "other.test:443".to_owned()).await.unwrap());
        drop(held);
        assert_eq!(budgets.get(&DESTINATION_EGRESS_CONNECTIONS).used(), 0);
        assert_eq!((places.destinations.0.lock().len(), places.tenants.0.lock().len()), (0, 0));
        assert_eq!(budgets.get(&EGRESS_CONNECTIONS).used(), 0);
    }
}
