//! Installs the `wasm32-wasip2` target of the active toolchain.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

/// The target that pieces are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Installs the target, unless it is installed. `root` is the repository.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    if installed()? {
        return Ok(());
    }
    eprintln!("xtask: installing the target {TARGET}");
    let script = root.join("xtask/wasm-target");
    let status = Command::new("bash").arg(script).status().context("running xtask/wasm-target")?;
    if !status.success() {
        bail!("the target {TARGET} is not installed, and installing it failed; run: rustup target add {TARGET}");
    }
    Ok(())
}

fn installed() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("running rustc; install Rust from https://rustup.rs")?;
    let directory = String::from_utf8(output.stdout)?;
    let standard_library = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    };
    Ok(std::fs::read_dir(directory.trim()).is_ok_and(|mut entries| entries.any(standard_library)))
}
