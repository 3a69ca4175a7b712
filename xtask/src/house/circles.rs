//! No circle between the files of a crate: what one file needs from another does not lead back to it.
//!
//! A file that declares a module or re-exports what is below it does not need it: `mod store; pub use store::Store;` is no
//! edge, `Store::open()` in the same file is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{
    mentions::{Kind, Mention, mentions},
    resolve::Target,
    tree::Tree,
};

/// Circles that may stay, each with the reason: `(&["host/a.rs", "host/b.rs"], "why")`, the files in alphabetical order.
pub(crate) const ALLOWED: &[Allowed] = &[];

/// The files of a circle, and why it may stay.
type Allowed = (&'static [&'static str], &'static str);

/// Which files need which, and by which names: the line of the first mention with each.
pub(crate) struct Graph {
    files: Vec<PathBuf>,
    edges: BTreeMap<usize, BTreeMap<usize, BTreeMap<String, usize>>>,
}

/// Files that need each other, and the edges between them.
#[derive(Debug)]
pub(crate) struct Circle {
    pub(crate) files: Vec<PathBuf>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    from: PathBuf,
    to: PathBuf,
    /// With the line of the first mention.
    names: Vec<(String, usize)>,
}

impl Graph {
    pub(crate) fn of(tree: &Tree) -> Self {
        let files = tree.files.iter().map(|file| file.path.clone()).collect();
        let mut graph = Self { files, edges: BTreeMap::new() };
        for (id, module) in tree.modules.iter().enumerate() {
            for mention in mentions(&module.items) {
                graph.add(tree, id, module.file, &mention);
            }
        }
        graph
    }

    fn add(&mut self, tree: &Tree, module: usize, file: usize, mention: &Mention) {
        for target in tree.resolve(module, &mention.path) {
            // An imported module is followed where its items are used.
            let (Target::Item(definer, name), false) = (target, mention.kind == Kind::Glob) else { continue };
            let to = tree.modules[definer].file;
            let is_below = || tree.is_within(definer, tree.files[file].module);
            if to == file || mention.kind == Kind::ReExport && is_below() {
                continue;
            }
            let names = self.edges.entry(file).or_default().entry(to).or_default();
            let line = names.entry(name).or_insert(mention.line);
            *line = mention.line.min(*line);
        }
    }

    /// Every group of files in which each needs, directly or not, each other.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let reached: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|file| self.reached_from(file)).collect();
        let mut circles = Vec::new();
        let mut seen = BTreeSet::new();
        for (file, reaches) in reached.iter().enumerate() {
            let back = |other: &usize| reached.get(*other).is_some_and(|reached| reached.contains(&file));
            let group: BTreeSet<usize> = reaches.iter().copied().filter(back).collect();
            if group.len() > 1 && seen.insert(group.clone()) {
                circles.push(self.circle(&group));
            }
        }
        circles
    }

    fn reached_from(&self, file: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            let needed = self.edges.get(&file).into_iter().flat_map(BTreeMap::keys);
            next.extend(needed.filter(|needed| reached.insert(**needed)));
        }
        reached
    }

    fn circle(&self, group: &BTreeSet<usize>) -> Circle {
        let mut edges = Vec::new();
        for from in group {
            for (to, names) in self.edges.get(from).into_iter().flatten().filter(|(to, _)| group.contains(to)) {
                let names = names.iter().map(|(name, line)| (name.clone(), *line)).collect();
                edges.push(Edge { from: self.files[*from].clone(), to: self.files[*to].clone(), names });
            }
        }
        Circle { files: group.iter().map(|file| self.files[*file].clone()).collect(), edges }
    }
}

/// Removes from `circles` those that `allowed` names. Returns a line for each that it names and that does not exist: it was
/// broken, or has other files now.
pub(crate) fn leave_out(allowed: &[Allowed], circles: &mut Vec<Circle>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (files, _) in allowed {
        let before = circles.len();
        circles.retain(|circle| {
            let mut sorted: Vec<_> = circle.files.iter().map(PathBuf::as_path).collect();
            sorted.sort();
            sorted != files.iter().map(Path::new).collect::<Vec<_>>()
        });
        if circles.len() == before {
            wrong.push(format!(
                "{} form no circle any more: remove them from the list of allowed circles",
                files.join(", ")
            ));
        }
    }
    wrong
}

impl fmt::Display for Circle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} files need each other:", self.files.len())?;
        for Edge { from, to, names } in &self.edges {
            let mut by = String::new();
            for (name, line) in names {
                let comma = if by.is_empty() { "" } else { ", " };
                write!(by, "{comma}{name} (line {line})")?;
            }
            write!(out, "\n    {} → {} by {by}", from.display(), to.display())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
