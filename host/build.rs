//! Collects the SDK's sources for `leno new`: a list of files that `src/cli/sdk.rs` embeds into the program.
//!
//! The list has the layout of a checkout, `sdk/` beside `wit/`, so the sources are embedded as they are. Only the manifests
//! change: in a new project, no workspace surrounds them from which they could inherit.
#![allow(clippy::print_stdout, reason = "standard output is how a build script talks to Cargo")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The packages of the SDK, as directories of the checkout.
const PACKAGES: &[&str] = &["sdk", "sdk/macros"];
/// What these packages read besides their sources, and the licenses under which they are copied.
const FILES: &[&str] = &["sdk/README.md", "wit/piece.wit", "LICENSE-APACHE", "LICENSE-MIT"];

fn main() -> Result<()> {
    // Relative, as the working directory is the package's: a target directory may serve several checkouts.
    let root = Path::new("..");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Cargo compares the whole directory when it is told of one.
    let watch = |path: &Path| println!("cargo::rerun-if-changed={}", path.display());

    let mut list = String::from("&[\n");
    watch(&root.join("Cargo.toml"));
    let workspace = Workspace(fs::read_to_string(root.join("Cargo.toml"))?.parse()?);
    for package in PACKAGES {
        let manifest = root.join(package).join("Cargo.toml");
        watch(&manifest);
        let name = format!("{}.toml", package.replace('/', "-"));
        let flat = workspace.flatten(fs::read_to_string(&manifest)?.parse()?, package);
        fs::write(out.join(&name), flat.map_err(|error| format!("{}: {error}", manifest.display()))?)?;
        list += &entry(&format!("{package}/Cargo.toml"), "OUT_DIR", &name);

        let sources = root.join(package).join("src");
        watch(&sources);
        for file in rust_files(&sources)? {
            let path = file.strip_prefix(root)?.to_str().ok_or("the path of a source file is not UTF-8")?;
            list += &entry(path, "CARGO_MANIFEST_DIR", &format!("../{path}"));
        }
    }
    for path in FILES {
        watch(&root.join(path));
        list += &entry(path, "CARGO_MANIFEST_DIR", &format!("../{path}"));
    }
    list += "]\n";
    fs::write(out.join("sdk.rs"), list)?;
    Ok(())
}

/// A file of the list: the path in the project, and its content. The directory is named by a variable that rustc reads, so
/// that each checkout compiles its own sources.
fn entry(path: &str, variable: &str, file: &str) -> String {
    format!("    ({path:?}, include_str!(concat!(env!({variable:?}), {:?}))),\n", format!("/{file}"))
}

/// The `.rs` files below a directory, sorted, so that equal sources make equal programs.
fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The manifest from which the packages inherit.
struct Workspace(Table);

impl Workspace {
    /// The text of a manifest with everything inherited written out. Left out is what only development of the SDK needs.
    fn flatten(&self, mut manifest: Table, package: &str) -> Result<String> {
        manifest.remove("lints");
        manifest.remove("dev-dependencies");
        if let Some(Value::Table(fields)) = manifest.get_mut("package") {
            for (name, value) in fields.iter_mut().filter(|(_, value)| is_inherited(value)) {
                *value = self.find("package", name)?;
            }
        }
        if let Some(Value::Table(dependencies)) = manifest.get_mut("dependencies") {
            self.flatten_dependencies(dependencies, package)?;
        }
        if let Some(Value::Table(targets)) = manifest.get_mut("target") {
            for target in targets.iter_mut().map(|(_, target)| target) {
                if let Some(Value::Table(dependencies)) = target.get_mut("dependencies") {
                    self.flatten_dependencies(dependencies, package)?;
                }
            }
        }
        let text = toml::to_string(&manifest)?;
        if text.contains("workspace = true") {
            return Err("something is inherited from the workspace that host/build.rs does not know".into());
        }
        Ok(text)
    }

    fn flatten_dependencies(&self, dependencies: &mut Table, package: &str) -> Result<()> {
        for (name, dependency) in dependencies.iter_mut().filter(|(_, dependency)| is_inherited(dependency)) {
            if dependency.as_table().is_some_and(|keys| keys.len() > 1) {
                return Err(format!("`{name}` adds to what it inherits, which host/build.rs cannot write out").into());
            }
            let mut inherited = self.find("dependencies", name)?;
            if let Some(Value::String(path)) = inherited.get_mut("path") {
                // Of the root, and in the flat manifest of the package.
                let below = Path::new(path.as_str()).strip_prefix(package).ok().and_then(Path::to_str);
                *path = below.ok_or_else(|| format!("`{name}` is not below {package}"))?.to_owned();
            }
            *dependency = inherited;
        }
        Ok(())
    }

    fn find(&self, part: &str, name: &str) -> Result<Value> {
        let found = self.0.get("workspace").and_then(|workspace| workspace.get(part)?.get(name));
        found.cloned().ok_or_else(|| format!("the workspace has no {part}.{name} to inherit").into())
    }
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
