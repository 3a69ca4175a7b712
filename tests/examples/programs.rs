//! The example clients as programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::scene::Scene;

/// More than any step may take here, waits and all.
const LONGEST: Duration = Duration::from_secs(60);

/// A client that is ready to be started.
pub(crate) struct Program {
    command: &'static str,
    script: PathBuf,
}

/// What a client printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Program {
    /// `run_step.py`, which needs nothing but Python.
    pub(crate) async fn python(_: &Scene) -> Option<Self> {
        python()?;
        Some(Self { command: "python3", script: example("client-python").join("run_step.py") })
    }

    /// `run-step.ts`, compiled against the document of this scene's server.
    pub(crate) async fn typescript(scene: &Scene) -> Option<Self> {
        let folder = typescript()?;
        let document = scene.client.get("/api/openapi.json").await.unwrap().text;
        let script = tokio::task::spawn_blocking(move || compiled(&folder, &document)).await.unwrap();
        Some(Self { command: "node", script })
    }

    /// Runs a step on the server at `url`, as the scene's user.
    pub(crate) async fn run(&self, scene: &Scene, url: &str, arguments: &[&str]) -> Printed {
        let mut command = tokio::process::Command::new(self.command);
        command
            .arg(&self.script)
            .args(arguments)
            .env("LENO_URL", url)
            .env("LENO_TOKEN", scene.client.token())
            .env("NO_PROXY", "127.0.0.1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let began = Instant::now();
        let output = tokio::time::timeout(LONGEST, command.output()).await.expect("the client ends").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Printed {
            succeeded: output.status.success(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            took: began.elapsed(),
        }
    }
}

/// The environment with the tools that check the client in Python; none, said on standard error, if it was not installed.
pub(crate) fn python() -> Option<PathBuf> {
    installed("LENO_CLIENT_PYTHON")
}

/// The folder with the Node packages of the client in TypeScript; none, said on standard error, if it was not installed.
pub(crate) fn typescript() -> Option<PathBuf> {
    installed("LENO_CLIENT_TYPESCRIPT")
}

fn installed(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {variable} is not set; `cargo xtask test` installs what it names");
    }
    folder
}

/// A folder of `examples`.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// Generates the types of an OpenAPI document into `to`, and checks the client in Python against them.
pub(crate) fn check_python(tools: &Path, document: &str, to: &Path) -> Output {
    for file in ["leno.py", "run_step.py", "pyproject.toml"] {
        fs::copy(example("client-python").join(file), to.join(file)).unwrap();
    }
    fs::write(to.join("openapi.json"), document).unwrap();
    let run = |tool: &str, arguments: &[&str]| {
        Command::new(tools.join("bin").join(tool)).args(arguments).current_dir(to).output().unwrap()
    };
    let generated = run("datamodel-codegen", &["--input", "openapi.json"]);
    assert!(generated.status.success(), "{}", words(&generated));
    run("mypy", &[])
}

/// Generates the types of an OpenAPI document into `to`, a folder inside of `packages`, and compiles the client in TypeScript
/// against them, into `dist`.
pub(crate) fn check_typescript(packages: &Path, document: &str, to: &Path) -> Output {
    let from = example("client-typescript");
    fs::create_dir_all(to.join("src")).unwrap();
    for file in ["tsconfig.json", "src/leno.ts", "src/run-step.ts"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    fs::write(to.join("openapi.json"), document).unwrap();
    let run = |tool: &str, arguments: &[&str]| {
        Command::new(packages.join("node_modules/.bin").join(tool)).args(arguments).current_dir(to).output().unwrap()
    };
    let generated = run("openapi-typescript", &["openapi.json", "--output", "src/schema.d.ts"]);
    assert!(generated.status.success(), "{}", words(&generated));
    run("tsc", &[])
}

/// Compiles the client once for all tests, which are processes of their own. Returns the program.
fn compiled(packages: &Path, document: &str) -> PathBuf {
    let lock = File::create(packages.join("built.lock")).unwrap();
    lock.lock().unwrap();
    let (to, from) = (packages.join("built"), example("client-typescript/src"));
    let sources = ["leno.ts", "run-step.ts"].map(|file| fs::read_to_string(from.join(file)).unwrap());
    let stamp = format!("{document}{}", sources.concat());
    if fs::read_to_string(to.join("stamp")).ok().as_ref() != Some(&stamp) {
        let _ = fs::remove_dir_all(&to);
        let output = check_typescript(packages, document, &to);
        assert!(output.status.success(), "{}", words(&output));
        fs::write(to.join("stamp"), stamp).unwrap();
    }
    to.join("dist/run-step.js")
}

/// What a tool printed on both streams.
pub(crate) fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
