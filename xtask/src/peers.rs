//! The third parties that the tests run beside Leno: PostgreSQL, Node and Python packages, a browser, schemathesis, systemd.

use std::{
    env, fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::build::{self, root, run};

/// A third party, and the tests that need it.
struct Peer {
    name: String,
    is_there: bool,
    needed_by: &'static str,
}

/// Where the Debian package installs the browser; the variable `CHROMIUM` overrides it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The tests that cannot run on this machine, one line for each missing third party.
pub(crate) fn missing() -> Vec<String> {
    let chromium = env::var_os("CHROMIUM").map_or_else(|| CHROMIUM.into(), PathBuf::from);
    let schemathesis = schemathesis();
    let peers = [
        Peer {
            name: format!("PostgreSQL at {}", postgres_address()),
            is_there: has_postgres(),
            needed_by: "the database conformance suite, two hosts on one database, and the exhaustion suite on it",
        },
        Peer {
            name: format!("Redis at {}", redis_address()),
            is_there: has_redis(),
            needed_by: "authorization requests and codes in Redis",
        },
        Peer {
            name: "Node 20 or newer".into(),
            is_there: has_node(),
            needed_by: "everything beside a real provider, and the client in TypeScript",
        },
        Peer {
            name: "Python 3.11 or newer, with venv".into(),
            is_there: has_python(),
            needed_by: "the client in Python, and Python's OAuth libraries",
        },
        Peer {
            name: format!("Chromium at {}", chromium.display()),
            is_there: chromium.is_file(),
            needed_by: "signing in in a real browser",
        },
        Peer {
            name: format!("schemathesis at {}", schemathesis.display()),
            is_there: schemathesis.is_file(),
            needed_by: "random requests against the OpenAPI document",
        },
        Peer {
            name: "systemd-analyze".into(),
            is_there: has_systemd(),
            needed_by: "the check of packaging/leno.service",
        },
    ];
    let missing = peers.into_iter().filter(|peer| !peer.is_there);
    missing.map(|peer| format!("{} (no {})", peer.needed_by, peer.name)).collect()
}

fn postgres_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5432))
}

fn redis_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 6379))
}

fn has_redis() -> bool {
    TcpStream::connect_timeout(&redis_address(), Duration::from_secs(1)).is_ok()
}

/// Whether the PostgreSQL server listens.
pub(crate) fn has_postgres() -> bool {
    TcpStream::connect_timeout(&postgres_address(), Duration::from_secs(1)).is_ok()
}

fn has_systemd() -> bool {
    Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn has_node() -> bool {
    let version = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 20)
}

fn has_python() -> bool {
    let check = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    let python = Command::new("python3").args(["-c", check]).stderr(Stdio::null()).status();
    python.is_ok_and(|status| status.success())
}

/// Where `.ci/run` installs schemathesis; the variable `LENO_SCHEMATHESIS` overrides it.
pub(crate) fn schemathesis() -> PathBuf {
    let own = || build::target_dir().join("schemathesis/bin/schemathesis");
    env::var_os("LENO_SCHEMATHESIS").map_or_else(own, PathBuf::from)
}

/// Installs the packages of the peers and of the example clients at the versions of their lock files, once, into the target
/// directory. Returns the variables that tell the tests where; without Node, or Python, what needs it is left out.
pub(crate) fn install() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut places = Vec::new();
    if has_node() {
        places.push(("LENO_PEERS_DIR", node_packages("tests/interop/peers", "peers")?));
        places.push(("LENO_CLIENT_TYPESCRIPT", node_packages("examples/client-typescript", "client-typescript")?));
    }
    if has_python() {
        places.push(("LENO_CLIENT_PYTHON", python_packages("examples/client-python", "client-python")?));
        places.push(("LENO_CLIENTS_PYTHON", python_packages("tests/interop/clients-python", "clients-python")?));
    }
    Ok(places)
}

/// Installs the packages of the folder `from` into `to` below the target directory, with copies of the files beside them.
fn node_packages(from: &str, to: &str) -> Result<PathBuf> {
    let to = build::target_dir().join(to);
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(root().join(from))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let locked = fs::read(to.join("package-lock.json"))?;
    unless_installed(&to.join("node_modules"), &locked, || npm_ci(&to))
        .with_context(|| format!("installing the Node packages of {from}"))?;
    Ok(to)
}

/// Installs the packages of `requirements.txt` in the folder `from` into an environment `to` below the target directory.
fn python_packages(from: &str, to: &str) -> Result<PathBuf> {
    let (list, to) = (root().join(from).join("requirements.txt"), build::target_dir().join(to));
    unless_installed(&to, &fs::read(&list)?, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&to))?;
        // The list is complete.
        let flags = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        run(Command::new(to.join("bin/pip")).args(flags).arg(&list))
    })
    .with_context(|| format!("installing the Python packages of {from}"))?;
    Ok(to)
}

/// Runs `install`, unless an earlier run has completed it for the same lock file.
fn unless_installed(folder: &Path, locked: &[u8], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join(".leno");
    if fs::read(&stamp).ok().as_deref() != Some(locked) {
        install()?;
        fs::write(stamp, locked)?;
    }
    Ok(())
}

fn npm_ci(folder: &Path) -> Result<()> {
    let flags = ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(flags).current_dir(folder))
}
