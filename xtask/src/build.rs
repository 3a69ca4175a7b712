//! Builds the host for this machine, and guests for the sandbox.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::wasm_target::{self, TARGET};

/// The workspace of the piece in `examples`.
const EXAMPLE_PIECE: &str = "examples/piece-forgejo";

/// The root of the repository in which `cargo xtask` was called. Clones may share a target directory, so the path that was
/// compiled into this program may be another clone's: Cargo's variable comes first.
pub(crate) fn root() -> PathBuf {
    let called = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = called.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned());
    here.parent().unwrap_or(Path::new(".")).to_owned()
}

/// The target directory of the workspace.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |directory| root().join(directory))
}

/// `cargo`, in the root of the repository, without the variables that the `cargo` above this program set for it: they would
/// change what the inner one builds.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" || name == "RUSTC" {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command and waits for it.
///
/// # Errors
/// The command cannot be started, or exits with a status other than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {:?}", command.get_program()))?;
    if !status.success() {
        bail!("`{}` failed ({status})", describe(command));
    }
    Ok(())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Builds a workspace of guests: the crate in its root, and those in its folders. Returns their names, each with its component.
fn guests(workspace: &Path) -> Result<Vec<(String, PathBuf)>> {
    wasm_target::ensure(&root())?;
    let target = target_dir().join("guests");
    run(cargo()
        .current_dir(workspace)
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(&target))?;
    let mut crates = vec![workspace.to_owned()];
    for entry in fs::read_dir(workspace)? {
        crates.push(entry?.path());
    }
    let mut built = Vec::new();
    for folder in crates {
        let Ok(text) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let Some(name) = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) else {
            continue;
        };
        let component = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
        if component.exists() {
            built.push((name.to_owned(), component));
        }
    }
    Ok(built)
}

/// Builds the built-in pieces into the pieces directory. Returns that directory.
pub(crate) fn pieces() -> Result<PathBuf> {
    let directory = root().join("pieces");
    for (name, component) in guests(&directory)? {
        let Some(name) = name.strip_prefix("piece-") else { continue };
        let place = directory.join(format!("{name}.wasm"));
        // A server that runs on this directory loads every file that is written, so leave unchanged ones alone.
        if fs::read(&component)? != fs::read(&place).unwrap_or_default() {
            let fresh = directory.join(format!(".{name}.wasm"));
            fs::copy(&component, &fresh)?;
            fs::rename(&fresh, &place)?;
            eprintln!("xtask: built pieces/{name}.wasm");
        }
    }
    Ok(directory)
}

/// The workspaces whose native tests run against the fakes of the SDK: the built-in pieces, and the example of one.
pub(crate) fn pieces_of_authors() -> [PathBuf; 2] {
    ["pieces", EXAMPLE_PIECE].map(|workspace| root().join(workspace))
}

/// Builds the guests that the tests need, and the example of a piece. Returns the directory that holds their components.
pub(crate) fn test_guests() -> Result<PathBuf> {
    for workspace in ["tests/guests", EXAMPLE_PIECE] {
        guests(&root().join(workspace))?;
    }
    Ok(target_dir().join("guests").join(TARGET).join("release"))
}

/// Builds the `leno` command. Returns its path. It is built as a part of the workspace, with the features that the tests and
/// lints of the workspace build its dependencies with: `--package leno` would build most of them a second time.
pub(crate) fn host(release: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--workspace", "--bin", "leno"]);
    if release {
        build.arg("--release");
    }
    run(&mut build)?;
    Ok(target_dir().join(if release { "release" } else { "debug" }).join("leno"))
}
