//! How many calls run at once, and whose turn it is.

use std::{sync::Arc, time::Duration};

use leno_base::{
    TenantId,
    budget::{Budget, Exhausted},
    fair::{self, Permit},
};

use crate::Failure;

/// A bounded number of places and a bounded queue before them, shared fairly between tenants. The calls of a tool, which have
/// no tenant, share as one.
pub(crate) struct Gate {
    /// The gate's name, for messages.
    what: String,
    places: fair::Gate<Option<TenantId>>,
    size: usize,
}

impl Gate {
    /// As many places as the limit of `budget`, and as many callers that wait for at most `wait`.
    pub(crate) fn new(what: String, budget: Arc<Budget>, wait: Duration) -> Self {
        let size = usize::try_from(budget.limit()).unwrap_or(usize::MAX);
        Self { what, places: fair::Gate::new(budget, size, wait), size }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Failure::Overloaded`] when the queue is full or the wait was in vain.
    pub(crate) async fn enter(&self, tenant: Option<TenantId>) -> Result<Permit<Option<TenantId>>, Failure> {
        self.places.enter(tenant).await.map_err(|exhausted| self.full(exhausted))
    }

    /// The refusal of a call that found no place although it held a permit.
    pub(crate) fn overloaded(&self) -> Failure {
        self.full(self.places.refuse())
    }

    fn full(&self, exhausted: Exhausted) -> Failure {
        Failure::Overloaded { what: self.what.clone(), exhausted }
    }

    /// Places taken.
    pub(crate) fn taken(&self) -> usize {
        self.places.taken()
    }

    /// All places.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}
