//! `Dockerfile` and `packaging/` fit the program, the workspace and systemd.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failure is a failed test"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use leno_testkit::guests;

/// The exposure of the unit as `systemd-analyze security` rates it, times ten: 1.2 of 10, and a little for other versions of
/// systemd, which weigh differently.
const EXPOSURE: &str = "15";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a command printed on both streams.
fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every `LENO_NAME` in `text`.
fn settings(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.strip_prefix("LENO_").is_some_and(|name| !name.is_empty())).collect()
}

#[test]
fn systemd_knows_every_line_of_the_unit_and_rates_it_as_protected() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: no systemd-analyze; install systemd");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("leno.service");
    // `verify` wants the program to be there.
    let program = guests::leno();
    let text = read("packaging/leno.service").replace("/usr/bin/leno", program.to_str().unwrap());
    assert!(text.contains(program.to_str().unwrap()), "the unit does not start /usr/bin/leno");
    fs::write(&unit, text).unwrap();

    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    // An unknown key is a warning, and no failure.
    let said = words(&verified);
    assert!(verified.status.success() && !said.contains("leno.service"), "{said}");

    let rated = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE])
        .arg(&unit)
        .output()
        .unwrap();
    assert!(rated.status.success(), "{}", words(&rated));
}

#[test]
fn image_and_unit_set_only_settings_that_the_program_has() {
    let help = words(&Command::new(guests::leno()).args(["serve", "--help"]).output().unwrap());
    let known = settings(&help);
    for path in ["Dockerfile", "packaging/leno.service", "packaging/README.md"] {
        let text = read(path);
        let named = settings(&text);
        assert!(!named.is_empty(), "{path} names no setting");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}, which `leno serve --help` does not");
    }
}

#[test]
fn the_image_is_built_with_the_rust_version_of_the_workspace() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    assert!(
        read("Dockerfile").contains(&format!("FROM rust:{version}-")),
        "the Dockerfile does not build with Rust {version}"
    );
}
