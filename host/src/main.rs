//! The `leno` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    leno::cli::main()
}
