//! `cargo xtask test`.

use std::{
    env,
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Result, bail};

use crate::build::{self, cargo, run};

/// A server that some tests need.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    needed_by: &'static str,
}

fn peers() -> [Peer; 1] {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    [Peer { name: "PostgreSQL", address: local(5432), needed_by: "the database conformance suite on PostgreSQL" }]
}

pub(crate) fn test(args: &[String]) -> Result<()> {
    let in_ci = env::var("CI").is_ok_and(|value| value == "true");
    let mut skipped = Vec::new();
    for peer in peers() {
        if TcpStream::connect_timeout(&peer.address, Duration::from_secs(1)).is_err() {
            skipped.push(format!("{} (no {} at {})", peer.needed_by, peer.name, peer.address));
        }
    }
    if in_ci && !skipped.is_empty() {
        bail!("CI must run every test, and cannot run:\n  {}", skipped.join("\n  "));
    }

    let pieces = build::pieces()?;
    let guests = build::test_guests()?;
    // The tests from outside start the program itself.
    let leno = build::host(false)?;
    let mut tests = cargo();
    let nextest = Command::new("cargo-nextest").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match nextest.is_ok_and(|status| status.success()) {
        true => tests.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]),
        false => tests.args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]),
    };
    run(tests.args(args).env("LENO_TEST_PIECES", &pieces).env("LENO_GUESTS_DIR", &guests).env("LENO_BIN", &leno))?;
    if args.is_empty() {
        run(cargo().args(["test", "--locked", "--workspace", "--doc", "--quiet"]))?;
        // The pieces' own tests run natively, against the SDK's fakes.
        run(cargo()
            .current_dir(&pieces)
            .args(["test", "--locked", "--quiet", "--target-dir"])
            .arg(build::target_dir().join("guests")))?;
    }
    for test in &skipped {
        eprintln!("xtask: SKIPPED {test}");
    }
    Ok(())
}
