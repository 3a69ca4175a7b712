//! `leno lock`: pins the components of the pieces directory to their digests.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anyhow::bail;
use leno_base::Digest;
use leno_pieces::{Lock, Pin};
use leno_sandbox::{Engine, Grant};
use semver::Version;
use serde::Serialize;

use super::{
    component,
    exit::NO,
    flags::{Flags, Pieces},
    terminal::{self, Style},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Pin the components of the pieces directory to their digests",
    long_about = "Pin the components of the pieces directory to their digests: writes name, version and SHA-256 of each to \
                  pieces.lock. With LENO_PRODUCTION=true a server loads only what is pinned, so review the components \
                  first (`leno inspect`)."
)]
pub(super) struct Args {
    /// Write nothing; exit with 1 when the lock differs from the directory
    #[arg(long)]
    check: bool,
    /// Print a JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Pieces>,
}

/// The difference between the directory and the lock.
#[derive(Debug, Default, Serialize)]
struct Difference {
    added: Vec<Pin>,
    changed: Vec<Pin>,
    removed: Vec<Pin>,
}

impl Difference {
    fn between(old: &[Pin], new: &[Pin]) -> Self {
        let find = |pins: &[Pin], pin: &Pin| {
            pins.iter().find(|other| (&other.name, &other.version) == (&pin.name, &pin.version)).map(|pin| pin.sha256)
        };
        let mut difference = Self::default();
        for pin in new {
            match find(old, pin) {
                None => difference.added.push(pin.clone()),
                Some(digest) if digest != pin.sha256 => difference.changed.push(pin.clone()),
                Some(_) => {}
            }
        }
        difference.removed = old.iter().filter(|pin| find(new, pin).is_none()).cloned().collect();
        difference
    }

    fn is_none(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

pub(super) fn lock(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let old = Lock::read(&config.pieces_lock)?;
    let engine = component::engine_of(&config)?;
    let pins = super::exit::block_on(pins(&engine, &config.pieces_dir))?;
    let difference = Difference::between(&old.pins, &pins);
    let count = pins.len();
    if !args.check {
        Lock { pins }.write(&config.pieces_lock)?;
    }
    let path = config.pieces_lock.display();
    if args.json {
        terminal::print_json(&serde_json::json!({
            "lock": config.pieces_lock,
            "pieces": count,
            "written": !args.check,
            "difference": difference,
        }))?;
    } else {
        terminal::print(&show(&difference, Style::stdout()))?;
        terminal::note(match (args.check, difference.is_none()) {
            (true, true) => format!("{path} matches the {count} components"),
            (true, false) => {
                format!("{path} does not match the components; review them, then run `leno lock`")
            }
            (false, true) => format!("{path} was up to date: {count} components"),
            (false, false) => format!("{path} written: {count} components"),
        });
    }
    Ok(if args.check && !difference.is_none() { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

/// What to pin. All components or none: a lock without one of them would be found out only in production.
async fn pins(engine: &Engine, directory: &Path) -> anyhow::Result<Vec<Pin>> {
    let mut pins: BTreeMap<(String, Version), (Digest, String)> = BTreeMap::new();
    let mut broken = Vec::new();
    for path in component::files(directory)? {
        let any = |_: &_| Grant { secrets: true, ..Grant::default() };
        let piece = match component::load(engine, &path, any).await {
            Ok(piece) => piece,
            Err(error) => {
                broken.push(format!("{error:#}"));
                continue;
            }
        };
        let (metadata, digest) = (piece.metadata(), piece.digest());
        let file = path.display().to_string();
        let key = (metadata.name.short().to_owned(), metadata.version.clone());
        if let Some((other, first)) = pins.insert(key, (digest, file.clone()))
            && other != digest
        {
            let (name, version) = (&metadata.name, &metadata.version);
            broken.push(format!(
                "{first} and {file} are different components, but both are {name} {version}; raise the version of one"
            ));
        }
    }
    if !broken.is_empty() {
        bail!("nothing was locked, because of:\n  {}", broken.join("\n  "));
    }
    Ok(pins.into_iter().map(|((name, version), (sha256, _))| Pin { name, version, sha256 }).collect())
}

fn show(difference: &Difference, style: Style) -> String {
    let mut text = String::new();
    let mut list = |mark: String, pins: &[Pin]| {
        for pin in pins {
            text.push_str(&format!("{mark} {} {}  {}\n", pin.name, pin.version, style.dim(pin.sha256)));
        }
    };
    list(style.green("+"), &difference.added);
    list(style.yellow("~"), &difference.changed);
    list(style.red("-"), &difference.removed);
    text
}
