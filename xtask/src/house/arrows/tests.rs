use super::*;

#[rustfmt::skip]
const SMALL: &[Room] = &[
    room("base", &[]),
    room("db", &["base"]),
    room("egress", &["base"]),
    room("events", &["base", "db"]),
    Room { in_tests: &["egress"], ..room("host", &["events"]) },
    outside("leno-testkit"),
];

/// A workspace of all crates of [`SMALL`]; `uses` has (crate, what it uses, kind of dependency as JSON).
fn workspace(uses: &[(&str, &str, &str)]) -> Workspace {
    let package = |name: &str| {
        let own = uses.iter().filter(|(user, ..)| *user == name);
        let dependencies = own.map(|(_, used, kind)| format!(r#"{{"name": "{used}", "kind": {kind}}}"#));
        let dependencies = dependencies.collect::<Vec<_>>().join(",");
        format!(r#"{{"name": "{name}", "dependencies": [{dependencies}], "targets": []}}"#)
    };
    let named = SMALL.iter().map(|room| room.name).chain(uses.iter().map(|(user, ..)| *user));
    let packages: Vec<String> = named.collect::<BTreeSet<_>>().into_iter().map(package).collect();
    Workspace::parse(format!(r#"{{"packages": [{}]}}"#, packages.join(",")).as_bytes()).unwrap()
}

#[test]
fn arrows_of_the_picture_pass_and_other_crates_do_not_count() {
    let workspace = workspace(&[("db", "base", "null"), ("db", "sqlx", "null"), ("events", "db", r#""build""#)]);
    assert_eq!(check(&workspace, SMALL), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_up_is_named() {
    let workspace = workspace(&[("db", "events", "null")]);
    assert_eq!(check(&workspace, SMALL), ["db uses events: the arrow points up; db may use base"]);
}

#[test]
fn an_arrow_that_points_up_through_another_crate_is_named() {
    let workspace = workspace(&[("base", "events", r#""build""#)]);
    assert_eq!(
        check(&workspace, SMALL),
        ["base uses events: the arrow points up; base may use no crate of the workspace"]
    );
}

#[test]
fn an_arrow_between_neighbours_is_named() {
    let workspace = workspace(&[("events", "egress", "null")]);
    assert_eq!(check(&workspace, SMALL), ["events uses egress: no such arrow; events may use base, db"]);
}

#[test]
fn tests_may_use_the_test_kit_and_what_their_row_says_and_nothing_else() {
    let allowed = [("db", "leno-testkit", r#""dev""#), ("host", "egress", r#""dev""#), ("db", "db", r#""dev""#)];
    assert_eq!(check(&workspace(&allowed), SMALL), Vec::<String>::new());
    let wrong = [("db", "leno-testkit", "null"), ("db", "events", r#""dev""#)];
    assert_eq!(
        check(&workspace(&wrong), SMALL),
        [
            "db uses leno-testkit: the arrow points up; db may use base",
            "db, in its tests, uses events: the arrow points up; db may use base",
        ]
    );
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_named() {
    let workspace = workspace(&[("flows", "db", "null")]);
    let house: Vec<Room> = SMALL.iter().copied().chain([room("gone", &[])]).collect();
    assert_eq!(
        check(&workspace, &house),
        [
            "flows has no row in xtask/src/house/arrows.rs: add one that lists what it may use",
            "xtask/src/house/arrows.rs has a row for gone, which is not a crate of the workspace",
        ]
    );
}
