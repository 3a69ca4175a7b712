//! `leno prune`: removes kept components that no file of the pieces directory was last served from.

use std::process::ExitCode;

use leno_pieces::{COMPONENT_BYTES, Kept};
use serde_json::json;

use super::{
    flags::{Data, Flags},
    terminal::{self, Style},
};
use crate::config::DataDir;

#[derive(Debug, clap::Args)]
#[command(
    about = "Show or remove earlier versions of components in the data directory",
    long_about = "A host keeps the bytes of components that it served in its data directory, so that the last good version of \
                  a file outlives a restart. This shows those that no file of the pieces directory was last served from, and \
                  with --yes removes them. What a host has kept in the last minute stays, so it may serve meanwhile."
)]
pub(super) struct Args {
    /// Remove them
    #[arg(long)]
    yes: bool,
    /// Print a JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

pub(super) fn prune(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let kept = Kept::open(DataDir::open(&config.data_dir)?.components(), config.budgets.get(&COMPONENT_BYTES))?;
    let unneeded = kept.unneeded()?;
    if args.yes {
        unneeded.iter().try_for_each(|component| kept.remove(component))?;
    }
    let bytes: u64 = unneeded.iter().map(|component| component.size).sum();
    if args.json {
        let components: Vec<_> =
            unneeded.iter().map(|component| json!({"sha256": component.digest, "bytes": component.size})).collect();
        terminal::print_json(&json!({"components": components, "bytes": bytes, "removed": args.yes}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let style = Style::stdout();
    let line = |digest, size| format!("{digest}  {}\n", style.dim(terminal::bytes(size)));
    terminal::print(&unneeded.iter().map(|old| line(old.digest, old.size)).collect::<String>())?;
    let (count, size) = (unneeded.len(), terminal::bytes(bytes));
    terminal::note(match (count, args.yes) {
        (0, _) => "every component that is kept was the last good version of a file".to_owned(),
        (_, true) => format!("{count} components removed: {size}"),
        (_, false) => format!("{count} components are needed by no file: {size}; remove them with --yes"),
    });
    Ok(ExitCode::SUCCESS)
}
