//! The paths that the code of a module mentions: in `use`, in expressions, types and patterns, in macros and attributes.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, Meta,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use super::tree::{attributes, ident, is_for_tests, is_public, leaves};

/// One path.
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// Where a path stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `use`, for this module only.
    Import,
    /// `pub use` or `pub(…) use`.
    ReExport,
    /// `use …::*`; the path is what is before it.
    Glob,
    /// Anywhere else.
    Code,
}

/// What `items` mention, but for what is compiled for tests only.
pub(crate) fn mentions(items: &[Item]) -> Vec<Mention> {
    let mut reader = Reader::default();
    items.iter().for_each(|item| reader.visit_item(item));
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Mention>,
}

impl Reader {
    fn code(&mut self, path: Vec<String>, line: usize) {
        let is_value_or_type = |name: &str| matches!(name, "self" | "Self" | "super" | "crate");
        match path.as_slice() {
            [] => {}
            [only] if is_value_or_type(only) => {}
            [first, ..] if first == "Self" => {}
            _ => self.found.push(Mention { path, line, kind: Kind::Code }),
        }
    }

    /// Finds paths in what a macro or an attribute was given. A lone name in lower case is more likely a variable or a field
    /// than an item, and is left out unless it is called.
    fn tokens(&mut self, tokens: TokenStream, lone_names: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is =
            |at: usize, mark: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let name = match token {
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), lone_names);
                    continue;
                }
                TokenTree::Ident(name) => name,
                _ => continue,
            };
            let after = at.checked_sub(2);
            let is_member =
                after.is_some_and(|before| is(before, '.') && !before.checked_sub(1).is_some_and(|at| is(at, '.')));
            let is_continued =
                after.is_some_and(|before| is(before, ':') && before.checked_sub(1).is_some_and(|at| is(at, ':')));
            let mut path = vec![ident(name)];
            while let (true, true, Some(TokenTree::Ident(next))) = (is(at, ':'), is(at + 1, ':'), tokens.get(at + 2)) {
                path.push(ident(next));
                at += 3;
            }
            if is_member || is_continued {
                continue;
            }
            let is_called = is(at, '!') || matches!(tokens.get(at), Some(TokenTree::Group(_)));
            let is_item = path.len() > 1 || lone_names && (is_called || path.iter().any(|name| is_capital(name)));
            if is_item && (lone_names || path.first().is_some_and(|first| first == "crate")) {
                self.code(path, name.span().start().line);
            }
        }
    }

    /// Finds paths in texts of attributes: `#[serde(with = "crate::hex")]`.
    fn texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else { continue };
                    if let Ok(path) = text.parse::<syn::Path>() {
                        self.code(segments(&path), line);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        for leaf in leaves(&item.tree) {
            let kind = match () {
                () if leaf.glob => Kind::Glob,
                () if is_public(&item.vis) => Kind::ReExport,
                () => Kind::Import,
            };
            self.found.push(Mention { path: leaf.path, line: leaf.line, kind });
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.code(segments(path), path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    /// A constant in a pattern looks like a new name.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = ident(&pattern.ident);
        if is_capital(&name) {
            self.code(vec![name], pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        // The names in a definition are those of its callers.
        let is_definition = called.path.is_ident("macro_rules");
        self.tokens(called.tokens.clone(), !is_definition);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else { return };
        let name = list.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if !matches!(name.as_str(), "cfg" | "cfg_attr" | "allow" | "expect" | "doc") {
            self.tokens(list.tokens.clone(), true);
        }
        if name == "serde" {
            self.texts(list.tokens.clone());
        }
    }

    /// `pub(in path)` uses nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| ident(&segment.ident)).collect()
}

fn is_capital(name: &str) -> bool {
    name.starts_with(|first: char| first.is_uppercase())
}
