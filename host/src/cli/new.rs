//! `leno new`: a project for a new piece, with the SDK that it needs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use leno_metadata::PieceName;

use super::{
    sdk,
    terminal::{self, Style},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Start a new piece from the template",
    long_about = "Start a new piece from the template: a Rust crate with an action, a connection, a trigger and tests. The SDK \
                  is copied into the crate, as vendor/leno, so that the crate builds on its own; --sdk uses another SDK."
)]
pub(super) struct Args {
    /// The piece's name: lower-case letters, digits and inner hyphens
    name: PieceName,
    /// The directory of the new crate [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The `sdk` directory of a checkout of Leno, to use instead of a copy
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

macro_rules! template {
    ($($from:literal => $to:literal),* $(,)?) => {
        /// The template's files by their path in the project. `{{name}}` and `{{sdk}}` in them stand for the piece's name
        /// and the path of the SDK.
        const TEMPLATE: &[(&str, &str)] = &[$(($to, include_str!(concat!("../../../sdk/template/", $from)))),*];
    };
}

template! {
    // Under its own name Cargo would take the template for a package.
    "Cargo.toml.tmpl" => "Cargo.toml",
    "cargo-config.toml" => ".cargo/config.toml",
    "README.md" => "README.md",
    ".gitignore" => ".gitignore",
    "src/lib.rs" => "src/lib.rs",
    "src/actions.rs" => "src/actions.rs",
    "src/triggers.rs" => "src/triggers.rs",
    "tests/piece.rs" => "tests/piece.rs",
}

pub(super) fn new(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.name.short();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        bail!("`{name}` begins with a digit, which the name of a Rust package cannot; choose another name");
    }
    let directory = args.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let occupied = fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || directory.is_file() {
        bail!("{} exists and is not empty; choose another directory with --dir", directory.display());
    }
    let checkout = args.sdk.as_deref().map(checkout).transpose()?;
    let sdk = toml::Value::String(checkout.clone().unwrap_or_else(|| sdk::PACKAGE.to_owned())).to_string();
    for (path, content) in TEMPLATE {
        let content = content.replace("{{name}}", name).replace("{{sdk}}", &sdk);
        sdk::write_file(&directory.join(path), &content)?;
    }
    if checkout.is_none() {
        sdk::write(&directory)?;
    }
    next_steps(&directory);
    Ok(ExitCode::SUCCESS)
}

/// The absolute path of an SDK that the author names.
fn checkout(given: &Path) -> anyhow::Result<String> {
    let path = given.canonicalize().with_context(|| format!("--sdk: {} cannot be used", given.display()))?;
    let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
    let package = manifest.parse::<toml::Table>().ok().and_then(|table| table.get("package")?.get("name").cloned());
    if package.as_ref().and_then(toml::Value::as_str) != Some("leno-sdk") {
        let path = path.display();
        bail!(
            "--sdk: {path} has no Cargo.toml of the package `leno-sdk`; name the `sdk` directory of a checkout of Leno"
        );
    }
    Ok(path.display().to_string())
}

/// Where `cargo build` puts the component.
const COMPONENT: &str = "target/wasm32-wasip2/release/piece.wasm";

/// Prints the next steps as commands to copy.
fn next_steps(directory: &Path) {
    let style = Style::stderr();
    terminal::note(format_args!("{} {}\n", style.green("created"), directory.display()));
    terminal::note("Next:");
    for line in [
        format!("cd {}", quoted(&directory.display().to_string())),
        "cargo test".to_owned(),
        "cargo build --release --target wasm32-wasip2".to_owned(),
        format!("leno inspect {COMPONENT}"),
        format!("leno run {COMPONENT} greet --props '{{\"name\": \"Ada\"}}'"),
    ] {
        terminal::note(format_args!("  {}", style.cyan(line)));
    }
}

/// A word for a shell: as it is, or in single quotes when a shell would read more into it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
