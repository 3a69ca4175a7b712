//! `cargo xtask house`: the crates use each other as the picture of the house says, and the files of a crate form no circle.

mod arrows;
mod circles;
mod crates;
mod sources;

use anyhow::{Context as _, Result, bail};

/// Checks the arrows between crates, the surfaces' use of the database, and the files of every crate.
pub(crate) fn check() -> Result<()> {
    let crates = crates::read()?;
    let mut faults = arrows::faults(&crates);
    for each in &crates {
        for root in &each.roots {
            let sources = sources::read(root).with_context(|| format!("reading the sources of {}", each.name))?;
            faults.extend(circles::faults(&sources));
            if each.name == "leno" {
                faults.extend(arrows::statements(&sources));
            }
        }
    }
    if faults.is_empty() {
        println!("the house is in order: {} crates", crates.len());
        return Ok(());
    }
    bail!("{} faults:\n\n{}", faults.len(), faults.join("\n\n"));
}
