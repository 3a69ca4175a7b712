//! `leno audit`: who did what to which secret, user or piece.

mod archive;
mod file;
mod verify;

use std::process::ExitCode;

use leno_base::iso;
use leno_db::{AuditFilter, AuditRow, Db, audit_log};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{
    exit::block_on,
    flags::{Data, Flags},
    terminal::{self, Style},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Show the audit log",
    long_about = "Show the audit log, the latest rows first: who did what to which secret, user or piece, with the request, the \
                  address that it came from, and the process. Rows are never changed. Hosts seal them about once a minute: \
                  what is changed, removed or added past Leno then shows in `leno audit verify`. They stay until they are moved \
                  to a file with `leno audit archive`.",
    args_conflicts_with_subcommands = true
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Verify(verify::Args),
    Archive(archive::Args),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of one tenant
    #[arg(long, value_name = "UUID")]
    tenant: Option<String>,
    /// About one subject: the row id of a connection, a user, a file, a key
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Of one event, such as secret.decrypted
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

pub(super) fn audit(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => list(&args.list),
        Some(Command::Verify(args)) => block_on(verify::verify(args)),
        Some(Command::Archive(args)) => block_on(archive::archive(args)),
    }
}

fn list(args: &List) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let filter = AuditFilter {
        tenant: args.tenant.clone(),
        subject: args.subject.clone(),
        event: args.event.clone(),
        before: None,
    };
    let rows = block_on(async {
        let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
        db.migrate().await?;
        let rows = audit_log::page(&db, &filter, args.limit).await;
        db.close().await;
        Ok(rows?)
    })?;
    for row in &rows {
        terminal::print(&if args.json { format!("{}\n", object(row)) } else { line(row) })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn object(row: &AuditRow) -> Value {
    json!({
        "id": row.id, "at": iso(row.at), "tenantId": row.tenant, "actor": row.actor, "event": row.event,
        "subject": row.subject, "detail": serde_json::from_str::<Value>(&row.detail).unwrap_or_default(),
        "requestId": row.request, "address": row.address, "process": row.process, "seal": row.seal,
    })
}

fn line(row: &AuditRow) -> String {
    let style = Style::stdout();
    let plain = |text: &str| terminal::harmless(text, false).to_string();
    let from = [row.request.as_deref(), row.address.as_deref(), row.process.as_deref()];
    let from: Vec<String> = from.into_iter().flatten().map(plain).collect();
    format!(
        "{}  {}  {}  {}  {}  {}\n",
        iso(row.at),
        style.bold(plain(&row.event)),
        plain(&row.actor),
        plain(&row.subject),
        plain(&row.detail),
        style.dim(from.join(" "))
    )
}
