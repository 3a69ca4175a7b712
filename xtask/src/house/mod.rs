//! `cargo xtask house`: the arrows between crates, and no circle between files.

mod arrows;
mod circles;
mod mentions;
mod resolve;
mod surfaces;
mod tree;
mod workspace;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};

use self::{arrows::HOUSE, circles::Graph, tree::Tree, workspace::Workspace};
use crate::build::root;

/// Checks the arrows between crates, the surfaces, and the files of each crate. Prints what is wrong.
///
/// # Errors
/// Something is wrong, or a source cannot be read.
pub(crate) fn check() -> Result<()> {
    let workspace = Workspace::read()?;
    let mut wrong = arrows::check(&workspace, HOUSE);

    let root = root();
    let read = |path: &Path| fs::read_to_string(root.join(path)).ok();
    let (mut libraries, mut found, mut files) = (BTreeMap::new(), Vec::new(), 0);
    for package in &workspace.packages {
        for source in package.roots() {
            let tree = Tree::read(source.strip_prefix(&root).unwrap_or(source), &read)?;
            files += tree.files.len();
            found.extend(Graph::of(&tree).circles());
            libraries.entry(package.name.as_str()).or_insert(tree);
        }
    }

    wrong.extend(circles::leave_out(circles::ALLOWED, &mut found));
    wrong.extend(found.iter().map(ToString::to_string));

    let library = |name: &str| libraries.get(name).with_context(|| format!("the workspace has no crate {name}"));
    wrong.extend(surfaces::check(library("leno")?, &surfaces::statement_types(library("leno-db")?)));

    for line in &wrong {
        println!("{line}");
    }
    match wrong.len() {
        0 => println!(
            "the arrows between {} crates hold; {files} files form no circle, except for {} allowed",
            workspace.packages.len(),
            circles::ALLOWED.len()
        ),
        faults => bail!("{faults} faults; see \"The check of the house\" in CONTRIBUTING.md"),
    }
    Ok(())
}
