//! The budgets of all rooms.

use leno_base::budget::Spec;

/// Every budget with a setting, by room.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    let rooms: [&[&'static Spec]; 8] = [
        crate::edge::BUDGETS,
        leno_sandbox::BUDGETS,
        leno_egress::BUDGETS,
        leno_db::BUDGETS,
        leno_events::BUDGETS,
        leno_connections::BUDGETS,
        leno_pieces::BUDGETS,
        leno_authorization::BUDGETS,
    ];
    rooms.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _, path::Path};

    use super::*;

    #[test]
    fn every_budget_has_a_setting_of_its_own_and_a_default_that_can_be_set() {
        let mut seen = BTreeSet::new();
        for spec in all() {
            assert!(spec.env.starts_with("LENO_") && seen.insert(spec.env), "{spec:?}");
            assert!((spec.range.0..=spec.range.1).contains(&spec.default), "{spec:?}");
        }
    }

    /// The page for people: `docs/budgets.md`.
    fn page() -> String {
        let mut page = String::from(
            "# Budgets\n\nWhat many share has an owner, a limit, a use and a refusal. Each limit is a setting: an environment \
             variable, a flag of\n`leno serve` and a key of `leno.toml`. `/metrics` shows limit, use and refusals by the name of \
             the setting without `LENO_`:\n`leno_budget_limit`, `leno_budget_used`, `leno_budget_refusals_total`. The limits of \
             one call (time, memory, requests) are\nin the grants of a piece, see the [README](../README.md#operate-it).\n\n\
             This table is checked by a test; `LENO_BLESS=1 cargo test budget` writes it.\n\n\
             | Setting | Owner | Default | Counts |\n| --- | --- | --- | --- |\n",
        );
        for spec in all() {
            let _ = writeln!(page, "| `{}` | {} | {} | {} |", spec.env, spec.per.as_str(), spec.default, spec.what);
        }
        page
    }

    #[test]
    fn the_documentation_lists_every_budget_with_its_owner_and_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/budgets.md");
        if std::env::var_os("LENO_BLESS").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page());
    }
}
