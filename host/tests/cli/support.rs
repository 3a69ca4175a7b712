//! Starting the program, and a little HTTP.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

/// Long enough for a slow machine; nothing waits for it that works.
const PATIENCE: Duration = Duration::from_secs(120);

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
    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Host {
        let mut command = self.leno(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.envs(environment.iter().copied()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let log = Log::of(child.stderr.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let Some(address) = address else { panic!("{line:?}\n{}", log.rest()) };
        Host { child, stdout, log, address }
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

/// Reads a process' log while it runs, so that it never blocks on the pipe.
pub(crate) struct Log {
    lines: mpsc::Receiver<String>,
}

impl Log {
    fn of(stderr: impl std::io::Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// Waits for a line with `word` in it.
    #[track_caller]
    pub(crate) fn wait_for(&self, word: &str) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(word) => return,
                Ok(_) => {}
                Err(error) => panic!("no {word:?} in the log: {error}"),
            }
        }
    }

    /// What is left, up to the end.
    pub(crate) fn rest(&self) -> String {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect::<Vec<_>>().join("\n")
    }
}

/// A server that runs; killed when dropped.
pub(crate) struct Host {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) log: Log,
    pub(crate) address: SocketAddr,
}

impl Host {
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits for its end: the exit code, what else it wrote to stdout, and the rest of its log.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, rest, self.log.rest())
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Answer {
        self.request("GET", path, token, "")
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.request("POST", path, token, &body.to_string())
    }

    fn request(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        request(self.address, method, path, token, body)
    }
}

pub(crate) fn request(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    Answer::parse(&text)
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        Self { status, body: body.to_owned() }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A service on loopback that responds to one request, when released.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    arrived: mpsc::Receiver<()>,
    answer: mpsc::Sender<()>,
}

impl Service {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, arrived) = mpsc::channel();
        let (answer, told) = mpsc::channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            tell.send(()).unwrap();
            if told.recv_timeout(PATIENCE).is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, arrived, answer }
    }

    /// Waits until the request has arrived.
    pub(crate) fn arrived(&self) {
        self.arrived.recv_timeout(PATIENCE).unwrap();
    }

    /// Releases the response.
    pub(crate) fn answer(&self) {
        let _ = self.answer.send(());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hello", self.address)
    }
}
