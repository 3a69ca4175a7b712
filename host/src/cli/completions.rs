//! `leno completions`: a completion script.

use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::terminal;

#[derive(Debug, clap::Args)]
#[command(
    about = "Print a completion script for a shell",
    after_help = "For bash: leno completions bash > ~/.local/share/bash-completion/completions/leno"
)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script of `command`, which is the whole command line.
pub(super) fn completions(args: &Args, mut command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "leno", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
