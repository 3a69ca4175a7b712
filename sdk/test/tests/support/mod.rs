//! Built components: the pieces as they are shipped, and the fixture of these tests.

#![allow(dead_code, reason = "each test program has its own needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};

use leno_test::{Grant, Piece};

/// A built-in piece under the default grant.
pub(crate) async fn piece(name: &str) -> Piece {
    piece_with(name, Grant::default()).await
}

/// A built-in piece under another grant.
pub(crate) async fn piece_with(name: &str, grant: Grant) -> Piece {
    let directory = std::env::var_os("LENO_TEST_PIECES").map_or_else(|| repository().join("pieces"), PathBuf::from);
    let path = directory.join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is not built: run `cargo xtask pieces`, or set LENO_TEST_PIECES", path.display());
    Piece::load_with(path, grant).await.unwrap()
}

/// The fixture with a trigger of each kind: `tests/guests/poller`.
pub(crate) async fn poller() -> Piece {
    poller_with(Grant::default()).await
}

/// The same under another grant.
pub(crate) async fn poller_with(grant: Grant) -> Piece {
    const BUILT: &str = "wasm32-wasip2/release";
    let places = match std::env::var_os("LENO_GUESTS_DIR") {
        Some(place) => vec![PathBuf::from(place)],
        None => {
            let program = std::env::current_exe().unwrap();
            let target = program.ancestors().nth(3).unwrap_or(Path::new("."));
            let beside = |place: &Path| place.join("guests").join(BUILT);
            // `cargo xtask test` builds guests inside of the target directory.
            let own = repository().join("tests/guests/target").join(BUILT);
            vec![beside(target), beside(target.parent().unwrap_or(target)), own]
        }
    };
    let path = places.iter().map(|place| place.join("poller.wasm")).find(|path| path.is_file());
    let path = path.unwrap_or_else(|| {
        panic!(
            "the guest `poller` is not built: run `cargo build --release` in tests/guests, or set LENO_GUESTS_DIR to where \
             poller.wasm is; looked in {places:?}"
        )
    });
    Piece::load_with(path, grant).await.unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
