//! `leno new`: a piece to start from.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use leno_metadata::PieceName;

use super::terminal::{self, Style};

#[derive(Debug, clap::Args)]
#[command(
    about = "Start a new piece from the template",
    long_about = "Start a new piece from the template: a Rust crate with one action, its tests, and how to build it."
)]
pub(super) struct Args {
    /// The piece's name: lower-case letters, digits and inner hyphens
    name: PieceName,
    /// Where to put it; ./NAME when absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A checkout of the SDK to build against
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// The SDK of the checkout that this program was built from.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");
/// The SDK in a registry.
const PUBLISHED: &str = "\"0.1\"";

macro_rules! template {
    ($($from:literal => $to:literal),* $(,)?) => {
        /// The template's files, by where they go. `{{name}}` and `{{sdk}}` in them stand for the piece's name and the
        /// dependency on the SDK.
        const TEMPLATE: &[(&str, &str)] = &[$(($to, include_str!(concat!("../../../sdk/template/", $from)))),*];
    };
}

template! {
    // Under its own name Cargo would take the template for a package.
    "Cargo.toml.tmpl" => "Cargo.toml",
    "README.md" => "README.md",
    ".gitignore" => ".gitignore",
    ".cargo/config.toml" => ".cargo/config.toml",
    "src/lib.rs" => "src/lib.rs",
    "src/actions.rs" => "src/actions.rs",
    "src/triggers.rs" => "src/triggers.rs",
    "tests/piece.rs" => "tests/piece.rs",
}

pub(super) fn new(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.name.short();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        bail!("`{name}` begins with a digit, and a Rust package cannot; choose another name");
    }
    let directory = args.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let occupied = fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || directory.is_file() {
        bail!("{} is there already and not empty; choose another --dir", directory.display());
    }
    let sdk = sdk(args.sdk.as_deref())?;
    for (file, content) in TEMPLATE {
        let path = directory.join(file);
        let parent = path.parent().unwrap_or(&directory);
        let content = content.replace("{{name}}", name).replace("{{sdk}}", &sdk);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    next_steps(&directory);
    Ok(ExitCode::SUCCESS)
}

/// Where the SDK is, as the value of a Cargo dependency.
fn sdk(given: Option<&Path>) -> anyhow::Result<String> {
    let path = match given {
        Some(path) => path.canonicalize().with_context(|| format!("--sdk: {} is not there", path.display()))?,
        None => match Path::new(BUILT_FROM).canonicalize() {
            Ok(path) => path,
            Err(_) => return Ok(PUBLISHED.to_owned()),
        },
    };
    if !path.join("Cargo.toml").is_file() {
        bail!("{} has no Cargo.toml: it is not the SDK; set --sdk to a checkout's `sdk` directory", path.display());
    }
    Ok(format!("{{ path = {} }}", toml::Value::String(path.display().to_string())))
}

/// What `cargo component` builds.
const COMPONENT: &str = "target/wasm32-wasip2/release/piece.wasm";

fn next_steps(directory: &Path) {
    let style = Style::stderr();
    terminal::note(format_args!("{} {}\n", style.green("created"), directory.display()));
    terminal::note("Next:");
    for line in [
        format!("cd {}", directory.display()),
        "cargo test".to_owned(),
        "cargo component".to_owned(),
        format!("leno inspect {COMPONENT}"),
        format!("leno run {COMPONENT} greet --props '{{\"name\": \"Ada\"}}'"),
    ] {
        terminal::note(format_args!("  {}", style.cyan(line)));
    }
}
