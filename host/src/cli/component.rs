//! Components in this process: reading, loading, and what their imports mean.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use leno_base::budget::Budgets;
use leno_egress::PrivateGrant;
use leno_metadata::Metadata;
use leno_sandbox::{Cache, Compiler, Engine, EngineConfig, Grant, Piece, budgets::MAX_CALLS};

use super::terminal::Spinner;
use crate::config::{Config, DataDir};

/// A command makes one call at a time.
fn budgets() -> Budgets {
    Budgets::new([(&MAX_CALLS, 2)])
}

/// An engine for components that the user names: compiled here, kept nowhere. Files by URL may come from the addresses of
/// `private` too.
pub(super) fn engine(private: &[PrivateGrant]) -> anyhow::Result<Engine> {
    let file_private = private.to_vec();
    Ok(Engine::new(EngineConfig { budgets: budgets(), file_private, ..EngineConfig::default() })?)
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
    Ok(Engine::new(EngineConfig { budgets: budgets(), cache, compiler: compiler()?, ..EngineConfig::default() })?)
}

/// Compiles in a child process: this program again, as `leno compile`.
pub(super) fn compiler() -> anyhow::Result<Compiler> {
    let program =
        std::env::current_exe().context("the path of this program, which is also the compiler, is not known")?;
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
    let unreadable =
        || format!("the pieces directory {} cannot be read; set another one with --pieces-dir", directory.display());
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
        "leno:piece/context" => "reads the context of its run: id, attempt, time left",
        "leno:piece/log" => "writes to the log of the run",
        "leno:piece/connection" => "reads the settings of its connection, without the secrets",
        "leno:piece/http" => "sends HTTP requests, only to the hosts above; the host adds the credentials",
        "leno:piece/store" => "stores small values between runs",
        "leno:piece/trigger-setup" => "schedules its triggers",
        "leno:piece/secrets" => "READS THE SECRETS of its connection; needs `secrets = true` in its grant",
        "wasi:clocks/wall-clock" => "reads the time",
        "wasi:clocks/monotonic-clock" => "measures time",
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => "gets random numbers",
        "wasi:io/poll" => "waits",
        "wasi:cli/stderr" => "writes to stderr when it crashes",
        "wasi:cli/environment" => "reads an empty environment",
        "wasi:cli/stdin" => "reads an empty input",
        "wasi:cli/stdout" => "writes output that is discarded",
        "wasi:cli/exit" => "ends itself",
        _ => return None,
    })
}
