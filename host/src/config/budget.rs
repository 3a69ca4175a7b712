//! The budgets of all rooms.

use leno_base::budget::Spec;

/// Every budget with a setting, by room.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    let rooms: [&[&'static Spec]; 7] = [
        crate::edge::BUDGETS,
        leno_sandbox::BUDGETS,
        leno_egress::BUDGETS,
        leno_db::BUDGETS,
        leno_events::BUDGETS,
        leno_connections::BUDGETS,
        leno_pieces::BUDGETS,
    ];
    rooms.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_budget_has_a_setting_of_its_own_and_a_default_that_can_be_set() {
        let mut seen = BTreeSet::new();
        for spec in all() {
            assert!(spec.env.starts_with("LENO_") && seen.insert(spec.env), "{spec:?}");
            assert!((spec.range.0..=spec.range.1).contains(&spec.default), "{spec:?}");
        }
    }
}
