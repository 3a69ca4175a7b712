//! Starting the program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use leno_testkit::{Client, process::Running};
use rustix::process::Signal;
use serde_json::Value;

/// Long enough for a slow machine; nothing waits for it that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A temporary working directory, so that tests do not share files.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A place whose pieces directory has these built components; `None`, with a message, when they are not built.
    #[allow(clippy::print_stderr)]
    pub(crate) fn with(pieces: &[&str]) -> Option<Self> {
        let named = std::env::var_os("LENO_TEST_PIECES").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/leno/built");
        let built = named.unwrap_or_else(home);
        let place = Self::new();
        for piece in pieces {
            let Ok(bytes) = fs::read(built.join(format!("{piece}.wasm"))) else {
                assert!(std::env::var_os("CI").is_none(), "there is no {piece}.wasm in {}", built.display());
                eprintln!("skipped: no {piece}.wasm in {}; build the pieces and set LENO_TEST_PIECES", built.display());
                return None;
            };
            place.write(&format!("pieces/{piece}.wasm"), bytes);
        }
        Some(place)
    }

    /// The program in this place, with nothing in its environment that was not put there.
    pub(crate) fn leno(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leno"));
        command.args(args).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Done::from(self.leno(args).output().unwrap())
    }

    /// Starts `leno serve` on a free port, and waits until it listens.
    pub(crate) async fn serve(&self, environment: &[(&str, &str)]) -> Host {
        let mut command = self.leno(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(environment.iter().copied());
        let process = Running::start(command.into()).unwrap();
        let listening = |line: &str| line.strip_prefix("listening on ").map(str::to_owned);
        match process.stdout.first(PATIENCE, listening).await {
            Ok(url) => Host { process, url },
            Err(error) => panic!("{error}\n{}", process.stderr.all().join("\n")),
        }
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It exited with `code`, printed nothing to stdout, and every one of `words` to stderr.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {}", self.stderr);
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A server that runs; killed when dropped.
pub(crate) struct Host {
    process: Running,
    pub(crate) url: String,
}

impl Host {
    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.url, token.trim_end())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// Waits for a line of the log with `word` in it.
    pub(crate) async fn logs(&self, word: &str) {
        let found = |line: &str| line.contains(word).then_some(());
        self.process.stderr.first(PATIENCE, found).await.unwrap();
    }

    /// Waits for its end: the exit status, and the lines it printed on stdout and in its log.
    pub(crate) async fn end(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let status = self.process.end(PATIENCE).await.unwrap();
        (status, self.process.stdout.all().to_vec(), self.process.stderr.all().to_vec())
    }
}
