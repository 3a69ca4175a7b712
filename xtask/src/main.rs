//! `cargo xtask`: builds, serves, checks, tests and measures Leno.

mod bench;
mod build;
mod house;
mod peers;
mod rows;
mod serve;
mod test;
mod wasm_target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, serves, checks, tests and measures Leno.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start the server on 127.0.0.1:4747, and print a token and a request to try.
    Serve {
        /// Build with optimisations.
        #[arg(long)]
        release: bool,
        /// Further arguments for `leno serve`.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Run every test. Names the third parties that are missing, and the tests that are skipped for them.
    Test {
        /// Further arguments for `cargo nextest run` (or `cargo test`), such as a name to filter by.
        args: Vec<String>,
    },
    /// Check that crates use each other as the picture of the house says, that no surface uses a statement of the database, and
    /// that no files form a circle.
    House,
    /// Build the built-in pieces into `pieces/*.wasm`.
    Pieces,
    /// Attack a server with everything at once while neighbours work, and print what happened.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Measure the speed budgets, and write the figures to BENCHMARKS.md.
    Bench {
        /// Measure for a shorter time, print the figures, and do not write BENCHMARKS.md.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve { release, args } => serve::serve(release, &args),
        Command::Test { args } => test::test(&args),
        Command::House => house::check(),
        Command::Pieces => build::pieces().map(drop),
        Command::Soak { seconds } => test::soak(seconds),
        Command::Bench { quick } => bench::bench(quick),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
