//! Building the component of the crate under test.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::LoadError;

const TARGET: &str = "wasm32-wasip2";

/// Builds the package in `directory` as a component and returns its path.
pub(crate) fn build(directory: &Path) -> Result<PathBuf, LoadError> {
    let failed = |reason: String| LoadError::Build { directory: directory.to_owned(), reason };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .current_dir(directory)
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("cargo cannot be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let hint = match said.contains("target may not be installed") {
            true => format!("\nthe target is missing; run: rustup target add {TARGET}"),
            false => String::new(),
        };
        return Err(failed(format!("{said}{hint}")));
    }
    let manifest = directory.join("Cargo.toml");
    let built = String::from_utf8_lossy(&output.stdout);
    let component =
        built.lines().filter_map(|line| component(&serde_json::from_str(line).ok()?, &manifest)).next_back();
    component.ok_or_else(|| {
        failed("the package has no `cdylib`: add `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`".to_owned())
    })
}

/// The component in a message of cargo, if it is the package's own.
fn component(message: &Value, manifest: &Path) -> Option<PathBuf> {
    let own = message.get("manifest_path")?.as_str().map(Path::new)? == manifest;
    let files = message.get("filenames").filter(|_| own)?.as_array()?;
    files
        .iter()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .find(|file| file.extension().is_some_and(|it| it == "wasm"))
}
