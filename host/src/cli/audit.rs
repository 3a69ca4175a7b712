//! `leno audit`: who did what to which secret, user or piece.

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
                  address that it came from, and the process. Rows are never changed and never removed."
)]
pub(super) struct Args {
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
        "requestId": row.request, "address": row.address, "process": row.process,
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
