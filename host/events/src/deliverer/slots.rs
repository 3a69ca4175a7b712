//! The slots for attempts, and who gets those that are free.

use std::sync::Arc;

use leno_base::{
    Owner, TenantId,
    budget::{Budget, Budgets, Each, OwnedShare, Share},
};
use leno_db::queue::{Due, Most};

use crate::budgets::{DELIVERIES, SLOW_DELIVERIES, TENANT_DELIVERIES, USER_DELIVERIES};

/// The slots of this host.
pub(super) struct Slots {
    all: Arc<Budget>,
    slow: Arc<Budget>,
    tenants: Each<TenantId>,
    owners: Each<Owner>,
}

/// One attempt's slot.
pub(super) struct Slot {
    _all: Share,
    _slow: Option<Share>,
    _tenant: OwnedShare<TenantId>,
    _owner: OwnedShare<Owner>,
}

impl Slots {
    pub(super) fn new(budgets: &Budgets) -> Self {
        Self {
            all: budgets.get(&DELIVERIES),
            slow: budgets.get(&SLOW_DELIVERIES),
            tenants: budgets.each(&TENANT_DELIVERIES),
            owners: budgets.each(&USER_DELIVERIES),
        }
    }

    /// How many deliveries to look at; `None` when no slot is free.
    ///
    /// As many as there are free slots for, after those of the owners and tenants that hold slots: their turns may have to
    /// be passed over.
    pub(super) fn most(&self) -> Option<Most> {
        let free = self.all.limit().checked_sub(self.all.used()).filter(|free| *free > 0)?;
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let tenant = self.tenants.budget().limit();
        let all = free.saturating_add(self.all.used().saturating_mul(tenant));
        Some(Most { owner: count(self.owners.budget().limit()), tenant: count(tenant), all: count(all) })
    }

    /// Gives the free slots to those of `due`, which is in the order of turns, that hold the fewest: tenants first, then
    /// owners. An endpoint that is not slow goes before any that is.
    pub(super) fn assign(&self, mut due: Vec<Due>) -> Vec<(Due, Slot)> {
        let mut assigned = Vec::new();
        while let Some(next) = self.next(&due) {
            let next = due.remove(next);
            match self.take(&next) {
                Ok(slot) => assigned.push((next, slot)),
                Err(Full::Owner) => due.retain(|due| due.owner != next.owner),
                Err(Full::Tenant) => due.retain(|due| due.owner.tenant != next.owner.tenant),
                Err(Full::Slow) => due.retain(|due| !due.slow),
                Err(Full::All) => break,
            }
        }
        assigned
    }

    fn next(&self, due: &[Due]) -> Option<usize> {
        let key = |due: &Due| (due.slow, self.tenants.held(&due.owner.tenant), self.owners.held(&due.owner));
        // The first of equals.
        due.iter().enumerate().min_by_key(|(_, due)| key(due)).map(|(at, _)| at)
    }

    /// A slot, unless one of the budgets has no room; that counts as its refusal.
    fn take(&self, due: &Due) -> Result<Slot, Full> {
        let owner = self.owners.take(due.owner.clone(), 1).map_err(|_| Full::Owner)?;
        let tenant = self.tenants.take(due.owner.tenant.clone(), 1).map_err(|_| Full::Tenant)?;
        let slow = if due.slow { Some(self.slow.take(1).map_err(|_| Full::Slow)?) } else { None };
        let all = self.all.take(1).map_err(|_| Full::All)?;
        Ok(Slot { _all: all, _slow: slow, _tenant: tenant, _owner: owner })
    }
}

/// Which budget has no room.
enum Full {
    Owner,
    Tenant,
    Slow,
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(all: u64, tenant: u64, user: u64, slow: u64) -> Slots {
        Slots::new(&Budgets::new([
            (&DELIVERIES, all),
            (&TENANT_DELIVERIES, tenant),
            (&USER_DELIVERIES, user),
            (&SLOW_DELIVERIES, slow),
        ]))
    }

    /// Due deliveries of `tenant/user`, with a `!` for a slow endpoint.
    fn due(owners: &[&str]) -> Vec<Due> {
        let one = |owner: &&str| {
            let (tenant, user) = owner.trim_end_matches('!').split_once('/').unwrap();
            Due {
                id: (*owner).to_owned(),
                endpoint: String::new(),
                owner: Owner { tenant: tenant.into(), user: user.into() },
                url: String::new(),
                secret: String::new(),
                slow: owner.ends_with('!'),
                dropped: 0,
                attempts: 0,
                claimed_until: 0,
            }
        };
        owners.iter().map(one).collect()
    }

    fn ids(assigned: &[(Due, Slot)]) -> Vec<&str> {
        assigned.iter().map(|(due, _)| due.id.as_str()).collect()
    }

    #[test]
    fn slots_go_to_those_who_hold_the_fewest_and_to_no_owner_or_tenant_more_than_its_share() {
        let slots = slots(8, 4, 3, 8);
        let first = slots.assign(due(&["a/1", "a/1", "a/1", "a/1", "a/2", "a/2", "b/1"]));
        assert_eq!(ids(&first), ["a/1", "b/1", "a/2", "a/1", "a/2"]);
        let second = slots.assign(due(&["a/1", "a/2", "b/1", "b/1", "b/1", "c/1", "c/2"]));
        assert_eq!(ids(&second), ["c/1", "c/2", "b/1"]);
        assert!(slots.most().is_none(), "no slot is free");
        assert_eq!((slots.all.used(), slots.all.refusals()), (8, 1));
        assert_eq!(slots.tenants.budget().refusals(), 1);
        drop((first, second));
        assert_eq!((slots.all.used(), slots.owners.budget().used()), (0, 0));
    }

    #[test]
    fn slow_endpoints_go_last_and_leave_slots_for_others() {
        let slots = slots(4, 4, 4, 2);
        let first = slots.assign(due(&["a/1!", "b/1!", "c/1!", "d/1"]));
        assert_eq!(ids(&first), ["d/1", "a/1!", "b/1!"]);
        assert_eq!(slots.slow.refusals(), 1);
        assert_eq!(slots.most().map(|most| most.all), Some(1 + 3 * 4));
        let second = slots.assign(due(&["c/1!", "e/1"]));
        assert_eq!(ids(&second), ["e/1"]);
    }
}
