//! `cargo xtask test`.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::{
    build::{self, cargo, run},
    peers, rows,
};

pub(crate) fn test(args: &[String]) -> Result<()> {
    let in_ci = env::var("CI").is_ok_and(|value| value == "true");
    let skipped = peers::missing();
    if in_ci && !skipped.is_empty() {
        bail!(
            "with CI=true every test must run, and these cannot; install what is missing (see .ci/run), or unset CI:\n  {}",
            skipped.join("\n  ")
        );
    }

    let pieces = build::pieces()?;
    let guests = build::test_guests()?;
    let peers = peers::install()?;
    // The tests in `tests/` start the program, which is built with them: the crates of the workspace have other features there.
    run(cargo().args(["test", "--locked", "--workspace", "--no-run", "--quiet"]))?;
    let leno = build::target_dir().join("debug/leno");
    let nextest = Command::new("cargo-nextest").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let nextest = nextest.is_ok_and(|status| status.success());
    let tests = |targets: &[&str]| {
        let mut tests = cargo();
        match nextest {
            true => tests.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]),
            false => tests.args(["test", "--locked", "--workspace", "--no-fail-fast"]),
        };
        tests.args(targets).envs(peers.iter().cloned()).env("LENO_SCHEMATHESIS", peers::schemathesis());
        tests.env("LENO_TEST_PIECES", &pieces).env("LENO_GUESTS_DIR", &guests).env("LENO_BIN", &leno);
        tests
    };
    let all: &[&str] = if nextest { &[] } else { &["--lib", "--bins", "--tests"] };
    run(tests(all).args(args))?;
    if args.is_empty() {
        if nextest {
            rows::write(&build::root().join("target/nextest/default/junit.xml"))?;
        }
        if peers::has_postgres() {
            run(tests(&["--test", "exhaustion"]).env("LENO_TEST_DATABASE", "postgres"))?;
        }
        run(cargo().args(["test", "--locked", "--workspace", "--doc", "--quiet"]))?;
        for workspace in build::pieces_of_authors() {
            run(cargo()
                .current_dir(workspace)
                .args(["test", "--locked", "--quiet", "--target-dir"])
                .arg(build::target_dir().join("guests")))?;
        }
    }
    for test in &skipped {
        eprintln!("xtask: SKIPPED {test}");
    }
    Ok(())
}

/// Runs the test that attacks a server with everything at once, for `seconds`, against a build with optimisations.
pub(crate) fn soak(seconds: u64) -> Result<()> {
    let guests = build::test_guests()?;
    let leno = build::host(true)?;
    let mut test = cargo();
    test.args(["test", "--locked", "--workspace", "--test", "exhaustion", "--", "soak::", "--nocapture"]);
    run(test.env("LENO_GUESTS_DIR", guests).env("LENO_BIN", leno).env("LENO_SOAK_SECONDS", seconds.to_string()))
}
