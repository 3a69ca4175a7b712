//! The modules of a crate, what each defines, and what each refers to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use syn::{Attribute, Item, UseTree, Visibility, visit::Visit};

/// A path of modules from the crate's root; empty for the root itself.
type ModPath = Vec<String>;

/// The sources of one library or program.
#[derive(Default)]
pub(super) struct Sources {
    modules: BTreeMap<ModPath, Module>,
    /// Every path that is named in code, tests left out.
    pub(super) references: Vec<Reference>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    /// The names that are defined here.
    items: BTreeSet<String>,
    /// Names that stand for another path: imports and re-exports.
    aliases: BTreeMap<String, Vec<String>>,
    /// Paths whose names are imported or re-exported all.
    globs: Vec<Vec<String>>,
}

/// A path that is named somewhere.
pub(super) struct Reference {
    pub(super) file: PathBuf,
    module: ModPath,
    /// As it is written.
    pub(super) path: Vec<String>,
    /// Whether it is only exported again.
    pub(super) is_export: bool,
}

/// Reads the modules below a root file, tests left out.
pub(super) fn read(root: &Path) -> Result<Sources> {
    let mut sources = Sources::default();
    let directory = root.parent().unwrap_or(Path::new("")).to_owned();
    let load = |path: &Path| fs::read_to_string(path).ok();
    sources.add_file(&load, root, &directory, &Vec::new())?;
    Ok(sources)
}

impl Sources {
    /// The files of a made-up crate; the first one is its root.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut sources = Self::default();
        let load =
            |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
        let root = Path::new(files[0].0);
        sources.add_file(&load, root, root.parent().unwrap(), &Vec::new()).unwrap();
        sources
    }

    /// Adds a file as the module `module`; its child modules are in `directory`.
    fn add_file(
        &mut self,
        load: &dyn Fn(&Path) -> Option<String>,
        path: &Path,
        directory: &Path,
        module: &ModPath,
    ) -> Result<()> {
        let text = load(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let file = syn::parse_file(&text).with_context(|| format!("{} cannot be parsed", path.display()))?;
        self.add_items(load, path, directory, module, &file.items)
    }

    fn add_items(
        &mut self,
        load: &dyn Fn(&Path) -> Option<String>,
        path: &Path,
        directory: &Path,
        module: &ModPath,
        items: &[Item],
    ) -> Result<()> {
        self.modules.entry(module.clone()).or_default().file = path.to_owned();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let Some(name) = defined(item) {
                self.define(module, name);
            }
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let below = [module.as_slice(), std::slice::from_ref(&name)].concat();
                    let inner = directory.join(&name);
                    match &child.content {
                        Some((_, items)) => self.add_items(load, path, &inner, &below, items)?,
                        None => {
                            let places = [directory.join(format!("{name}.rs")), inner.join("mod.rs")];
                            let place = places.iter().find(|place| load(place).is_some());
                            let place =
                                place.with_context(|| format!("module {name} of {} has no file", path.display()))?;
                            self.add_file(load, place, &inner, &below)?;
                        }
                    }
                }
                Item::Use(used) => {
                    let is_export = !matches!(used.vis, Visibility::Inherited);
                    self.add_use(path, module, &mut Vec::new(), &used.tree, is_export);
                }
                item => {
                    let mut paths = Paths::default();
                    paths.visit_item(item);
                    for found in paths.0 {
                        self.refer(path, module, found, false);
                    }
                }
            }
        }
        Ok(())
    }

    fn define(&mut self, module: &ModPath, name: String) {
        self.modules.entry(module.clone()).or_default().items.insert(name);
    }

    fn refer(&mut self, file: &Path, module: &ModPath, path: Vec<String>, is_export: bool) {
        self.references.push(Reference { file: file.to_owned(), module: module.clone(), path, is_export });
    }

    fn add_use(&mut self, file: &Path, module: &ModPath, before: &mut Vec<String>, tree: &UseTree, is_export: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_use(file, module, before, &path.tree, is_export);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(file, module, before, tree, is_export);
                }
            }
            UseTree::Name(name) => self.alias(file, module, before, &name.ident.to_string(), None, is_export),
            UseTree::Rename(name) => {
                let alias = name.rename.to_string();
                self.alias(file, module, before, &name.ident.to_string(), Some(alias), is_export);
            }
            UseTree::Glob(_) => {
                self.modules.entry(module.clone()).or_default().globs.push(before.clone());
            }
        }
    }

    fn alias(
        &mut self,
        file: &Path,
        module: &ModPath,
        before: &[String],
        name: &str,
        alias: Option<String>,
        is_export: bool,
    ) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        if path.first() != Some(&alias) || path.len() > 1 {
            self.modules.entry(module.clone()).or_default().aliases.insert(alias, path.clone());
        }
        self.refer(file, module, path, is_export);
    }

    /// The file that defines what a reference names; `None` for what is not of this crate.
    pub(super) fn resolve(&self, reference: &Reference) -> Option<PathBuf> {
        self.find(&reference.module, &reference.path, 0).map(|module| module.file.clone())
    }

    /// The module that defines the end of `path`, seen from `module`.
    fn find(&self, module: &[String], path: &[String], depth: usize) -> Option<&Module> {
        // Aliases may lead back to themselves in code that does not compile.
        if depth > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&[], rest, depth),
            "self" => self.descend(module, rest, depth),
            "super" => {
                let mut above = module.split_last()?.1;
                let mut rest = rest;
                while let Some((next, after)) = rest.split_first()
                    && next == "super"
                {
                    (above, rest) = (above.split_last()?.1, after);
                }
                self.descend(above, rest, depth)
            }
            // A path that begins with a name: a child module, or something imported.
            name => {
                let here = self.modules.get(module)?;
                let child = [module, std::slice::from_ref(first)].concat();
                let is_alias = here.aliases.get(name).is_some_and(|alias| alias.first() != Some(first));
                (self.modules.contains_key(&child) || (is_alias && !rest.is_empty()))
                    .then(|| self.descend(module, path, depth))?
            }
        }
    }

    fn descend(&self, module: &[String], path: &[String], depth: usize) -> Option<&Module> {
        let here = self.modules.get(module)?;
        let Some((first, rest)) = path.split_first() else { return Some(here) };
        let child = [module, std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return self.descend(&child, rest, depth);
        }
        if here.items.contains(first) {
            return Some(here);
        }
        if let Some(alias) = here.aliases.get(first) {
            return self.find(module, &[alias.as_slice(), rest].concat(), depth + 1);
        }
        let through = |glob: &Vec<String>| self.find(module, &[glob.as_slice(), path].concat(), depth + 1);
        here.globs.iter().find_map(through)
    }
}

/// Collects the paths in code that may lead to another file.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.clone().into_iter().any(|token| token.to_string() == "test")))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}
