//! `cargo xtask bench`.

use anyhow::Result;

use crate::build::{self, cargo, run};

pub(crate) fn bench(quick: bool) -> Result<()> {
    let pieces = build::pieces()?;
    let leno = build::host(true)?;
    let mut bench = cargo();
    bench.args(["run", "--locked", "--release", "--package", "leno-tests", "--bin", "bench", "--"]);
    if quick {
        bench.arg("--quick");
    } else {
        bench.arg("--record").arg(build::root().join("BENCHMARKS.md"));
    }
    run(bench.env("LENO_TEST_PIECES", pieces).env("LENO_BIN", leno))
}
