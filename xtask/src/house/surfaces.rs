//! The surfaces use the rooms, and never a statement of the database.

use std::collections::BTreeSet;

use syn::{ImplItem, Item, Type, Visibility};

use super::{
    mentions::{Kind, Mention, mentions},
    tree::{Tree, ident},
};

/// The modules of `leno` that render what the rooms do: REST, connect pages, OAuth app, Activepieces' plugin, MCP, console.
const SURFACES: &[&str] = &["api", "connect", "oauth_app", "activepieces", "mcp", "console"];

/// The crate of the statements, as paths name it.
const DB: &str = "leno_db";

/// The types of `db` whose public methods are statements, such as `StoreEntries`. `Db` is what the surfaces hand on.
pub(crate) fn statement_types(db: &Tree) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for item in db.modules.iter().flat_map(|module| &module.items) {
        let Item::Impl(block) = item else { continue };
        let is_statement = |item: &ImplItem| matches!(item, ImplItem::Fn(method) if method.sig.asyncness.is_some() && matches!(method.vis, Visibility::Public(_)));
        if let (Type::Path(of), true) = (&*block.self_ty, block.items.iter().any(is_statement)) {
            types.extend(of.path.segments.last().map(|segment| ident(&segment.ident)));
        }
    }
    types.remove("Db");
    types
}

/// Where a surface of `leno` uses a statement, one line each.
pub(crate) fn check(leno: &Tree, statement_types: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, module) in leno.modules.iter().enumerate() {
        let Some(surface) = surface_of(leno, id) else { continue };
        for mention in mentions(&module.items).iter().filter(|mention| is_statement(mention, statement_types)) {
            let file = leno.files[module.file].path.display();
            wrong.push(format!(
                "{file}:{}: {surface} is a surface and uses `{}`, a statement of the database: call a room that does it",
                mention.line,
                mention.path.join("::")
            ));
        }
    }
    wrong
}

fn is_statement(mention: &Mention, statement_types: &BTreeSet<String>) -> bool {
    let mut path = mention.path.iter();
    match (path.next().map(String::as_str), path.next()) {
        (Some("sqlx"), _) => true,
        // `use leno_db as db;` and `use leno_db::*;` would hide what is used.
        (Some(DB), None) => mention.kind != Kind::Code,
        (Some(DB), Some(name)) => name.starts_with(char::is_lowercase) || statement_types.contains(name),
        _ => false,
    }
}

fn surface_of(tree: &Tree, module: usize) -> Option<&str> {
    let parent = |module: &usize| tree.modules.get(*module).and_then(|module| module.parent);
    let path: Vec<usize> = std::iter::successors(Some(module), parent).collect();
    // The last is the root of the crate.
    let room = path.iter().rev().nth(1).and_then(|room| tree.modules.get(*room))?;
    SURFACES.contains(&room.name.as_str()).then_some(&room.name)
}

#[cfg(test)]
mod tests;
