//! `cargo xtask bench`.

use std::process::Command;

use anyhow::Result;

use crate::build::{self, cargo, root, run, target_dir};

pub(crate) fn bench(quick: bool) -> Result<()> {
    let pieces = build::pieces()?;
    let guests = build::test_guests()?;
    // One build for both: alone, each would build its dependencies with other features.
    run(cargo().args(["build", "--locked", "--release", "--package", "leno", "--package", "leno-bench"]))?;
    let release = target_dir().join("release");
    let mut bench = Command::new(release.join("leno-bench"));
    if quick {
        bench.arg("--quick");
    } else {
        bench.arg("--record").arg(root().join("BENCHMARKS.md"));
    }
    run(bench.env("LENO_TEST_PIECES", pieces).env("LENO_GUESTS_DIR", guests).env("LENO_BIN", release.join("leno")))
}
