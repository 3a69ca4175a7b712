//! Which crate may use which, and what the surfaces may use of the database.

use super::{
    crates::{Crate, shown},
    sources::{Reference, Sources},
};

/// The picture of the house: each crate, and the crates that it may use. What a crate may use, its tests may use as well.
const HOUSE: &[(&str, &[&str])] = &[
    ("leno-base", &[]),
    ("leno-metadata", &["leno-base"]),
    ("leno-egress", &["leno-base"]),
    ("leno-db", &["leno-base"]),
    ("leno-vault", &["leno-base", "leno-db"]),
    ("leno-oauth2", &["leno-base", "leno-metadata", "leno-egress"]),
    ("leno-events", &["leno-base", "leno-db", "leno-egress", "leno-vault"]),
    (
        "leno-connections",
        &["leno-base", "leno-db", "leno-egress", "leno-events", "leno-metadata", "leno-oauth2", "leno-vault"],
    ),
    ("leno-sandbox", &["leno-base", "leno-egress", "leno-metadata"]),
    ("leno-pieces", &["leno-base", "leno-db", "leno-egress", "leno-metadata", "leno-sandbox"]),
    (
        "leno",
        &[
            "leno-base",
            "leno-connections",
            "leno-db",
            "leno-egress",
            "leno-events",
            "leno-metadata",
            "leno-oauth2",
            "leno-pieces",
            "leno-sandbox",
            "leno-vault",
        ],
    ),
    ("leno-sdk-macros", &[]),
    ("leno-sdk", &["leno-sdk-macros"]),
    ("leno-test", &["leno-base", "leno-egress", "leno-metadata", "leno-sandbox"]),
    ("leno-testkit", &["leno-base", "leno-db"]),
    ("leno-tests", &[]),
    ("leno-bench", &["leno", "leno-base", "leno-egress", "leno-sandbox", "leno-testkit", "leno-vault"]),
    ("xtask", &[]),
];

/// What tests may use beyond it: the kit, and the metadata that they hold the SDK against.
const TESTS: &[&str] = &["leno-testkit", "leno-metadata"];

/// The surfaces of the host, which use the rooms and no statement of the database.
const SURFACES: &[&str] = &["/api/", "/oauth_app/", "/activepieces/", "/mcp/", "/console/"];

/// Every arrow that points the wrong way, and every crate that is not in the picture.
pub(super) fn faults(crates: &[Crate]) -> Vec<String> {
    let mut faults = Vec::new();
    for each in crates {
        let Some((_, allowed)) = HOUSE.iter().find(|(name, _)| *name == each.name) else {
            faults.push(format!(
                "{} is not in the picture of the house: add its row to xtask/src/house/arrows.rs",
                each.name
            ));
            continue;
        };
        let tests = each.test_uses.iter().filter(|used| !TESTS.contains(&used.as_str()));
        for used in each.uses.iter().chain(tests).filter(|used| !allowed.contains(&used.as_str())) {
            let may = if allowed.is_empty() { "no other crate".to_owned() } else { allowed.join(", ") };
            faults.push(format!(
                "{} uses {used}: that arrow points the wrong way; {} may use {may}",
                each.name, each.name
            ));
        }
    }
    faults
}

/// Every statement of the database that a surface names. Rows may be named: their names begin with a capital letter.
pub(super) fn statements(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for Reference { file, path, .. } in &sources.references {
        let shown = shown(file);
        let is_statement = path.first().is_some_and(|first| first == "leno_db")
            && path.get(1).is_some_and(|name| name.starts_with(|c: char| c.is_lowercase()));
        if is_statement && SURFACES.iter().any(|surface| shown.contains(surface)) {
            faults.push(format!(
                "{shown} uses {}: a surface uses the rooms, never a statement of the database",
                path.join("::")
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, uses: &[&str], test_uses: &[&str]) -> Crate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Crate { name: name.into(), roots: Vec::new(), uses: owned(uses), test_uses: owned(test_uses) }
    }

    #[test]
    fn a_wrong_arrow_and_a_crate_outside_of_the_picture_are_named() {
        assert_eq!(faults(&[of("leno-db", &["leno-base"], &["leno-testkit"])]), Vec::<String>::new());
        let found = faults(&[of("leno-db", &["leno-base", "leno-events"], &[]), of("leno-new", &[], &[])]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "leno-db uses leno-events: that arrow points the wrong way; leno-db may use leno-base");
        assert!(found[1].starts_with("leno-new is not in the picture"), "{found:?}");
        // Tests are no way around it.
        assert_eq!(faults(&[of("leno-vault", &[], &["leno-connections"])]).len(), 1);
    }

    #[test]
    fn a_surface_may_name_rows_and_no_statements() {
        let sources = Sources::of(&[(
            "host/src/api/x.rs",
            "use leno_db::{ConnectionRow, users}; fn f() { leno_db::endpoints::list(); }",
        )]);
        let found = statements(&sources);
        assert_eq!(found.len(), 2, "{found:?}");
        let elsewhere = Sources::of(&[("host/src/cli/x.rs", "use leno_db::users;")]);
        assert!(statements(&elsewhere).is_empty());
    }
}
