//! One engine for all tests of a process.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use leno_base::budget::Budgets;
use leno_sandbox::{Cache, CacheKey, Engine, EngineConfig};

/// The engine, with room for as many calls as tests make at once.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EngineConfig {
            budgets: Budgets::new([
                (&leno_sandbox::budgets::MAX_CALLS, 64),
                (&leno_sandbox::budgets::GUEST_MEMORY, 8 << 30),
            ]),
            // Tests that run side by side wait for each other rather than fail.
            queue_wait: Duration::from_secs(60),
            // Without it every test program compiles the component again: slower, and nothing else.
            cache: cache().ok(),
            ..EngineConfig::default()
        };
        Engine::new(config).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Compiled code beside the other products of the build, in a directory of the user alone.
fn cache() -> io::Result<Cache> {
    let target = target_dir().ok_or(io::ErrorKind::NotFound)?;
    let place = target.join("leno-test");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&place)?;
    Cache::open(place.join("compiled"), CacheKey::new(key(&place)?)).map_err(io::Error::other)
}

/// The target directory that the running test was built in: it is `TARGET/PROFILE/deps/NAME`.
fn target_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let deps = program.parent().filter(|deps| deps.file_name().is_some_and(|name| name == "deps"))?;
    deps.ancestors().nth(2).map(Path::to_owned)
}

/// The key of the cache: made by the first test, complete once it has its name.
fn key(place: &Path) -> io::Result<[u8; 32]> {
    let path = place.join("key");
    if !path.exists() {
        let mut file = tempfile::NamedTempFile::new_in(place)?;
        file.write_all(&rand::random::<[u8; 32]>())?;
        match file.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
    }
    fs::read(path)?.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}
