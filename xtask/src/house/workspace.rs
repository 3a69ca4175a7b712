//! What `cargo metadata` says of this workspace.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::build::cargo;

#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

impl Workspace {
    /// Asks `cargo metadata`.
    pub(crate) fn read() -> Result<Self> {
        let output =
            cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output().context("running cargo")?;
        ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
        Self::parse(&output.stdout)
    }

    pub(crate) fn parse(document: &[u8]) -> Result<Self> {
        serde_json::from_slice(document).context("reading the output of `cargo metadata`")
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

impl Package {
    /// The root files of what others use or run: no tests, benches, examples and build scripts.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        const ASIDE: [&str; 4] = ["test", "bench", "example", "custom-build"];
        let is_aside = |target: &Target| target.kind.iter().any(|kind| ASIDE.contains(&kind.as_str()));
        self.targets.iter().filter(move |target| !is_aside(target)).map(|target| &target.src_path)
    }
}

impl Dependency {
    pub(crate) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}
