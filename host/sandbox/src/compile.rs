//! From WebAssembly to native code, within limits.
//!
//! wasmtime does not promise that compiling a hostile component ends soon or in little memory. So a server compiles in a
//! child process that the kernel limits, and that works on one core, at the lowest priority.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use crate::settings;

/// Where compilation happens.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, on a blocking thread, without limits: for components that the user built.
    InProcess,
    /// In a child process.
    Child {
        /// A program that calls [`compile_child`]: the host's own binary.
        program: PathBuf,
        /// The arguments that make it do so.
        args: Vec<OsString>,
        /// CPU time of one compilation.
        cpu: Duration,
        /// Address space of the child, in bytes.
        memory: u64,
    },
}

impl Compiler {
    /// A child with the default limits: a minute of CPU, 2 GiB. The 14 MB component of a JavaScript piece takes 6 s.
    #[must_use]
    pub fn child(program: PathBuf, args: Vec<OsString>) -> Self {
        Self::Child { program, args, cpu: Duration::from_secs(60), memory: 2 << 30 }
    }
}

/// Why a component has no compiled form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// wasmtime refused the component.
    #[error("{0}")]
    Failed(String),
    /// It takes more memories, tables or instances than one call may have.
    #[error("it needs more than this host allows one call: {0}")]
    TooLarge(String),
    /// A limit of the compilation was hit.
    #[error("compiling it {0}")]
    Limit(String),
    /// The compiler could not run.
    #[error("the compiler could not run: {0}")]
    Host(String),
}

/// The most native code of one component, in bytes: it passes through the memory of this process.
const MAX_NATIVE: u64 = 256 << 20;
/// First byte of the child's output.
const COMPILED: u8 = b'+';
const REFUSED: u8 = b'-';

impl Compiler {
    pub(crate) async fn compile(&self, bytes: &Arc<[u8]>) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::InProcess => {
                let bytes = bytes.clone();
                tokio::task::spawn_blocking(move || precompile(&bytes))
                    .await
                    .map_err(|error| CompileError::Host(error.to_string()))?
                    .map_err(CompileError::Failed)
            }
            Self::Child { program, args, cpu, memory } => {
                let mut command = Command::new(program);
                // Nothing of this process' environment: it may hold keys.
                command.args(args).arg(cpu.as_secs().to_string()).arg(memory.to_string()).env_clear();
                run(command, bytes, *cpu).await
            }
        }
    }
}

async fn run(mut command: Command, bytes: &Arc<[u8]>, cpu: Duration) -> Result<Vec<u8>, CompileError> {
    let host = |error: io::Error| CompileError::Host(error.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(host)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(CompileError::Host("the compiler has no pipes".into()));
    };
    let mut stdout = stdout.take(MAX_NATIVE + 1);
    let mut answer = Vec::new();
    let exchange = async {
        let send = async {
            // A child that a limit killed closes its end early; its exit status says why.
            let _ = stdin.write_all(bytes).await;
            drop(stdin);
        };
        let (_, received) = tokio::join!(send, stdout.read_to_end(&mut answer));
        received?;
        // A child with more output would wait for a reader forever.
        drop(stdout);
        child.wait().await
    };
    // At the lowest priority on a busy machine, wall time is a multiple of CPU time.
    let status = match tokio::time::timeout(cpu * 5, exchange).await {
        Ok(status) => status.map_err(host)?,
        Err(_) => return Err(CompileError::Limit(format!("took longer than {} s", (cpu * 5).as_secs()))),
    };
    if answer.len() as u64 > MAX_NATIVE {
        return Err(CompileError::Limit(format!("yields more than {MAX_NATIVE} bytes of native code")));
    }
    match answer.first().copied() {
        Some(COMPILED) if status.success() => {
            answer.remove(0);
            Ok(answer)
        }
        Some(REFUSED) if status.success() => {
            let words = answer.get(1..).unwrap_or_default();
            Err(CompileError::Failed(String::from_utf8_lossy(words).into_owned()))
        }
        _ => Err(CompileError::Limit(match std::os::unix::process::ExitStatusExt::signal(&status) {
            // SIGXCPU, or SIGKILL at the hard limit a second later.
            Some(24 | 9) => format!("took more than {} s of CPU time", cpu.as_secs()),
            Some(signal) => format!("ran out of memory (signal {signal})"),
            None => format!("failed ({status})"),
        })),
    }
}

fn precompile(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let engine = settings::compiling().map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(bytes).map_err(|error| format!("{error:#}"))
}

/// The compiling child: limits itself, reads a component from stdin, writes native code to stdout.
///
/// `cpu` is CPU time in seconds, `memory` address space in bytes.
///
/// # Errors
/// The limits could not be set, or the pipes failed. A refused component is no error: it is reported through stdout.
pub fn compile_child(cpu: u64, memory: u64) -> io::Result<()> {
    let limit = |resource, most: u64| {
        let hard = getrlimit(resource).maximum;
        let most = hard.map_or(most, |hard| hard.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: hard })
    };
    limit(Resource::Cpu, cpu)?;
    limit(Resource::As, memory)?;
    limit(Resource::Core, 0)?;
    // Nobody waits for the result of a host that is gone.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The lowest priority; where that is not allowed, the one it has.
    let _ = nice(19);
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let mut stdout = io::stdout().lock();
    match precompile(&bytes) {
        Ok(native) => {
            stdout.write_all(&[COMPILED])?;
            stdout.write_all(&native)?;
        }
        Err(reason) => {
            stdout.write_all(&[REFUSED])?;
            stdout.write_all(reason.as_bytes())?;
        }
    }
    stdout.flush()
}
