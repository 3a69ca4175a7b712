//! The guests written in Rust, and the piece of `examples`, built beforehand (see `tests/README.md`).

use std::path::PathBuf;

/// The bytes of a built guest: `hostile`, `oauth-probe` and so on; `piece-forgejo` is the example.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    let file = format!("{}.wasm", name.replace('-', "_"));
    let places = places();
    places.iter().map(|place| place.join(&file)).find_map(|path| std::fs::read(path).ok()).unwrap_or_else(|| {
        panic!(
            "the guest `{name}` is not built: run `cargo build --release` in tests/guests, or set LENO_GUESTS_DIR to \
             where {file} is; looked in {places:?}"
        )
    })
}

/// The bytes of a built-in piece: `http`, `store` or `text`.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn piece(name: &str) -> Vec<u8> {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../pieces");
    let path = std::env::var_os("LENO_TEST_PIECES").map_or_else(own, PathBuf::from).join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{} cannot be read: {error}; run `cargo xtask pieces`, or set LENO_TEST_PIECES", path.display())
    })
}

fn places() -> Vec<PathBuf> {
    const BUILT: &str = "wasm32-wasip2/release";
    if let Some(place) = std::env::var_os("LENO_GUESTS_DIR") {
        return vec![place.into()];
    }
    let beside = target_dir().and_then(|target| Some(target.parent()?.join("guests").join(BUILT)));
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../guests/target").join(BUILT);
    beside.into_iter().chain([own]).collect()
}

/// The target directory that the running test was built in: it is `TARGET/PROFILE/deps/NAME`.
pub(crate) fn target_dir() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned())
}

/// The program under test: `LENO_BIN`, or `leno` in the profile directory that the running test was built in.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn leno() -> PathBuf {
    let built = || Some(std::env::current_exe().ok()?.ancestors().nth(2)?.join("leno"));
    let program = std::env::var_os("LENO_BIN").map(PathBuf::from).or_else(built).unwrap_or_default();
    assert!(program.is_file(), "{} is not built: run `cargo build -p leno`, or set LENO_BIN", program.display());
    program
}
