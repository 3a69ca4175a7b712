//! One test at a time.
//!
//! Tests that measure time or memory run alone, whatever `--test-threads` says, as threads of one process or as
//! processes.

use std::fs::File;

use anyhow::Context as _;

/// The stage, until dropped.
#[derive(Debug)]
pub struct Stage(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Stage {
    /// Waits until no other test holds it.
    ///
    /// # Errors
    /// When files cannot be locked.
    pub async fn take() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join("leno-tests.stage");
        let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        tokio::task::spawn_blocking(move || file.lock().map(|()| Self(file))).await?.context("no lock on the stage")
    }
}
