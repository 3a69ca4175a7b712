//! The modules of a crate, and the names that each of them holds.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use syn::{Attribute, Item, Meta, UseTree, Visibility, punctuated::Punctuated, spanned::Spanned as _, token::Comma};

/// Reads a source file; `None` if the file does not exist.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// A crate: what is reachable from one root file by `mod`, without what is compiled for tests only.
pub(crate) struct Tree {
    pub(crate) files: Vec<SourceFile>,
    /// The first is the crate's root.
    pub(crate) modules: Vec<Module>,
    /// Other names of the root: `extern crate self as leno_sdk`.
    pub(crate) own_names: Vec<String>,
}

/// A source file and the module that it is.
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) module: usize,
}

/// A module, in a file of its own or inline.
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) parent: Option<usize>,
    pub(crate) file: usize,
    pub(crate) names: BTreeMap<String, Vec<Name>>,
    /// The paths before `::*`.
    pub(crate) globs: Vec<Vec<String>>,
    /// Everything but modules and what is compiled for tests only.
    pub(crate) items: Vec<Item>,
}

/// What a name of a module stands for. One name may stand for several things: a module, a function, a type, a macro.
pub(crate) enum Name {
    /// Defined in the module itself.
    Defined,
    /// A module.
    Module(usize),
    /// Imported from this path.
    Imported(Vec<String>),
    /// Imported from a path with `::` in front: another crate's.
    Foreign,
}

/// One import of a `use`.
pub(crate) struct Leaf {
    pub(crate) path: Vec<String>,
    /// The name that it gets; `None` for `*` and `_`.
    pub(crate) name: Option<String>,
    pub(crate) glob: bool,
    pub(crate) line: usize,
}

/// The directory in which a module looks for the files of its children.
#[derive(Clone)]
struct Place {
    children: PathBuf,
    /// What `#[path]` is relative to.
    attributes: PathBuf,
}

impl Tree {
    /// Reads the crate whose root file is `root`.
    pub(crate) fn read(root: &Path, read: Read<'_>) -> Result<Self> {
        let mut tree = Self { files: Vec::new(), modules: Vec::new(), own_names: Vec::new() };
        tree.add_file(root.to_owned(), String::new(), None, true, read)?;
        Ok(tree)
    }

    /// Whether `module` is `ancestor` or below it.
    pub(crate) fn is_within(&self, module: usize, ancestor: usize) -> bool {
        let parent = |module: &usize| self.modules.get(*module).and_then(|module| module.parent);
        std::iter::successors(Some(module), parent).any(|module| module == ancestor)
    }

    fn add_file(
        &mut self,
        path: PathBuf,
        name: String,
        parent: Option<usize>,
        owns_directory: bool,
        read: Read<'_>,
    ) -> Result<usize> {
        let text = read(&path).with_context(|| format!("reading {}", path.display()))?;
        let content = syn::parse_file(&text).with_context(|| format!("parsing {}", path.display()))?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let children = match path.file_stem() {
            Some(stem) if !owns_directory => directory.join(stem),
            _ => directory.clone(),
        };
        let file = self.files.len();
        self.files.push(SourceFile { path, module: self.modules.len() });
        self.add_module(name, parent, file, content.items, &Place { children, attributes: directory }, read)
    }

    fn add_module(
        &mut self,
        name: String,
        parent: Option<usize>,
        file: usize,
        content: Vec<Item>,
        place: &Place,
        read: Read<'_>,
    ) -> Result<usize> {
        let id = self.modules.len();
        let (names, globs, items) = (BTreeMap::new(), Vec::new(), Vec::new());
        self.modules.push(Module { name, parent, file, names, globs, items });
        for item in content {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            if let Item::Mod(child) = item {
                let name = ident(&child.ident);
                let module = self.add_child(child, id, file, place, read)?;
                self.name(id, name, Name::Module(module));
                continue;
            }
            match &item {
                Item::Use(import) => {
                    let is_foreign = import.leading_colon.is_some();
                    for leaf in leaves(&import.tree) {
                        match leaf.name {
                            Some(name) if is_foreign => self.name(id, name, Name::Foreign),
                            Some(name) => self.name(id, name, Name::Imported(leaf.path)),
                            None if leaf.glob && !is_foreign => self.modules[id].globs.push(leaf.path),
                            None => {}
                        }
                    }
                }
                Item::ExternCrate(item) if item.ident == "self" => {
                    self.own_names.extend(item.rename.as_ref().map(|(_, name)| ident(name)));
                }
                _ => {
                    if let Some(name) = defined(&item) {
                        self.name(id, name, Name::Defined);
                    }
                }
            }
            self.modules[id].items.push(item);
        }
        Ok(id)
    }

    fn add_child(
        &mut self,
        child: syn::ItemMod,
        parent: usize,
        file: usize,
        place: &Place,
        read: Read<'_>,
    ) -> Result<usize> {
        let name = ident(&child.ident);
        let path = child.attrs.iter().find_map(path_attribute);
        if let Some((_, content)) = child.content {
            let directory = place.children.join(path.as_deref().unwrap_or(&name));
            let inner = Place { children: directory.clone(), attributes: directory };
            return self.add_module(name, Some(parent), file, content, &inner, read);
        }
        if let Some(path) = path {
            return self.add_file(place.attributes.join(path), name, Some(parent), true, read);
        }
        let flat = place.children.join(format!("{name}.rs"));
        match read(&flat) {
            Some(_) => self.add_file(flat, name, Some(parent), false, read),
            None => self.add_file(place.children.join(&name).join("mod.rs"), name, Some(parent), true, read),
        }
    }

    fn name(&mut self, module: usize, name: String, stands_for: Name) {
        self.modules[module].names.entry(name).or_default().push(stands_for);
    }
}

/// The imports of a `use`, one by one.
pub(crate) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(tree, &mut Vec::new(), &mut leaves);
    leaves
}

fn collect(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let line = tree.span().start().line;
    let whole = |last: String| {
        // `a::{self}` imports `a`.
        let last = (last != "self" || before.is_empty()).then_some(last);
        before.iter().cloned().chain(last).collect::<Vec<_>>()
    };
    match tree {
        UseTree::Path(tree) => {
            before.push(ident(&tree.ident));
            collect(&tree.tree, before, leaves);
            before.pop();
        }
        UseTree::Group(tree) => tree.items.iter().for_each(|item| collect(item, before, leaves)),
        UseTree::Name(tree) => {
            let path = whole(ident(&tree.ident));
            leaves.push(Leaf { name: path.last().cloned(), path, glob: false, line });
        }
        UseTree::Rename(tree) => {
            let name = Some(ident(&tree.rename)).filter(|name| name != "_");
            leaves.push(Leaf { path: whole(ident(&tree.ident)), name, glob: false, line });
        }
        UseTree::Glob(_) => leaves.push(Leaf { path: before.clone(), name: None, glob: true, line }),
    }
}

/// Whether a `use` is for others to import from here.
pub(crate) fn is_public(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| implies_test(&meta))
    })
}

fn implies_test(predicate: &Meta) -> bool {
    let Meta::List(list) = predicate else { return predicate.path().is_ident("test") };
    let inner = list.parse_args_with(Punctuated::<Meta, Comma>::parse_terminated).unwrap_or_default();
    match list.path.get_ident().map(ToString::to_string).as_deref() {
        Some("all") => inner.iter().any(implies_test),
        Some("any") => !inner.is_empty() && inner.iter().all(implies_test),
        _ => false,
    }
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &meta.value else { return None };
    meta.path.is_ident("path").then(|| text.value())
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &Item) -> Option<String> {
    Some(ident(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    }))
}

/// An identifier as it is looked up: `r#type` is `type`.
pub(crate) fn ident(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}
