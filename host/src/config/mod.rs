//! Every setting, read once at the start: flags, then the environment, then `leno.toml`, then defaults.
//!
//! Reading changes nothing on disk; [`DataDir`] is where a host keeps its own files.

pub mod budget;
mod encryption;
mod file;
mod grants;
mod limit;
mod oauth_app;
mod problem;
mod secrets;
pub mod setting;
mod source;
mod source_text;
mod weakness;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use leno_base::budget::{Budgets, Spec};
use leno_egress::PrivateGrant;
use leno_pieces::{LockFile, LockKey, Trust};
use leno_sandbox::Limits;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use self::{
    file::{Content, File},
    grants::Rules,
    setting::Setting,
    source::Reader,
    weakness::weakness,
};
pub use self::{
    grants::Grants,
    problem::Problems,
    secrets::{DataDir, DataDirError},
    source::Sources,
};
use crate::oauth_app::settings::OAuthApp;

/// The settings of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listening address.
    pub listen: SocketAddr,
    /// The listening address of the operator's routes, if they have one of their own.
    pub admin_listen: Option<SocketAddr>,
    /// The directory of the embedded database, generated secrets and compiled code.
    pub data_dir: PathBuf,
    /// The directory of the components.
    pub pieces_dir: PathBuf,
    /// The file with the digests of the components.
    pub pieces_lock: PathBuf,
    /// The key that the file must be signed with.
    pub lock_key: Option<LockKey>,
    /// The base URL at which clients reach this host, without a slash at the end.
    pub public_url: Option<Url>,
    /// Whether insecure settings are refused.
    pub production: bool,
    /// `sqlite:` or `postgres:`; may hold a password.
    pub database_url: SecretString,
    /// The secret of access tokens, if one was set: at least 32 bytes in production, where it must be.
    pub jwt_secret: Option<SecretString>,
    /// Further secrets that access tokens may be signed with.
    pub old_jwt_secrets: Vec<SecretString>,
    /// What the operator's own processes send as `X-Internal-Token`: any of these.
    pub internal_api_tokens: Vec<SecretString>,
    /// The key that connections are encrypted with, if one was set; in production it must be.
    pub encryption_key: Option<SecretString>,
    /// Keys of earlier times, which are still read with.
    pub old_encryption_keys: Vec<SecretString>,
    /// The OAuth app.
    pub oauth_app: OAuthApp,
    /// The limits of everything that many share.
    pub budgets: Budgets,
    /// How long a call waits for a place.
    pub queue_wait: Duration,
    /// The budget of a call, unless a grant says otherwise.
    pub limits: Limits,
    /// What each piece may do.
    pub grants: Grants,
    /// Addresses that are not public to which webhooks may be sent.
    pub webhook_private: Vec<PrivateGrant>,
    /// Addresses that are not public from which files by URL may be fetched.
    pub file_private: Vec<PrivateGrant>,
    /// What is logged and how.
    pub log: LogSettings,
    /// Warnings, which do not prevent the start.
    pub warnings: Vec<String>,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A filter of `tracing-subscriber`: `info,leno::api=debug`.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text for reading.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// As long as the hash: RFC 7518, section 3.2.
const SHORTEST_SECRET: usize = 32;
/// Too long to be guessed over the network.
const SHORTEST_TOKEN: usize = 16;

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// All problems, each with the variable, where it was set, and what is expected.
    pub fn read(sources: &Sources) -> Result<Self, Problems> {
        let mut reader = Reader::new(sources);
        let production = reader.flag(&setting::PRODUCTION).unwrap_or(false);
        let data_dir = reader.path(&setting::DATA_DIR).unwrap_or_else(|| sources.directory.join("leno-data"));
        let pieces_dir = reader.path(&setting::PIECES_DIR).unwrap_or_else(|| sources.directory.join("pieces"));
        let limits = limits(&mut reader);
        let rules = rules(&mut reader);
        let mut config = Self {
            listen: address(&mut reader, &setting::LISTEN).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4747))),
            admin_listen: address(&mut reader, &setting::ADMIN_LISTEN),
            pieces_lock: reader
                .path(&setting::PIECES_LOCK)
                .unwrap_or_else(|| pieces_lock(&sources.directory, &pieces_dir, production)),
            lock_key: reader.read(
                &setting::LOCK_KEY,
                "an Ed25519 public key, as `leno lock --sign KEYFILE` prints it",
                |text| text.parse().ok(),
            ),
            public_url: checked_public_url(&mut reader, production),
            database_url: database_url(&mut reader).unwrap_or_else(|| embedded(&data_dir)),
            jwt_secret: jwt_secret(&mut reader, production),
            old_jwt_secrets: old_jwt_secrets(&mut reader, production),
            internal_api_tokens: internal_tokens(&mut reader, production),
            encryption_key: encryption::key(&mut reader, production),
            old_encryption_keys: encryption::old_keys(&mut reader),
            oauth_app: oauth_app::read(&mut reader, production),
            budgets: budgets(&mut reader),
            queue_wait: Duration::from_millis(reader.number(&setting::QUEUE_WAIT_MS, 0..=600_000).unwrap_or(1_000)),
            grants: Grants::new(limits.clone(), rules),
            webhook_private: private(&mut reader, &setting::WEBHOOK_PRIVATE),
            file_private: private(&mut reader, &setting::FILE_PRIVATE),
            limits,
            log: LogSettings {
                filter: log_filter(&mut reader),
                format: reader.read(&setting::LOG_FORMAT, "text or json", log_format).unwrap_or_default(),
            },
            production,
            data_dir,
            pieces_dir,
            warnings: reader.strangers(),
        };
        if let Some(path) = reader.exposes_secrets() {
            config.warnings.push(format!(
                "{} contains secrets and can be read by other users; run chmod 600 on it",
                path.display()
            ));
        }
        if config.grants.reveal_to_all() {
            config.warnings.push("[grants.\"*\"] lets every piece read the secrets of connections".into());
        }
        reader.problems.none(Some(config))
    }

    /// The lock file, and why this host believes it.
    #[must_use]
    pub fn lock_file(&self) -> LockFile {
        let trust = match (&self.lock_key, self.production) {
            (Some(key), _) => Trust::Signed(key.clone()),
            (None, true) => Trust::Apart(self.pieces_dir.clone()),
            (None, false) => Trust::Anywhere,
        };
        LockFile { path: self.pieces_lock.clone(), trust }
    }
}

/// Where the lock is when nothing says otherwise: beside `leno.toml`. Outside of production it may be in the pieces
/// directory, where it used to be.
fn pieces_lock(directory: &Path, pieces_dir: &Path, production: bool) -> PathBuf {
    const NAME: &str = "pieces.lock";
    let (beside, inside) = (directory.join(NAME), pieces_dir.join(NAME));
    if !production && !beside.exists() && inside.exists() { inside } else { beside }
}

fn address(reader: &mut Reader<'_>, setting: &Setting) -> Option<SocketAddr> {
    reader.read(setting, "an IP address and a port, such as 127.0.0.1:4747", |text| text.parse().ok())
}

fn private(reader: &mut Reader<'_>, setting: &Setting) -> Vec<PrivateGrant> {
    let expected = "addresses or networks such as 127.0.0.1:8080,10.0.0.0/8";
    let list = |text: &str| text.split(',').map(|grant| grant.parse().ok()).collect();
    reader.read(setting, expected, list).unwrap_or_default()
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let mut limits = Limits::default();
    for (setting, limit) in [
        (&setting::CALL_TIMEOUT_MS, limit::WALL),
        (&setting::CALL_CPU_MS, limit::CPU),
        (&setting::CALL_MEMORY_MB, limit::MEMORY),
    ] {
        if let Some(number) = reader.number(setting, limit.range.clone()) {
            limit.set(&mut limits, number);
        }
    }
    limits
}

fn budgets(reader: &mut Reader<'_>) -> Budgets {
    let limit = |spec: &'static Spec| {
        let limit = reader.number(&Setting::of(spec), spec.range.0..=spec.range.1)?;
        Some((spec, limit))
    };
    let budgets = Budgets::new(budget::all().filter_map(limit).collect::<Vec<_>>());
    // All of them are in the metrics from the start.
    budget::all().for_each(|spec| drop(budgets.get(spec)));
    budgets
}

/// The grants of `leno.toml`, and those of the file that `LENO_GRANTS` names.
fn rules(reader: &mut Reader<'_>) -> Rules {
    let mut rules = reader.file.as_mut().map(|file| std::mem::take(&mut file.rules)).unwrap_or_default();
    if let Some(path) = reader.path(&setting::GRANTS) {
        match File::read(&path, Content::Grants, &mut reader.problems) {
            Some(file) => rules.join(file.rules, &mut reader.problems),
            None if path.exists() => {}
            None => reader.problems.add(format!("{}: there is no file {}", setting::GRANTS.env, path.display())),
        }
    }
    rules
}

fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

fn database_url(reader: &mut Reader<'_>) -> Option<SecretString> {
    let expected = "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
    reader.read(&setting::DATABASE_URL, expected, |text| {
        let known = text.starts_with("sqlite:") || text.starts_with("postgres://") || text.starts_with("postgresql://");
        (known && Url::parse(text).is_ok()).then(|| SecretString::from(text))
    })
}

/// The URL of a SQLite database in a file, whatever the file is called.
#[must_use]
pub fn sqlite_url(file: &Path) -> String {
    let mut url = String::from("sqlite://");
    // A URL knows only some characters; the driver decodes the others.
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => url.push(char::from(*byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// The database in the data directory.
fn embedded(data_dir: &Path) -> SecretString {
    let directory = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    sqlite_url(&directory.join("leno.db")).into()
}

/// The public URL: over plain http, anybody on the way could read tokens and codes.
fn checked_public_url(reader: &mut Reader<'_>, production: bool) -> Option<Url> {
    let url = reader.read(&setting::PUBLIC_URL, "a URL such as https://leno.example.com", public_url)?;
    if production && url.scheme() != "https" {
        reader
            .problems
            .add("LENO_PUBLIC_URL is not an https URL; production needs one: tokens and codes travel over it");
        return None;
    }
    Some(url)
}

fn list(reader: &mut Reader<'_>, setting: &Setting) -> Vec<SecretString> {
    let text = reader.text(setting).map(zeroize::Zeroizing::new).unwrap_or_default();
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(SecretString::from).collect()
}

fn old_jwt_secrets(reader: &mut Reader<'_>, production: bool) -> Vec<SecretString> {
    let secrets = list(reader, &setting::OLD_JWT_SECRETS);
    for (secret, number) in secrets.iter().zip(1..) {
        if let (true, Some(wrong)) = (production, weakness(secret, SHORTEST_SECRET)) {
            let env = setting::OLD_JWT_SECRETS.env;
            reader.problems.add(format!("{env}: secret {number} {wrong}; remove it"));
        }
    }
    secrets
}

fn jwt_secret(reader: &mut Reader<'_>, production: bool) -> Option<SecretString> {
    let secret = reader.text(&setting::JWT_SECRET).map(SecretString::from);
    if production {
        let wrong = match &secret {
            None => "is not set",
            Some(set) => match weakness(set, SHORTEST_SECRET) {
                Some(wrong) => wrong,
                None => return secret,
            },
        };
        reader.problems.add(format!(
            "JWT_SECRET {wrong}; production needs at least {SHORTEST_SECRET} random bytes, the same as Gauzy's"
        ));
    }
    secret
}

fn internal_tokens(reader: &mut Reader<'_>, production: bool) -> Vec<SecretString> {
    let mut tokens: Vec<_> = reader.text(&setting::INTERNAL_API_TOKEN).map(SecretString::from).into_iter().collect();
    tokens.extend(list(reader, &setting::OLD_INTERNAL_API_TOKENS));
    for token in tokens.iter().filter(|_| production) {
        if let Some(wrong) = weakness(token, SHORTEST_TOKEN) {
            let more = format!("production needs at least {SHORTEST_TOKEN} random bytes");
            reader.problems.add(format!("INTERNAL_API_TOKEN, or one of LENO_OLD_INTERNAL_API_TOKENS, {wrong}; {more}"));
        }
    }
    tokens
}

fn log_filter(reader: &mut Reader<'_>) -> String {
    let parse = |text: &str| EnvFilter::builder().parse(text).is_ok().then(|| text.to_owned());
    let expected = "a log filter such as `info` or `warn,leno::api=debug`";
    reader.read(&setting::LOG, expected, parse).unwrap_or_else(|| setting::LOG.default.to_string())
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text.to_ascii_lowercase().as_str() {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
