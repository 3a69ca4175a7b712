//! The crates of the workspace, as cargo tells them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::build::{cargo, root};

/// A crate of the workspace.
pub(super) struct Crate {
    pub(super) name: String,
    /// The root files of its library and programs.
    pub(super) roots: Vec<PathBuf>,
    /// The workspace crates that it uses, in builds and in tests.
    pub(super) uses: Vec<String>,
    pub(super) test_uses: Vec<String>,
}

/// Every crate of the workspace.
pub(super) fn read() -> Result<Vec<Crate>> {
    let output = cargo().args(["metadata", "--locked", "--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut crates = Vec::new();
    for package in packages {
        let list = |name: &str| package[name].as_array().cloned().unwrap_or_default();
        let uses = |dev: bool| {
            let wanted = |dependency: &Value| (dependency["kind"] == "dev") == dev;
            let name = |dependency: Value| dependency["name"].as_str().map(str::to_owned);
            let found = list("dependencies").into_iter().filter(wanted).filter_map(name);
            found.filter(|name| names.contains(name.as_str())).collect()
        };
        let program = |target: &Value| {
            let kinds = target["kind"].as_array().cloned().unwrap_or_default();
            kinds.iter().any(|kind| ["lib", "bin", "proc-macro"].iter().any(|wanted| kind == wanted))
        };
        let path = |target: &Value| target["src_path"].as_str().map(PathBuf::from);
        crates.push(Crate {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            roots: list("targets").iter().filter(|target| program(target)).filter_map(path).collect(),
            uses: uses(false),
            test_uses: uses(true),
        });
    }
    Ok(crates)
}

/// A path as people read it: from the repository's root.
pub(super) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
