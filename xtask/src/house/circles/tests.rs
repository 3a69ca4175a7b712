use super::*;

/// The edges and circles of a crate with these files, the first of them its root.
fn graph(files: &[(&str, &str)]) -> Graph {
    let read = |path: &Path| files.iter().find(|(name, _)| path == Path::new(name)).map(|(_, text)| (*text).to_owned());
    Graph::of(&Tree::read(Path::new(files[0].0), &read).unwrap())
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    graph(files).circles().iter().map(ToString::to_string).collect()
}

fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let graph = graph(files);
    let name = |file: &usize| graph.files[*file].display().to_string();
    let edges = graph.edges.iter().flat_map(|(from, needed)| needed.iter().map(move |(to, names)| (from, to, names)));
    edges
        .map(|(from, to, names)| {
            format!("{} → {}: {}", name(from), name(to), names.keys().cloned().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

const NONE: [&str; 0] = [];

#[test]
fn files_that_use_each_other_are_a_circle() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;\n\nfn f() -> Option<crate::a::A> { None }"),
    ];
    assert_eq!(
        circles(&files),
        ["2 files need each other:\n    a.rs → b.rs by B (line 1)\n    b.rs → a.rs by A (line 3)"]
    );
}

#[test]
fn a_chain_is_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use a::A; fn f() { c::g() }"),
        ("a.rs", "use crate::{b::B, c};\npub struct A(B); fn f() { c::g() }"),
        ("b.rs", "use super::c::g; pub struct B; fn f() { g() }"),
        ("c.rs", "pub fn g() {}"),
    ];
    assert_eq!(circles(&files), NONE);
    assert_eq!(edges(&files), ["lib.rs → c.rs: g", "a.rs → b.rs: B", "a.rs → c.rs: g", "b.rs → c.rs: g"]);
}

#[test]
fn a_circle_through_three_files_is_one_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub fn f() { crate::b::f() }"),
        ("b.rs", "pub fn f() { crate::c::f() }"),
        ("c.rs", "pub fn f() { crate::a::f() }"),
    ];
    let circles = graph(&files).circles();
    assert_eq!(circles.iter().map(|circle| circle.files.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_re_export_leads_to_the_file_that_defines() {
    let files = [
        ("lib.rs", "mod a; mod room; pub use room::B as Renamed;"),
        ("a.rs", "use crate::Renamed; pub struct A;"),
        ("room/mod.rs", "mod b; pub(crate) use self::b::*;"),
        ("room/b.rs", "pub struct B(crate::a::A);"),
    ];
    assert_eq!(
        circles(&files),
        ["2 files need each other:\n    a.rs → room/b.rs by B (line 1)\n    room/b.rs → a.rs by A (line 1)"]
    );
}

#[test]
fn a_parent_that_uses_what_it_re_exports_forms_a_circle_through_super() {
    let declares = [
        ("lib.rs", "mod parent;"),
        ("parent.rs", "mod child; pub use child::Child; pub struct Parent;"),
        ("parent/child.rs", "use super::Parent; pub struct Child(Parent);"),
    ];
    assert_eq!(circles(&declares), NONE);
    let mut uses = declares;
    uses[1].1 = "mod child; pub use child::Child; pub struct Parent;\nfn make() { Child::new() }";
    assert_eq!(
        circles(&uses),
        ["2 files need each other:\n    parent.rs → parent/child.rs by Child (line 2)\n    \
          parent/child.rs → parent.rs by Parent (line 1)"]
    );
}

#[test]
fn a_private_import_of_a_child_is_a_use() {
    let files = [("lib.rs", "mod a; use a::A;"), ("a.rs", "pub struct A;")];
    assert_eq!(edges(&files), ["lib.rs → a.rs: A"]);
}

#[test]
fn a_re_export_of_a_neighbour_is_a_use() {
    let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "pub use crate::b::B;"), ("b.rs", "pub struct B;")];
    assert_eq!(edges(&files), ["a.rs → b.rs: B"]);
}

#[test]
fn what_is_compiled_for_tests_only_does_not_count() {
    let tests = "#[cfg(test)] mod tests { use crate::b::B; }
        #[cfg(all(test, unix))] mod more_tests;
        #[cfg(test)] use crate::b::B;
        pub struct A;
        impl A { #[cfg(test)] fn of(b: crate::b::B) {} }";
    let mut files = [("lib.rs", "mod a; mod b;"), ("a.rs", tests), ("b.rs", "pub struct B(crate::a::A);")];
    assert_eq!(circles(&files), NONE);
    files[1].1 = "pub struct A; #[cfg(any(test, unix))] use crate::b::B;";
    assert_eq!(circles(&files).len(), 1);
    files[1].1 = "pub struct A; #[cfg(not(test))] use crate::b::B;";
    assert_eq!(circles(&files).len(), 1);
}

#[test]
fn paths_in_macros_and_attributes_count() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        (
            "a.rs",
            r#"use crate::{c, d::*};
            fn f() { println!("{} {}", crate::b::LIMIT, c::g()); assert!(D.is_some()); x.B; B }
            #[derive(Serialize)] #[serde(with = "crate::e::hex")] struct S;"#,
        ),
        ("b.rs", "pub const LIMIT: u8 = 1;"),
        ("c.rs", "pub fn g() {}"),
        ("d.rs", "pub const D: Option<u8> = None;"),
        ("e.rs", "pub mod hex { pub fn serialize() {} }"),
    ];
    assert_eq!(edges(&files), ["a.rs → b.rs: LIMIT", "a.rs → c.rs: g", "a.rs → d.rs: D"]);
}

#[test]
fn constants_in_patterns_count() {
    let files = [
        ("lib.rs", "mod a; use a::*; fn f(n: u8) { match n { LIMIT => {} other => {} } }"),
        ("a.rs", "pub const LIMIT: u8 = 1; pub fn other() {}"),
    ];
    assert_eq!(edges(&files), ["lib.rs → a.rs: LIMIT"]);
}

#[test]
fn a_name_that_a_macro_makes_is_of_the_file_that_calls_the_macro() {
    let files = [("lib.rs", "mod a; fn f(_: a::TenantId) {}"), ("a.rs", "id!(TenantId);")];
    assert_eq!(edges(&files), ["lib.rs → a.rs: TenantId"]);
}

#[test]
fn a_module_and_a_function_of_one_name_are_told_apart() {
    let files = [
        ("lib.rs", "mod coerce; mod user; pub use coerce::coerce;"),
        ("coerce.rs", "mod words; pub use words::say; pub fn coerce() {}"),
        ("coerce/words.rs", "pub fn say() {}"),
        ("user.rs", "use crate::coerce; fn f() { coerce::say() }"),
    ];
    assert_eq!(edges(&files), ["user.rs → coerce.rs: coerce", "user.rs → coerce/words.rs: say"]);
}

#[test]
fn files_are_found_where_the_compiler_finds_them() {
    let files = [
        ("src/lib.rs", "mod flat; mod inline { mod inner; } #[path = \"odd/name.rs\"] mod named;"),
        ("src/flat.rs", "mod below; #[path = \"beside.rs\"] mod beside; fn f() { below::g(); beside::g() }"),
        ("src/flat/below.rs", "pub fn g() {}"),
        ("src/beside.rs", "pub fn g() {}"),
        ("src/inline/inner.rs", "use crate::named::deep::g;"),
        ("src/odd/name.rs", "pub mod deep;"),
        ("src/odd/deep.rs", "pub fn g() {}"),
    ];
    assert_eq!(
        edges(&files),
        [
            "src/flat.rs → src/flat/below.rs: g",
            "src/flat.rs → src/beside.rs: g",
            "src/inline/inner.rs → src/odd/deep.rs: g",
        ]
    );
}

#[test]
fn names_of_other_crates_and_imports_that_lead_back_to_themselves_are_no_edges() {
    let files = [
        ("lib.rs", "mod a; mod b; extern crate self as own; pub use serde::Serialize; use ::time::Time;"),
        (
            "a.rs",
            "pub use super::b::*; use crate::{Serialize, Time}; use own::b::Y; type Z = super::b::Y; fn f() { Unknown }",
        ),
        ("b.rs", "pub use super::a::*; pub struct Y;"),
    ];
    assert_eq!(edges(&files), ["a.rs → b.rs: Y"]);
}

#[test]
fn an_allowed_circle_passes_and_one_that_is_gone_is_named() {
    let files = [("b.rs", "mod a; use a::A; pub struct B;"), ("a.rs", "pub struct A(crate::B);")];
    let allowed: Allowed = (&["a.rs", "b.rs"], "two halves of one type");

    let mut found = graph(&files).circles();
    assert_eq!(leave_out(&[], &mut found), NONE);
    assert_eq!(found.len(), 1);
    assert_eq!(leave_out(&[allowed], &mut found), NONE);
    assert_eq!(found.len(), 0);
    assert_eq!(
        leave_out(&[allowed], &mut found),
        ["a.rs, b.rs form no circle any more: remove them from the list of allowed circles"]
    );
}

#[test]
fn a_missing_file_is_named() {
    let read = |path: &Path| (path == Path::new("lib.rs")).then(|| "mod gone;".to_owned());
    let error = Tree::read(Path::new("lib.rs"), &read).err().unwrap();
    assert_eq!(error.to_string(), "reading gone/mod.rs");
}
