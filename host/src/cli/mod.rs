//! The command line: one file per command.

mod audit;
mod backup;
mod clients;
mod compile;
mod completions;
mod component;
mod exit;
mod flags;
mod grants;
mod import;
mod inspect;
mod keyring;
mod keys;
mod lock;
mod new;
mod prune;
mod run;
mod sdk;
mod serve;
mod terminal;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "leno",
    version,
    about = "Hosts automation pieces as WebAssembly components",
    long_about = "Hosts automation pieces as WebAssembly components. A piece runs in a sandbox: it reaches the network and \
                  its connection only through the host.",
    after_help = "Exit status: 0 done; 1 done, with a negative result (a piece failed, a lock does not match);\n\
                  2 not done (wrong usage or settings, a file that does not load).",
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    max_term_width = 120
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    New(new::Args),
    Inspect(inspect::Args),
    Run(run::Args),
    Grants(grants::Args),
    Lock(lock::Args),
    Prune(prune::Args),
    Token(token::Args),
    Keys(keys::Args),
    Clients(clients::Args),
    Import(import::Args),
    Audit(audit::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Completions(completions::Args),
    #[command(hide = true)]
    Compile(compile::Args),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::serve(&args),
        Command::New(args) => new::new(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Run(args) => run::run(&args),
        Command::Grants(args) => grants::grants(&args),
        Command::Lock(args) => lock::lock(&args),
        Command::Prune(args) => prune::prune(&args),
        Command::Token(args) => token::token(&args),
        Command::Keys(args) => keys::keys(&args),
        Command::Clients(args) => clients::clients(&args),
        Command::Import(args) => import::import(&args),
        Command::Audit(args) => audit::audit(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Compile(args) => compile::compile(&args),
    };
    done.unwrap_or_else(|error| {
        terminal::error(&error);
        ExitCode::from(exit::ERROR)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
