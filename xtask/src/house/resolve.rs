//! Where a path leads: through imports and re-exports to the module that defines it.

use std::collections::BTreeSet;

use super::tree::{Name, Tree};

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module.
    Module(usize),
    /// An item: the module that defines it, and its name there.
    Item(usize, String),
}

/// What was looked up on the way. A re-export may lead back to itself.
type Visited = BTreeSet<(usize, String)>;

impl Tree {
    /// Where `path`, written in `module`, leads within this crate. Empty: to another crate.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        self.follow(module, path, &mut Visited::new()).unwrap_or_default()
    }

    /// `None`: nothing here is known by the first name, so that it is of another crate or of the language.
    fn follow(&self, module: usize, path: &[String], visited: &mut Visited) -> Option<Vec<Target>> {
        let (first, rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => vec![Target::Module(self.modules[module].parent?)],
            name => match self.look_up(module, name, visited) {
                Some(found) => found,
                None if self.own_names.contains(first) => vec![Target::Module(0)],
                None => return None,
            },
        };
        for name in rest {
            let Some(&Target::Module(inner)) = found.iter().find(|target| matches!(target, Target::Module(_))) else {
                // The rest names a variant, an associated item, or something in another crate.
                return Some(found);
            };
            found = match name.as_str() {
                "super" => vec![Target::Module(self.modules[inner].parent?)],
                // What a macro makes is defined where the macro is called.
                name => {
                    self.look_up(inner, name, visited).unwrap_or_else(|| vec![Target::Item(inner, name.to_owned())])
                }
            };
        }
        Some(found)
    }

    fn look_up(&self, module: usize, name: &str, visited: &mut Visited) -> Option<Vec<Target>> {
        let at = &self.modules[module];
        if !visited.insert((module, name.to_owned())) {
            // `mod coerce; pub use coerce::coerce;`: the first name of the import is the module, not the import itself.
            let is_module =
                |name: &Name| if let Name::Module(child) = name { Some(Target::Module(*child)) } else { None };
            return Some(at.names.get(name)?.iter().filter_map(is_module).collect())
                .filter(|found: &Vec<_>| !found.is_empty());
        }
        let found = match at.names.get(name) {
            Some(names) => {
                Some(names.iter().flat_map(|stands_for| self.targets(module, name, stands_for, visited)).collect())
            }
            None => at.globs.iter().find_map(|path| {
                let from = self.follow(module, path, visited)?;
                from.iter().find_map(|target| match target {
                    Target::Module(from) => self.look_up(*from, name, visited),
                    Target::Item(..) => None,
                })
            }),
        };
        visited.remove(&(module, name.to_owned()));
        found
    }

    fn targets(&self, module: usize, name: &str, stands_for: &Name, visited: &mut Visited) -> Vec<Target> {
        match stands_for {
            Name::Defined => vec![Target::Item(module, name.to_owned())],
            Name::Module(child) => vec![Target::Module(*child)],
            Name::Foreign => Vec::new(),
            Name::Imported(path) => self.follow(module, path, visited).unwrap_or_default(),
        }
    }
}
