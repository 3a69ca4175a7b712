//! The SDK that this program carries, for projects that have no checkout of Leno beside them.

use std::{fs, io, path::Path};

use anyhow::Context as _;

/// The SDK's files as `build.rs` lists them: paths as in a checkout, and contents.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Where the SDK is laid in a project.
const DIRECTORY: &str = "vendor/leno";

/// The path of the package `leno-sdk` in a project.
pub(super) const PACKAGE: &str = "vendor/leno/sdk";

/// Writes the SDK into a project.
pub(super) fn write(project: &Path) -> anyhow::Result<()> {
    let directory = project.join(DIRECTORY);
    FILES.iter().try_for_each(|(path, content)| write_file(&directory.join(path), content))
}

/// Writes a file, and creates the directories above it.
pub(super) fn write_file(path: &Path, content: &str) -> anyhow::Result<()> {
    let created = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written: io::Result<()> = created.and_then(|()| fs::write(path, content));
    written.with_context(|| format!("{} cannot be written", path.display()))
}
