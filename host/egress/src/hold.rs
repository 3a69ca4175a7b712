//! Bodies of responses in memory: what they hold of the host's budget and of their tenant's.

use std::fmt;
use std::sync::Arc;

use leno_base::TenantId;
use leno_base::budget::{Budget, Budgets, Each, Exhausted, OwnedShare, Share};

use crate::budgets::{TENANT_UPSTREAM_BYTES, UPSTREAM_BYTES};

/// The memory for bodies of responses.
#[derive(Debug)]
pub(crate) struct Memory {
    host: Arc<Budget>,
    tenants: Each<Option<TenantId>>,
}

impl Memory {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self { host: budgets.get(&UPSTREAM_BYTES), tenants: budgets.each(&TENANT_UPSTREAM_BYTES) }
    }

    /// Nothing yet, to grow.
    pub(crate) fn holding(&self, tenant: &Option<TenantId>) -> Result<Held, Exhausted> {
        Ok(Held { tenant: self.tenants.take(tenant.clone(), 0)?, host: self.host.take(0)? })
    }

    /// Whether there is room for so many more bytes now. Nothing is taken: a server that promises much and sends little
    /// holds little.
    pub(crate) fn expects(&self, tenant: &Option<TenantId>, bytes: u64) -> Result<(), Exhausted> {
        let _tenant = self.tenants.take(tenant.clone(), bytes)?;
        self.host.take(bytes).map(drop)
    }
}

/// What one body holds.
#[derive(Debug)]
pub(crate) struct Held {
    tenant: OwnedShare<Option<TenantId>>,
    host: Share,
}

impl Held {
    /// Holds `bytes` in all, if it holds less.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let bytes = bytes as u64;
        let more = bytes.saturating_sub(self.tenant.amount());
        if more == 0 {
            return Ok(());
        }
        self.tenant.grow(more)?;
        self.host.grow(more).inspect_err(|_| self.tenant.shrink_to(bytes - more))
    }

    pub(crate) fn keep(self) -> Hold {
        Hold(Some(Arc::new(self)))
    }
}

/// The memory that a [`Response`](crate::Response) holds: to be kept for as long as its bytes are. The default holds
/// nothing.
#[derive(Clone, Default)]
pub struct Hold(Option<Arc<Held>>);

impl Hold {
    /// How many bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |held| held.host.amount())
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({} bytes)", self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_on_its_tenant_and_on_the_host_until_the_last_copy_of_its_hold_is_gone() {
        let budgets = Budgets::new([(&UPSTREAM_BYTES, 1_000), (&TENANT_UPSTREAM_BYTES, 600)]);
        let memory = Memory::new(&budgets);
        let used = || (budgets.get(&UPSTREAM_BYTES).used(), budgets.get(&TENANT_UPSTREAM_BYTES).used());
        let (a, b) = (Some("a".into()), Some("b".into()));
        let mut first = memory.holding(&a).unwrap();
        first.grow_to(600).unwrap();
        first.grow_to(10).unwrap();
        assert_eq!(first.grow_to(601).unwrap_err().spec, &TENANT_UPSTREAM_BYTES);
        let mut second = memory.holding(&b).unwrap();
        second.grow_to(400).unwrap();
        assert_eq!(second.grow_to(401).unwrap_err().spec, &UPSTREAM_BYTES);
        assert_eq!(memory.expects(&a, 1).unwrap_err().spec, &TENANT_UPSTREAM_BYTES);
        assert_eq!(used(), (1_000, 1_000));
        let hold = first.keep();
        let copy = hold.clone();
        assert_eq!((hold.bytes(), Hold::default().bytes()), (600, 0));
        drop(hold);
        assert_eq!(used(), (1_000, 1_000));
        drop((copy, second));
        assert_eq!(used(), (0, 0));
    }
}
