//! `leno run`: one action of a component, without a server.

use std::{fmt::Write as _, io::Read as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use leno_base::budget::Budgets;
use leno_db::Db;
use leno_egress::{Client, ClientConfig, PrivateGrant};
use leno_metadata::{Connection, ConnectionValue};
use leno_pieces::{PieceStore, StoreQuota};
use leno_sandbox::{
    CallOptions, Capabilities, Context, Failure, Level, Limits, Log, LogLine, NoStore, Piece, Refusal, Report, Step,
    Store,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    component,
    exit::NO,
    terminal::{self, Style},
};
use crate::config::{Grants, sqlite_url};

#[derive(Debug, clap::Args)]
#[command(
    about = "Run one action of a component in this process, without a server",
    long_about = "Run one action of a component in this process, without a server. The output goes to stdout; logs, host calls \
                  and usage go to stderr. What the piece stores is deleted afterwards.",
    after_help = "Examples:\n  leno run text.wasm reverse --props '{\"text\": \"abc\"}'\n  \
                  leno run http.wasm request --props @request.json --allow-private 127.0.0.1:8080"
)]
pub(super) struct Args {
    /// The component
    #[arg(value_name = "PIECE.wasm")]
    file: PathBuf,
    /// The action's name; `leno inspect` lists them
    action: String,
    /// The input: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", default_value = "{}", allow_hyphen_values = true)]
    props: String,
    /// A file with a connection value, such as {"type": "SECRET_TEXT", "secret_text": "..."}
    #[arg(long, value_name = "FILE")]
    connection: Option<PathBuf>,
    /// The limit of the call's wall time
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: Option<u64>,
    /// A non-public address that the piece may reach, such as 127.0.0.1:8080; may be repeated
    #[arg(long, value_name = "ADDR")]
    allow_private: Vec<PrivateGrant>,
    /// A file with [grants.NAME] tables, such as leno.toml
    #[arg(long, value_name = "FILE")]
    grants: Option<PathBuf>,
    /// Print one JSON object with output, logs and usage instead
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    super::exit::block_on(go(args))
}

async fn go(args: &Args) -> anyhow::Result<ExitCode> {
    let input = input(&args.props)?;
    let connection = args.connection.as_ref().map(connection).transpose()?;
    let grants = match &args.grants {
        Some(path) => Grants::read(path, Limits::default())?,
        None => Grants::default(),
    };
    let piece = component::load(&component::engine(&args.allow_private)?, &args.file, |metadata| {
        let mut grant = grants.for_piece(&metadata.name);
        grant.private.extend(args.allow_private.iter().cloned());
        if let Some(wall) = args.timeout_ms {
            grant.limits.wall = Duration::from_millis(wall);
        }
        grant
    })
    .await?;
    let step = Step::Action { name: args.action.clone(), input };
    let prepared = piece.prepare(step, connection.is_some()).map_err(|refusal| explain(&refusal))?;
    let kept = Kept::new(&piece).await?;
    let run = Uuid::now_v7().to_string();
    let capabilities = Capabilities {
        context: Context { run_id: run.clone(), attempt: 1, idempotency_key: run, webhook_url: None },
        tenant: None,
        connection,
        transport: Arc::new(Client::new(ClientConfig::default())?),
        store: kept.store.clone(),
        log: (!args.json).then(|| Arc::new(Printed(Style::stderr())) as Arc<dyn Log>),
        setup: None,
        audit: None,
        clock: None,
    };
    let report = prepared.run(capabilities, CallOptions { wall: None, trace: true }).await;
    match args.json {
        true => terminal::print_json(&document(&piece, &args.action, &report))?,
        false => show(&report)?,
    }
    Ok(if report.result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// The props: JSON, `@FILE` or `-`.
fn input(given: &str) -> anyhow::Result<Value> {
    let (text, place) = match given.strip_prefix('@') {
        Some(path) => (std::fs::read_to_string(path).with_context(|| format!("--props: {path} cannot be read"))?, path),
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("--props: stdin cannot be read")?;
            (text, "stdin")
        }
        None => (given.to_owned(), "the value"),
    };
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text))
        .map_err(|error| anyhow!("--props: {place} is not JSON: {error}; write it as in '{{\"text\": \"abc\"}}'"))
}

fn connection(path: &PathBuf) -> anyhow::Result<Arc<dyn Connection>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("--connection: {} cannot be read", path.display()))?;
    let value =
        ConnectionValue::parse(&text).map_err(|problem| anyhow!("--connection: {}: {problem}", path.display()))?;
    Ok(Arc::new(Arc::new(value)))
}

/// Why no step ran, in the terms of the command line.
fn explain(refusal: &Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Input(problems) => {
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            anyhow!("--props do not fit the action:{}", terminal::harmless(&lines, true))
        }
        Refusal::ConnectionRequired { .. } => anyhow!("{refusal}; give one with --connection"),
        Refusal::Undeclared(_) | Refusal::NotResolvable { .. } => anyhow!("{refusal}"),
    }
}

/// The store of the piece: a temporary database.
struct Kept {
    store: Arc<dyn Store>,
    _directory: Option<tempfile::TempDir>,
}

impl Kept {
    async fn new(piece: &Piece) -> anyhow::Result<Self> {
        if !piece.inspection().imports("leno:piece/store") {
            return Ok(Self { store: Arc::new(NoStore), _directory: None });
        }
        let directory = tempfile::tempdir()?;
        let db = Db::connect(&sqlite_url(&directory.path().join("run.db")), &Budgets::default()).await?;
        db.migrate().await?;
        let quota = StoreQuota::new(&Budgets::default());
        let store = PieceStore::new(db, "run".into(), piece.metadata().name.clone(), None, None, quota);
        Ok(Self { store: Arc::new(store), _directory: Some(directory) })
    }
}

/// Prints log records when they are made.
struct Printed(Style);

impl Log for Printed {
    fn emit(&self, line: &LogLine) {
        let style = self.0;
        let level = match line.level {
            Level::Debug => style.dim("debug"),
            Level::Info => style.cyan("info "),
            Level::Warn => style.yellow("warn "),
            Level::Error => style.red("error"),
        };
        let fields: String = line.fields.iter().map(|(name, value)| style.dim(format!("  {name}={value}"))).collect();
        terminal::note(format_args!("{level}  {}{fields}", line.message));
    }
}

fn show(report: &Report) -> anyhow::Result<()> {
    let style = Style::stderr();
    if report.logs_dropped > 0 {
        terminal::note(style.dim(format_args!("{} more log records are not shown", report.logs_dropped)));
    }
    for call in &report.host_calls {
        let result = match call.result.as_str() {
            "ok" => style.green("ok"),
            code => style.red(code),
        };
        let took = style.dim(terminal::duration(call.micros));
        let subject = terminal::harmless(&call.subject, false);
        terminal::note(format_args!("{}  {subject}  {result}  {took}", style.cyan(call.function)));
    }
    match &report.result {
        Ok(output) => {
            let pretty = serde_json::to_string_pretty(&output.to_value())?;
            terminal::print(&format!("{}\n", terminal::harmless(&pretty, true)))?;
        }
        Err(failure) => fail(failure, style),
    }
    let usage = &report.usage;
    let outcome = match report.result {
        Ok(_) => style.green("ok"),
        Err(_) => style.red("failed"),
    };
    let mut figures = format!(
        "in {}, CPU {}, memory {}, {}",
        terminal::duration(usage.wall_micros),
        terminal::duration(usage.cpu_micros),
        terminal::bytes(usage.memory_bytes),
        terminal::count(usage.host_calls, "host call"),
    );
    if usage.http_requests > 0 {
        let (sent, received) = (terminal::bytes(usage.bytes_out), terminal::bytes(usage.bytes_in));
        let _ = write!(figures, ", {} ({sent} out, {received} in)", terminal::count(usage.http_requests, "request"));
    }
    terminal::note(format_args!("{outcome} {figures}"));
    Ok(())
}

fn fail(failure: &Failure, style: Style) {
    let message = terminal::harmless(&failure.to_string(), true);
    terminal::note(format_args!("{} {}: {message}", style.red("failed:"), style.bold(failure.code())));
    if failure.code() == "egress-denied" {
        terminal::note(
            "  to allow it here, use --allow-private ADDRESS:PORT for a private address, --grants FILE for other grants",
        );
    }
    if let Failure::Piece(error) = failure {
        if let Some(milliseconds) = error.retry_after_ms {
            terminal::note(format_args!("  retry in {}", terminal::duration(milliseconds.saturating_mul(1000))));
        }
        if let Some(details) = &error.details {
            terminal::note(format_args!("  {}", terminal::harmless(details.as_str(), false)));
        }
    }
}

/// Everything, for programs; the names are those of the HTTP response.
fn document(piece: &Piece, action: &str, report: &Report) -> Value {
    let metadata = piece.metadata();
    let mut document = json!({
        "piece": metadata.name,
        "version": metadata.version,
        "digest": piece.digest(),
        "action": action,
        "outcome": report.outcome(),
    });
    let (name, result) = match &report.result {
        Ok(output) => ("output", output.to_value()),
        Err(failure) => ("failure", describe(failure)),
    };
    let rest = json!({
        name: result,
        "logs": report.logs,
        "logsDropped": report.logs_dropped,
        "hostCalls": report.host_calls,
        "usage": report.usage,
    });
    if let (Value::Object(document), Value::Object(rest)) = (&mut document, rest) {
        document.extend(rest);
    }
    document
}

fn describe(failure: &Failure) -> Value {
    match failure {
        Failure::Piece(error) => json!(error),
        other => json!({ "kind": other.kind(), "code": other.code(), "message": other.to_string() }),
    }
}
