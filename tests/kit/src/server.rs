//! `leno serve` as a child process, with separate directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::Signal;
use serde::Serialize;
use tempfile::TempDir;
use tokio::process::Command;

use crate::api::Client;
use crate::fresh::Fresh;
use crate::process::{self, Figures, Running};
use crate::{Caller, guests};

/// How long a server may take to listen, with a handful of pieces to compile in a debug build.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// What the operator lets a piece do: a table of `leno.toml`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Grant {
    /// Hosts, of those that the piece names; all of them if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// Private addresses: `127.0.0.1:4000`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
    /// Whether it may see secrets.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
    /// Limits that differ from the defaults.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub limits: toml::Table,
}

impl Grant {
    /// Grants private addresses and nothing else.
    #[must_use]
    pub fn private(addresses: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { private: addresses.into_iter().map(|address| address.to_string()).collect(), ..Self::default() }
    }

    /// Grants sight of secrets as well.
    #[must_use]
    pub fn with_secrets(mut self) -> Self {
        self.secrets = true;
        self
    }

    /// Sets one limit as well.
    #[must_use]
    pub fn limit(mut self, name: &str, value: impl Into<toml::Value>) -> Self {
        self.limits.insert(name.to_owned(), value.into());
        self
    }
}

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    environment: Vec<(String, String)>,
    grants: Vec<(String, Grant)>,
    pieces: Vec<(String, Vec<u8>)>,
    descriptors: Option<u32>,
    /// The database of this server is SQLite, whatever `LENO_TEST_DATABASE` says.
    sqlite: bool,
}

impl Options {
    /// The defaults: no pieces, no grants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// For a claim about SQLite: the database of the server is SQLite, whatever `LENO_TEST_DATABASE` says.
    #[must_use]
    pub fn sqlite(mut self) -> Self {
        self.sqlite = true;
        self
    }

    /// Whether `LENO_TEST_DATABASE` chooses the database.
    fn any_database(&self) -> bool {
        !self.sqlite && !self.environment.iter().any(|(name, _)| name == "DATABASE_URL")
    }

    /// Lets the process have so many file descriptors at most.
    #[must_use]
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// Grants something to a piece.
    #[must_use]
    pub fn grant(mut self, piece: &str, grant: Grant) -> Self {
        self.grants.push((piece.to_owned(), grant));
        self
    }

    /// Puts a component into the pieces directory as `NAME.wasm` before the start.
    #[must_use]
    pub fn piece(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.pieces.push((format!("{name}.wasm"), bytes.into()));
        self
    }

    /// Puts a built guest into the pieces directory before the start.
    #[must_use]
    pub fn guest(self, name: &str) -> Self {
        let bytes = guests::guest(name);
        self.piece(name, bytes)
    }

    /// The private addresses that a piece is granted so far.
    #[must_use]
    pub fn private(&self, piece: &str) -> Vec<String> {
        let grants = self.grants.iter().filter(|(name, _)| name == piece);
        grants.flat_map(|(_, grant)| grant.private.clone()).collect()
    }

    fn toml(&self) -> anyhow::Result<String> {
        let grants = self.grants.iter().map(|(piece, grant)| Ok((piece.clone(), toml::Value::try_from(grant)?)));
        let grants: toml::Table = grants.collect::<anyhow::Result<_>>()?;
        Ok(toml::to_string(&toml::Table::from_iter([("grants".to_owned(), grants.into())]))?)
    }
}

/// The PostgreSQL database of a server, if `LENO_TEST_DATABASE` is `postgres`. SQLite needs none: it is a file in the data
/// directory.
#[derive(Debug)]
struct Database(Option<Fresh>);

impl Database {
    async fn wanted() -> Option<Self> {
        let wanted = std::env::var("LENO_TEST_DATABASE").is_ok_and(|kind| kind == "postgres");
        if !wanted {
            return None;
        }
        Some(Self(Some(
            Fresh::postgres("a server").await.expect("LENO_TEST_DATABASE names a database that is not there"),
        )))
    }

    fn url(&self) -> String {
        self.0.as_ref().map(Fresh::url).unwrap_or_default()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(fresh) = self.0.take() else { return };
        // The runtime of the test may be gone, and cannot be waited for here.
        let removing = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(fresh.remove());
        });
        let _ = removing.join();
    }
}

/// A running server. Dropping it kills it and removes its directories.
#[derive(Debug)]
pub struct Server {
    process: Running,
    url: String,
    options: Options,
    secret: String,
    operator: Caller,
    directory: Arc<TempDir>,
    // After the process: it is dropped when nothing uses it.
    database: Option<Arc<Database>>,
    /// From the start of the process to the line which says that it listens.
    pub started: Duration,
}

/// For its output: [`Running::stdout`], and its log, [`Running::stderr`].
impl std::ops::Deref for Server {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.process
    }
}

impl Server {
    /// Starts a server and waits until it listens. Its pieces may still be loading: see [`Client::file`].
    ///
    /// # Errors
    /// When it does not get so far; with the last lines of its log.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let directory = Arc::new(tempfile::Builder::new().prefix("leno-").tempdir()?);
        fs::create_dir(directory.path().join("pieces"))?;
        for (file, bytes) in &options.pieces {
            fs::write(directory.path().join("pieces").join(file), bytes)?;
        }
        fs::write(directory.path().join("leno.toml"), options.toml()?)?;
        let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let database = if options.any_database() { Database::wanted().await.map(Arc::new) } else { None };
        Self::spawn(options, directory, database, secret, Caller::operator()).await
    }

    async fn spawn(
        options: Options,
        directory: Arc<TempDir>,
        database: Option<Arc<Database>>,
        secret: String,
        operator: Caller,
    ) -> anyhow::Result<Self> {
        let root = directory.path();
        let mut command = match options.descriptors {
            None => Command::new(guests::leno()),
            Some(most) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(guests::leno());
                shell
            }
        };
        command
            .arg("serve")
            .current_dir(root)
            .env_clear()
            .env("HOME", root)
            .env("RUST_BACKTRACE", "0")
            .env("LENO_LISTEN", "127.0.0.1:0")
            .env("LENO_DATA_DIR", root.join("data"))
            .env("LENO_PIECES_DIR", root.join("pieces"))
            .env("JWT_SECRET", &secret)
            .envs(database.iter().map(|database| ("DATABASE_URL", database.url())))
            .envs(options.environment.iter().map(|(name, value)| (name, value)));
        let began = Instant::now();
        let process = Running::start(command)?;
        let listening = |line: &str| line.split_once("listening on ").map(|(_, url)| url.trim().to_owned());
        let url = process.stdout.first(START, listening).await.with_context(|| {
            let log = process.stderr.all();
            format!("leno does not listen; the end of its log:\n{}", log[log.len().saturating_sub(20)..].join("\n"))
        })?;
        let started = began.elapsed();
        Ok(Self { process, url, options, secret, operator, directory, database, started })
    }

    /// Asks the server to stop, waits until it has, and starts it again on the same directories with the same secrets.
    ///
    /// # Errors
    /// When it does not stop or does not start.
    pub async fn restart(self) -> anyhow::Result<Self> {
        self.restart_after(|_| Ok(())).await
    }

    /// Ends the process as a power cut would (SIGKILL), and starts it again on what it left behind.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn crash(self) -> anyhow::Result<Self> {
        self.crash_then(async || {}).await
    }

    /// The same with something done while the process is dead.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn crash_then(mut self, meanwhile: impl AsyncFnOnce()) -> anyhow::Result<Self> {
        self.process.kill().await?;
        meanwhile().await;
        Self::spawn(self.options, self.directory, self.database, self.secret, self.operator).await
    }

    /// Asks the server to stop, waits until it has, lets `change` loose on its data directory, and starts it again.
    ///
    /// # Errors
    /// When it does not stop or does not start, or `change` fails.
    pub async fn restart_after(mut self, change: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        self.stop().await?;
        change(&self.data())?;
        Self::spawn(self.options, self.directory, self.database, self.secret, self.operator).await
    }

    /// Asks the server to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not stop, or stops with a failure.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.end(STOP).await.context("leno does not stop")?;
        anyhow::ensure!(status.success(), "leno stopped with {status}");
        Ok(())
    }

    /// Stops the whole process where it is (SIGSTOP), until [`Server::resume`].
    ///
    /// # Errors
    /// When it has ended.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a stopped process go on (SIGCONT).
    ///
    /// # Errors
    /// When it has ended.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Ends the process as a power cut would (SIGKILL), and leaves its directories.
    ///
    /// # Errors
    /// When it has ended.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that calls as this server's operator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of(&self.operator)
    }

    /// A client that calls as `caller`.
    #[must_use]
    pub fn client_of(&self, caller: &Caller) -> Client {
        Client::new(&self.url, &caller.token(&self.secret))
    }

    /// The operator of this server.
    #[must_use]
    pub fn operator(&self) -> &Caller {
        &self.operator
    }

    /// What the process holds now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn figures(&self) -> anyhow::Result<Figures> {
        process::figures(self.id()).context("leno has ended")
    }

    /// Makes [`Figures::peak`] count from now on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        process::forget_peak(self.id()).context("leno has ended")
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    /// With its exit status.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.process.ended()? {
            Some(status) => anyhow::bail!("leno has ended with {status}"),
            None => Ok(()),
        }
    }

    /// The pieces directory.
    #[must_use]
    pub fn pieces(&self) -> PathBuf {
        self.directory.path().join("pieces")
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Puts a file into the pieces directory the way that pieces are delivered: complete, by rename.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn deliver(&self, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let aside = self.directory.path().join("delivery");
        fs::write(&aside, bytes)?;
        fs::rename(aside, self.pieces().join(file))?;
        Ok(())
    }

    /// Every file below the data directory in which one of `texts` stands, byte for byte.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn data_files_with(&self, texts: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        search(&self.data(), texts, &mut found)?;
        Ok(found)
    }
}

fn search(directory: &Path, texts: &[&str], found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            search(&entry.path(), texts, found)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path())?;
            let holds = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            if texts.iter().any(holds) {
                found.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_become_tables_of_the_configuration() {
        let grant = Grant::private(["127.0.0.1:4000"]).with_secrets().limit("cpu_ms", 100);
        let toml = Options::new().grant("hostile", grant).toml().unwrap();
        let expected = "[grants.hostile]\nprivate = [\"127.0.0.1:4000\"]\nsecrets = true\n\n[grants.hostile.limits]\ncpu_ms = 100\n";
        assert_eq!(toml, expected);
        assert_eq!(Options::new().toml().unwrap(), "[grants]\n");
    }
}
