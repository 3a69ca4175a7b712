//! How many lines of the host's log a tenant may have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use leno_base::{TenantId, budget::Budget};

/// What the budget is for.
const PERIOD: Duration = Duration::from_secs(1);
/// From so many tenants on, those that have been quiet are forgotten.
const TENANTS: usize = 1_024;

/// Counts the lines of each tenant.
pub(crate) struct Lines {
    budget: Arc<Budget>,
    tenants: Mutex<HashMap<TenantId, Period>>,
}

struct Period {
    begun: Instant,
    lines: u64,
    left_out: u64,
}

impl Lines {
    /// Each tenant may have as many lines in a second as the limit of `budget`.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, tenants: Mutex::default() }
    }

    /// Whether a tenant may have one more line, and how many were left out before it.
    pub(crate) fn next(&self, tenant: &TenantId, now: Instant) -> Option<u64> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |period: &Period| now.saturating_duration_since(period.begun) >= PERIOD;
        if tenants.len() >= TENANTS {
            tenants.retain(|_, period| !over(period));
        }
        let fresh = Period { begun: now, lines: 0, left_out: 0 };
        let period = tenants.entry(tenant.clone()).or_insert(fresh);
        if over(period) {
            (period.begun, period.lines) = (now, 0);
        }
        period.lines += 1;
        if self.budget.allows(period.lines).is_err() {
            period.left_out += 1;
            return None;
        }
        Some(std::mem::take(&mut period.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budgets::FAILURES_LOGGED;

    #[test]
    fn a_tenant_that_fails_often_has_its_lines_and_a_count_and_another_tenant_its_own() {
        let budget = Budget::with(&FAILURES_LOGGED, 2);
        let lines = Lines::new(budget.clone());
        let [first, other] = ["a", "b"].map(TenantId::from);
        let now = Instant::now();
        assert_eq!([(); 5].map(|()| lines.next(&first, now)), [Some(0), Some(0), None, None, None]);
        assert_eq!(lines.next(&other, now), Some(0));
        assert_eq!(lines.next(&first, now + PERIOD), Some(3));
        assert_eq!(lines.next(&first, now + PERIOD), Some(0));
        assert_eq!(budget.refusals(), 3);
    }
}
