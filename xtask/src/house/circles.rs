//! Circles between the files of a crate: files that use each other, directly or around a corner.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{crates::shown, sources::Sources};

type Edges<'s> = BTreeMap<&'s Path, BTreeMap<PathBuf, String>>;

/// Every circle, with the names that close it.
pub(super) fn faults(sources: &Sources) -> Vec<String> {
    let edges = edges(sources);
    let mut faults = Vec::new();
    let mut told: BTreeSet<&Path> = BTreeSet::new();
    for &file in edges.keys() {
        if told.contains(file) {
            continue;
        }
        // The files that both lead to this one and are led to by it.
        let ahead = reachable(&edges, file);
        let circle: Vec<&Path> = edges
            .keys()
            .copied()
            .filter(|other| ahead.contains(*other) && reachable(&edges, other).contains(file))
            .collect();
        if circle.len() < 2 {
            continue;
        }
        told.extend(circle.iter().copied());
        let mut lines = vec![format!("{} files use each other in a circle:", circle.len())];
        for from in &circle {
            for (to, name) in edges.get(from).into_iter().flatten().filter(|(to, _)| circle.contains(&to.as_path())) {
                lines.push(format!("  {} uses {} ({name})", shown(from), shown(to)));
            }
        }
        faults.push(lines.join("\n"));
    }
    faults
}

fn edges(sources: &Sources) -> Edges<'_> {
    let mut edges: Edges<'_> = BTreeMap::new();
    for reference in sources.references.iter().filter(|reference| !reference.is_export) {
        let Some(target) = sources.resolve(reference) else { continue };
        if target != reference.file {
            let name = reference.path.join("::");
            edges.entry(&reference.file).or_default().entry(target).or_insert(name);
        }
    }
    edges
}

fn reachable(edges: &Edges<'_>, from: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(file) = next.pop() {
        for to in edges.get(file.as_path()).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn circles(files: &[(&str, &str)], expected: usize) {
        let found = faults(&Sources::of(files));
        assert_eq!(found.len(), expected, "{found:?}");
    }

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let root = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
        circles(&[root, ("a.rs", "use crate::B; pub struct A(B);"), ("b.rs", "use crate::A; pub struct B(A);")], 1);
        circles(&[root, ("a.rs", "use crate::B; pub struct A(B);"), ("b.rs", "pub struct B;")], 0);
    }

    #[test]
    fn a_child_that_uses_its_parents_items_while_the_parent_uses_it_is_found() {
        let child = ("a/b.rs", "use super::*; pub fn b() { super::helper(); }");
        circles(&[("lib.rs", "mod a;"), ("a.rs", "mod b; fn helper() {} pub fn a() { b::b(); }"), child], 1);
        // To declare and to re-export a child is not to use it.
        circles(&[("lib.rs", "mod a;"), ("a.rs", "mod b; pub use b::b; fn helper() {}"), child], 0);
    }

    #[test]
    fn a_circle_around_a_corner_is_found_and_told_once() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub fn a() { crate::b::b(); }"),
            ("b.rs", "use crate::c; pub fn b() { c::c(); }"),
            ("c.rs", "pub struct C(Option<Box<crate::a::Missing>>); pub fn c() { crate::a::a() }"),
        ];
        circles(&files, 1);
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub fn a() {} #[cfg(test)] mod tests { use crate::b::b; fn t() { b(); } }"),
            ("b.rs", "pub fn b() { crate::a::a(); } #[cfg(test)] mod tests;"),
            ("b/tests.rs", "use super::*;"),
        ];
        circles(&files, 0);
    }
}
