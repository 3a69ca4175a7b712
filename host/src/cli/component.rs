//! Components in this process: reading, loading, and what their imports mean.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use leno_egress::PrivateGrant;
use leno_metadata::Metadata;
use leno_sandbox::{Cache, Compiler, Engine, EngineConfig, Grant, Piece};

use super::terminal::Spinner;
use crate::config::{Config, DataDir};

/// Calls at once: a command makes one.
const CALLS: usize = 2;

/// An engine for components that the user names: compiled here, kept nowhere. Files by URL may come from the addresses of
/// `private` too.
pub(super) fn engine(private: &[PrivateGrant]) -> anyhow::Result<Engine> {
    let file_private = private.to_vec();
    Ok(Engine::new(EngineConfig { max_calls: CALLS, file_private, ..EngineConfig::default() })?)
}

/// An engine for the components of a host: compiled in a child process, and kept where the host keeps them if it has run
/// here before.
pub(super) fn engine_of(config: &Config) -> anyhow::Result<Engine> {
    let cache = match config.data_dir.is_dir() {
        true => {
            let data = DataDir::open(&config.data_dir)?;
            Some(Cache::open(data.compiled(), data.cache_key()?)?)
        }
        false => None,
    };
    Ok(Engine::new(EngineConfig { max_calls: CALLS, cache, compiler: compiler()?, ..EngineConfig::default() })?)
}

/// Compiles in a child process: this program again, as `leno compile`.
pub(super) fn compiler() -> anyhow::Result<Compiler> {
    let program = std::env::current_exe().context("this program cannot find itself to start the compiler")?;
    Ok(Compiler::child(program, vec![OsString::from("compile")]))
}

/// Loads a component as `grant` says for the piece that it turns out to be.
pub(super) async fn load(
    engine: &Engine,
    path: &Path,
    grant: impl FnOnce(&Metadata) -> Grant + Send,
) -> anyhow::Result<Piece> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let _spinner = Spinner::new(format!("compiling {}", path.display()));
    engine.load(bytes.into(), grant).await.with_context(|| format!("{} does not load", path.display()))
}

/// The components of a directory, by name.
pub(super) fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("the pieces directory {} cannot be read; set --pieces-dir", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What an import permits a piece; `None` for interfaces that carry only types.
pub(super) fn permission(interface: &str) -> Option<&'static str> {
    Some(match interface {
        "leno:piece/context" => "knows the run it belongs to: its id, attempt and time left",
        "leno:piece/log" => "writes to the log of the run",
        "leno:piece/connection" => "sees the settings of its connection, without the secrets",
        "leno:piece/http" => "sends HTTP requests, to the hosts above only; the host adds the credentials",
        "leno:piece/store" => "keeps small values of its own from run to run",
        "leno:piece/trigger-setup" => "schedules its triggers",
        "leno:piece/secrets" => "SEES THE SECRETS of its connection; needs `secrets = true` in its grant",
        "wasi:clocks/wall-clock" => "knows the time",
        "wasi:clocks/monotonic-clock" => "measures time",
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => "gets random numbers",
        "wasi:io/poll" => "waits",
        "wasi:cli/stderr" => "writes its last words when it crashes",
        "wasi:cli/environment" => "sees an empty environment",
        "wasi:cli/stdin" => "reads an empty input",
        "wasi:cli/stdout" => "writes to nowhere",
        "wasi:cli/exit" => "ends itself",
        _ => return None,
    })
}
