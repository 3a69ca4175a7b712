//! Which crate may use which: the picture of the house.

use std::collections::BTreeSet;

use super::workspace::{Package, Workspace};

/// A crate and the crates of this workspace that it may use.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) may_use: Uses,
    /// What only its tests may use, besides [`FOR_TESTS`].
    pub(crate) in_tests: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub(crate) enum Uses {
    These(&'static [&'static str]),
    Anything,
}

/// What the tests of every crate may use.
const FOR_TESTS: &[&str] = &["leno-testkit", "leno-tests"];

const fn room(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use: Uses::These(may_use), in_tests: &[] }
}

const fn outside(name: &'static str) -> Room {
    Room { name, may_use: Uses::Anything, in_tests: &[] }
}

/// The house, from the ground up. A new crate gets a row here and a place in the picture of ARCHITECTURE.md.
#[rustfmt::skip]
pub(crate) const HOUSE: &[Room] = &[
    room("leno-base",        &[]),
    room("leno-metadata",    &["leno-base"]),
    room("leno-egress",      &["leno-base"]),
    room("leno-db",          &["leno-base"]),
    room("leno-vault",       &["leno-base", "leno-db"]),
    room("leno-oauth2",      &["leno-base", "leno-metadata", "leno-egress"]),
    room("leno-authorization", &["leno-base", "leno-metadata", "leno-db", "leno-vault", "leno-oauth2"]),
    room("leno-events",      &["leno-base", "leno-egress", "leno-db", "leno-vault"]),
    room("leno-connections", &["leno-base", "leno-metadata", "leno-egress", "leno-db", "leno-vault", "leno-oauth2", "leno-events"]),
    room("leno-sandbox",     &["leno-base", "leno-metadata", "leno-egress"]),
    room("leno-pieces",      &["leno-base", "leno-metadata", "leno-egress", "leno-db", "leno-sandbox"]),
    room("leno",             &["leno-base", "leno-metadata", "leno-egress", "leno-db", "leno-vault", "leno-oauth2", "leno-events",
                               "leno-connections", "leno-sandbox", "leno-pieces", "leno-authorization"]),

    // For authors.
    room("leno-sdk-macros",  &[]),
    // The documents that authors write are parsed as the host parses them.
    Room { in_tests: &["leno-metadata"], ..room("leno-sdk", &["leno-sdk-macros"]) },
    room("leno-test",        &["leno-base", "leno-metadata", "leno-egress", "leno-sandbox"]),

    // From outside.
    outside("leno-testkit"),
    outside("leno-tests"),
    outside("leno-bench"),
    room("xtask",            &[]),
];

/// What is wrong with the arrows of `workspace`, one line each.
pub(crate) fn check(workspace: &Workspace, house: &[Room]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in &workspace.packages {
        match house.iter().find(|room| room.name == package.name) {
            Some(room) => wrong.extend(check_package(package, *room, workspace, house)),
            None => wrong.push(format!(
                "{} has no row in xtask/src/house/arrows.rs: add one that lists what it may use",
                package.name
            )),
        }
    }
    for room in house.iter().filter(|room| !workspace.contains(room.name)) {
        wrong.push(format!(
            "xtask/src/house/arrows.rs has a row for {}, which is not a crate of the workspace",
            room.name
        ));
    }
    wrong
}

fn check_package(package: &Package, room: Room, workspace: &Workspace, house: &[Room]) -> Vec<String> {
    let Uses::These(may_use) = room.may_use else { return Vec::new() };
    let mut wrong = Vec::new();
    let own = package.dependencies.iter().filter(|dependency| workspace.contains(&dependency.name));
    for dependency in own {
        let (used, in_tests) = (dependency.name.as_str(), dependency.is_for_tests());
        let is_for_tests = || FOR_TESTS.contains(&used) || room.in_tests.contains(&used) || used == package.name;
        if may_use.contains(&used) || in_tests && is_for_tests() {
            continue;
        }
        let user = if in_tests { format!("{}, in its tests,", package.name) } else { package.name.clone() };
        let why = if reaches(used, &package.name, house) { "the arrow points up" } else { "no such arrow" };
        let allowed = if may_use.is_empty() { "no crate of the workspace".to_owned() } else { may_use.join(", ") };
        wrong.push(format!("{user} uses {used}: {why}; {} may use {allowed}", package.name));
    }
    wrong
}

/// Whether `from` may use `to`, directly or through others.
fn reaches(from: &str, to: &str, house: &[Room]) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        match house.iter().find(|room| room.name == name).map(|room| room.may_use) {
            Some(Uses::Anything) => return true,
            Some(Uses::These(uses)) if uses.contains(&to) => return true,
            Some(Uses::These(uses)) => next.extend(uses.iter().filter(|used| seen.insert(**used))),
            None => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
