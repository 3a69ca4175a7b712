//! `leno lock`: pins the components of the pieces directory to their digests.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use leno_pieces::{Asks, Lock, LockError, LockFile, Pin, SigningKey, Trust};
use leno_sandbox::{Engine, Grant};
use semver::Version;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    component,
    exit::NO,
    flags::{Flags, Pieces},
    terminal::{self, Style},
};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(
    about = "Pin the components of the pieces directory to their digests",
    long_about = "Pin the components of the pieces directory to their digests: writes name, version and SHA-256 of each to \
                  pieces.lock, and what it asks for: hosts, ports, where its credentials go, secrets. With \
                  LENO_PRODUCTION=true a server loads only what is pinned, so review the components first (`leno inspect`).\n\n\
                  A component that asks for more than was approved for its name before is shown, and nothing is written \
                  (exit status 1) until it is approved with --approve.",
    after_help = "In production the lock counts only where nobody who may write to the pieces directory can write, or with a \
                  signature:\n  \
                  openssl genpkey -algorithm ed25519 -out lock-key.pem    once; keep it away from the server\n  \
                  leno lock --sign lock-key.pem                           prints the LENO_LOCK_KEY for the server"
)]
pub(super) struct Args {
    /// Write nothing; exit with 1 when the lock differs from the directory
    #[arg(long)]
    check: bool,
    /// Approve what components ask for beyond what was approved before
    #[arg(long, conflicts_with = "check")]
    approve: bool,
    /// Sign the lock with the Ed25519 key in this file: PKCS #8 in PEM
    #[arg(long, value_name = "KEYFILE", conflicts_with = "check")]
    sign: Option<PathBuf>,
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
        fn find<'a>(pins: &'a [Pin], pin: &Pin) -> Option<&'a Pin> {
            pins.iter().find(|other| (&other.name, &other.version) == (&pin.name, &pin.version))
        }
        let mut difference = Self::default();
        for pin in new {
            match find(old, pin) {
                None => difference.added.push(pin.clone()),
                Some(old) if old != pin => difference.changed.push(pin.clone()),
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

/// A component that asks for more than was approved for its name.
#[derive(Debug, Serialize)]
struct Wider {
    name: String,
    version: Version,
    /// What it asks for beyond, a phrase each.
    asks: Vec<String>,
}

/// The lock of before, and whether it counts.
struct Old {
    lock: Lock,
    counts: bool,
}

impl Old {
    fn read(config: &Config) -> anyhow::Result<Self> {
        let trust = config.lock_key.clone().map_or(Trust::Anywhere, Trust::Signed);
        match (LockFile { path: config.pieces_lock.clone(), trust }).read() {
            Ok(lock) => Ok(Self { lock, counts: true }),
            Err(LockError::Signature { path, reason }) => {
                terminal::note(format_args!("{path} does not count: {reason}; nothing in it is taken as approved"));
                Ok(Self { lock: Lock::default(), counts: false })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What was approved for a name, in any version; `None` when it was never pinned.
    fn approved(&self, name: &str) -> Option<Asks> {
        let of_name = self.lock.pins.iter().filter(|pin| pin.name == name);
        of_name.map(|pin| pin.asks.clone()).reduce(|all, one| all.and(&one))
    }

    /// What needs an approval. A piece that was never pinned does not: it is reviewed as a whole, and no user has given it a
    /// connection.
    fn wider(&self, pins: &[Pin]) -> Vec<Wider> {
        let wider = pins.iter().filter_map(|pin| {
            let approved = match self.counts {
                true => self.approved(&pin.name)?,
                false => Asks::default(),
            };
            let asks = pin.asks.wider_than(&approved);
            (!asks.is_empty()).then(|| Wider { name: pin.name.clone(), version: pin.version.clone(), asks })
        });
        wider.collect()
    }
}

pub(super) fn lock(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let key = signing_key(args, &config)?;
    let old = Old::read(&config)?;
    let engine = component::engine_of(&config)?;
    let pins = super::exit::block_on(pins(&engine, &config.pieces_dir))?;
    let difference = Difference::between(&old.lock.pins, &pins);
    let wider = old.wider(&pins);
    let count = pins.len();
    let refused = !args.approve && !wider.is_empty();
    let written = !args.check && !refused;
    if written {
        Lock { pins }.write(&config.pieces_lock, key.as_ref())?;
    }
    let path = config.pieces_lock.display();
    if args.json {
        terminal::print_json(&serde_json::json!({
            "lock": config.pieces_lock,
            "pieces": count,
            "written": written,
            "difference": difference,
            "needsApproval": if args.approve { Vec::new() } else { wider },
        }))?;
    } else {
        terminal::print(&show(&difference, &old, Style::stdout()))?;
        terminal::note(match (args.check, refused, difference.is_none()) {
            (true, _, true) => format!("{path} matches the {count} components"),
            (true, _, false) => {
                format!("{path} does not match the components; review them, then run `leno lock`")
            }
            (false, true, _) => {
                let names: Vec<String> =
                    wider.iter().map(|wider| format!("{} {}", wider.name, wider.version)).collect();
                let names = names.join(", ");
                format!(
                    "nothing was written: {names} asks for more than was approved; review it, then run `leno lock --approve`"
                )
            }
            (false, false, true) => format!("{path} was up to date: {count} components"),
            (false, false, false) => format!("{path} written: {count} components"),
        });
        if let Some(key) = key.filter(|_| written && config.lock_key.is_none()) {
            terminal::note(format_args!(
                "for hosts that are to insist on the signature: LENO_LOCK_KEY={}",
                key.public()
            ));
        }
    }
    let no = refused || (args.check && !difference.is_none());
    Ok(if no { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

/// The key to sign with. A lock that this host's settings would not believe is not written.
fn signing_key(args: &Args, config: &Config) -> anyhow::Result<Option<SigningKey>> {
    let Some(file) = &args.sign else {
        if config.lock_key.is_some() && !args.check {
            bail!("LENO_LOCK_KEY is set, so a lock without a signature does not count; add --sign KEYFILE");
        }
        return Ok(None);
    };
    let pem = Zeroizing::new(fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?);
    let key = SigningKey::from_pem(&pem).with_context(|| file.display().to_string())?;
    if config.lock_key.as_ref().is_some_and(|expected| *expected != key.public()) {
        bail!("{} is not the key of LENO_LOCK_KEY; its public key is {}", file.display(), key.public());
    }
    Ok(Some(key))
}

/// What to pin. All components or none: a lock without one of them would be found out only in production.
async fn pins(engine: &Engine, directory: &Path) -> anyhow::Result<Vec<Pin>> {
    let mut pins: BTreeMap<(String, Version), (Pin, String)> = BTreeMap::new();
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
        let (name, version) = (piece.metadata().name.short().to_owned(), piece.metadata().version.clone());
        let file = path.display().to_string();
        let (key, sha256) = ((name.clone(), version.clone()), piece.digest());
        let pin = Pin { name, version, sha256, asks: Asks::of(&piece) };
        if let Some((other, first)) = pins.insert(key, (pin, file.clone()))
            && other.sha256 != sha256
        {
            let (name, version) = (&other.name, &other.version);
            broken.push(format!(
                "{first} and {file} are different components, but both are {name} {version}; raise the version of one"
            ));
        }
    }
    if !broken.is_empty() {
        bail!("nothing was locked, because of:\n  {}", broken.join("\n  "));
    }
    Ok(pins.into_values().map(|(pin, _)| pin).collect())
}

fn show(difference: &Difference, old: &Old, style: Style) -> String {
    let mut text = String::new();
    let mut list = |mark: String, pins: &[Pin], asks: bool| {
        for pin in pins {
            text.push_str(&format!("{mark} {} {}  {}\n", pin.name, pin.version, style.dim(pin.sha256)));
            let new = pin.asks.wider_than(&old.approved(&pin.name).unwrap_or_default());
            for ask in new.iter().filter(|_| asks) {
                text.push_str(&format!("    asks for {}\n", style.yellow(terminal::harmless(ask, false))));
            }
        }
    };
    list(style.green("+"), &difference.added, true);
    list(style.yellow("~"), &difference.changed, true);
    list(style.red("-"), &difference.removed, false);
    text
}
