//! `leno import`: imports connections of other systems.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use futures_util::{StreamExt as _, TryStreamExt as _};
use leno_base::{SystemClock, TenantId, UserId, budget::Budgets, milliseconds};
use leno_connections::import::{Import, Options, Owners, Report};
use leno_db::{Db, DbError, foreign};
use leno_vault::{Key, keys};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use uuid::Uuid;

use super::{
    exit::NO,
    exit::block_on,
    flags::{Data, Flags},
    keyring::keyring,
    terminal::{self, Spinner, Style},
    token::DEVELOPMENT,
};
use crate::config::DataDir;

/// Rows per transaction.
const BATCH: usize = 100;

#[derive(Debug, clap::Args)]
#[command(about = "Import connections of Activepieces or of the workflow builder")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Connections(Connections),
}

#[derive(Debug, clap::Args)]
#[command(
    about = "Import connections: decrypt them with the other system's key, encrypt them with this host's",
    long_about = "Import connections: decrypt them with the other system's key, encrypt them with this host's. External ids, \
                  names, dates and states are kept, so that flows still work. Unknown types are kept. Values are never \
                  shown. The command can be repeated: connections that exist already are skipped.",
    after_help = "Exit status: 0 all rows were imported or existed already; 1 some failed; 2 nothing was done.\n\n\
                  A dump is a JSON array with an object for each row of app_connection:\n  \
                  psql -At -c 'SELECT json_agg(c) FROM app_connection c' > dump.json"
)]
struct Connections {
    /// The other system's PostgreSQL database (password in PGPASSWORD, not in the URL: other users can read command lines),
    /// or a JSON dump of its table app_connection
    #[arg(long, value_name = "URL|FILE")]
    from: String,
    /// The environment variable that holds the other system's encryption key
    #[arg(long, value_name = "NAME")]
    key_env: String,
    /// The tenant of the imported connections; required in production
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// The owner of the imported connections; if absent, they keep their owners
    #[arg(long, value_name = "ID", conflicts_with = "owner_map")]
    owner: Option<String>,
    /// A JSON file with an object that maps the owners there to users here
    #[arg(long, value_name = "FILE")]
    owner_map: Option<PathBuf>,
    /// Replace connections that exist already
    #[arg(long)]
    replace: bool,
    /// Check all rows, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

pub(super) fn import(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Connections(args) = &args.command;
    block_on(connections(args))
}

async fn connections(args: &Connections) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let old = std::env::var(&args.key_env).map(SecretString::from);
    let old = old.map_err(|_| {
        anyhow!("the variable {} of --key-env is not set; set it to the other system's key", args.key_env)
    })?;
    let old = Key::parse(&old).with_context(|| args.key_env.clone())?;
    let tenant = match args.tenant {
        Some(tenant) => tenant,
        None if config.production => bail!("production needs --tenant, the tenant of the imported connections"),
        None => DEVELOPMENT,
    };
    let options = Options {
        tenant: TenantId::from(tenant.to_string()),
        owners: owners(args)?,
        replace: args.replace,
        dry_run: args.dry_run,
    };

    let keyring = keyring(&config, &DataDir::open(&config.data_dir)?)?;
    let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
    db.migrate().await?;
    let now = milliseconds(&SystemClock);
    keys::check(&db, &keyring, now).await?;
    let mut import = Import::new(&db, &keyring, &old, options);
    let spinner = Spinner::new("importing");
    let read = feed(&args.from, &mut import, now).await;
    drop(spinner);
    let report = import.report();
    db.close().await;
    show(&report, args.json)?;
    read?;
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn owners(args: &Connections) -> anyhow::Result<Owners> {
    if let Some(owner) = &args.owner {
        return Ok(Owners::One(UserId::from(owner.as_str())));
    }
    let Some(path) = &args.owner_map else { return Ok(Owners::Kept) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let map: BTreeMap<String, UserId> = serde_json::from_str(&text).with_context(|| {
        format!("{} is not a JSON object of strings: {{\"owner there\": \"user here\"}}", path.display())
    })?;
    Ok(Owners::Map(map))
}

/// Imports the rows of `from`, batch by batch.
async fn feed(from: &str, import: &mut Import<'_>, now: i64) -> anyhow::Result<()> {
    if !from.starts_with("postgres://") && !from.starts_with("postgresql://") {
        let text = std::fs::read(from).with_context(|| format!("{from} cannot be read"))?;
        let rows: Vec<Value> = serde_json::from_slice(&text).map_err(|error| {
            // The parser's words may quote the file.
            anyhow!("{from} is not a JSON array of rows (line {}, column {})", error.line(), error.column())
        })?;
        for batch in rows.chunks(BATCH) {
            import.take(batch, now).await;
        }
        return Ok(());
    }
    let source = Db::connect(from, &Budgets::default()).await.map_err(|error| match error {
        DbError::Connect { reason } => anyhow!("the database of --from cannot be opened: {reason}"),
        other => other.into(),
    })?;
    let rows = foreign::connections(&source).map(|row| {
        let row = row.context("the connections of --from cannot be read")?;
        serde_json::from_str::<Value>(&row).map_err(|_| anyhow!("a row of --from is not JSON"))
    });
    let mut batches = std::pin::pin!(rows.try_chunks(BATCH));
    while let Some(batch) = batches.next().await {
        let (batch, error) = match batch {
            Ok(batch) => (batch, None),
            Err(error) => (error.0, Some(error.1)),
        };
        import.take(&batch, now).await;
        if let Some(error) = error {
            return Err(error);
        }
    }
    Ok(())
}

fn show(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        return terminal::print_json(report);
    }
    let style = Style::stderr();
    for row in &report.skipped {
        let line = format!("{} of {} ({}): {}", row.external_id, row.owner, row.id, row.reason);
        terminal::note(format_args!("{} {}", style.yellow("skipped"), terminal::harmless(&line, false)));
    }
    for row in &report.failed {
        let line = format!("{}: {}", row.id, row.reason);
        terminal::note(format_args!("{} {}", style.red("failed"), terminal::harmless(&line, false)));
    }
    let (skipped, failed) = (report.skipped.len(), report.failed.len());
    let dry = if report.dry_run { "dry run, nothing was written: " } else { "" };
    let Report { imported, replaced, .. } = report;
    Ok(terminal::print(&format!(
        "{dry}{imported} imported, {replaced} replaced, {skipped} skipped, {failed} failed\n"
    ))?)
}
