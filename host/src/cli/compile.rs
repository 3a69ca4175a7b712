//! `leno compile`: the child process in which components are compiled.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(about = "Compile the component on stdin to stdout; the server starts this command for each compilation")]
pub(super) struct Args {
    /// CPU time, in seconds
    cpu: u64,
    /// Address space, in bytes
    memory: u64,
}

pub(super) fn compile(args: &Args) -> anyhow::Result<ExitCode> {
    leno_sandbox::compile_child(args.cpu, args.memory)?;
    Ok(ExitCode::SUCCESS)
}
