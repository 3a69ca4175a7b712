//! File descriptors: as many as the system allows, some of them kept for what must go on when clients take all they can get.

use leno_base::budget::Budgets;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::edge::budgets::{CONNECTIONS, CONNECTIONS_PER_PEER};

/// What the database, requests to services, files and the operator's address need at least.
const LEAST: u64 = 96;
/// What they need at most.
const MOST: u64 = 1_024;

/// Raises the soft limit to the hard one, and lowers the budgets of connections to what is left above the reserve.
pub(super) fn fit(budgets: &Budgets) -> Budgets {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, ..limits };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors could not be raised");
            limits.current
        }
    };
    let budgets = within(budgets, limit);
    let (connections, per_peer) = (budgets.get(&CONNECTIONS).limit(), budgets.get(&CONNECTIONS_PER_PEER).limit());
    tracing::info!(descriptors = limit, connections, per_peer, "limits of connections");
    budgets
}

/// The budgets within `limit` descriptors; `None` when there is no limit.
fn within(budgets: &Budgets, limit: Option<u64>) -> Budgets {
    let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub((limit / 4).clamp(LEAST, MOST)));
    let (least, _) = CONNECTIONS.range;
    let fitting = budgets.capped(&CONNECTIONS, left.max(least));
    let connections = fitting.get(&CONNECTIONS).limit();
    // An address gets half of what there is, unless the operator says otherwise.
    let per_peer = if budgets.chosen(&CONNECTIONS_PER_PEER).is_some() { connections } else { connections / 2 };
    fitting.capped(&CONNECTIONS_PER_PEER, per_peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_a_reserve_of_descriptors_and_an_address_gets_half_of_them() {
        let limits = |budgets: &Budgets, limit| {
            let budgets = within(budgets, limit);
            (budgets.get(&CONNECTIONS).limit(), budgets.get(&CONNECTIONS_PER_PEER).limit())
        };
        let default = Budgets::default();
        assert_eq!(limits(&default, None), (1_024, 512));
        assert_eq!(limits(&default, Some(1 << 20)), (1_024, 512));
        assert_eq!(limits(&default, Some(1_024)), (768, 384));
        assert_eq!(limits(&default, Some(256)), (160, 80));
        assert_eq!(limits(&default, Some(64)), (4, 2));
        let proxied = Budgets::new([(&CONNECTIONS, 5_000), (&CONNECTIONS_PER_PEER, 5_000)]);
        assert_eq!(limits(&proxied, Some(65_536)), (5_000, 5_000));
        assert_eq!(limits(&proxied, Some(2_048)), (1_536, 1_536));
        assert_eq!(limits(&Budgets::new([(&CONNECTIONS, 100)]), None), (100, 50));
    }
}
