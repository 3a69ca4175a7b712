//! `leno keys`: which keys encrypt the connections, and how one takes the place of another.

use std::process::ExitCode;

use clap::Subcommand;
use indicatif::HumanCount;
use leno_base::{SystemClock, milliseconds};
use leno_vault::keys::{self, KeyState, KeyUse, Retirement};
use serde_json::json;

use super::{
    exit::NO,
    exit::block_on,
    keyring::Common,
    terminal::{self, Progress, Style},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "List, rotate and retire the keys that connections are encrypted with",
    long_about = "List, rotate and retire the keys that connections are encrypted with. Keys are shown by their ids, which \
                  are derived from the keys; the keys themselves are never shown.",
    after_help = "To change the key:\n  \
                  1. with several hosts, add the new key to LENO_OLD_ENCRYPTION_KEYS of each and restart it: now each can \
                  read with it\n  \
                  2. set INTEGRATION_ENCRYPTION_KEY to the new key, add the old one to LENO_OLD_ENCRYPTION_KEYS, restart\n  \
                  3. leno keys rotate    while the hosts serve; can be interrupted and repeated\n  \
                  4. leno keys retire ID, then remove the old key from LENO_OLD_ENCRYPTION_KEYS\n\n\
                  Keep the old key as long as you keep backups that were made with it, or rows of the audit log that it sealed."
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the keys, and how many rows are encrypted with each
    List(Common),
    /// Encrypt with the present key whatever is encrypted with another one, or was sealed by an earlier version
    Rotate(Common),
    /// Retire a key; refused while something is encrypted with it, or a host writes with it
    Retire {
        /// The key's id, as `leno keys list` shows it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn keys(args: &Args) -> anyhow::Result<ExitCode> {
    block_on(async {
        match &args.command {
            Command::List(common) => list(common).await,
            Command::Rotate(common) => rotate(common).await,
            Command::Retire { id, common } => retire(id, common).await,
        }
    })
}

async fn list(common: &Common) -> anyhow::Result<ExitCode> {
    let (db, keyring) = common.open().await?;
    let keys = keys::list(&db, &keyring).await?;
    db.close().await;
    if common.json {
        terminal::print_json(&json!({ "keys": keys }))?;
    } else {
        terminal::print(&keys.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(key: &KeyUse) -> String {
    let style = Style::stdout();
    let state = match key.state {
        KeyState::Active => style.green("active "),
        KeyState::Old => style.cyan("old    "),
        KeyState::Missing => style.red("missing"),
        KeyState::Retired => style.dim("retired"),
    };
    format!("{}  {state}  {}\n", style.bold(terminal::harmless(&key.id, false)), counts(&key.rows))
}

/// `3 rows: 2 in app_connection, 1 in oauth_sessions`
fn counts<'a>(rows: impl IntoIterator<Item = (&'a &'static str, &'a i64)>) -> String {
    let rows: Vec<_> = rows.into_iter().filter(|(_, count)| **count > 0).collect();
    let sum = rows.iter().map(|(_, count)| u64::try_from(**count).unwrap_or_default()).sum();
    if rows.is_empty() {
        return "no rows".into();
    }
    let parts: Vec<String> = rows.iter().map(|(table, count)| format!("{count} in {table}")).collect();
    format!("{} row{}: {}", HumanCount(sum), if sum == 1 { "" } else { "s" }, parts.join(", "))
}

async fn rotate(common: &Common) -> anyhow::Result<ExitCode> {
    let (db, keyring) = common.open().await?;
    let all = keys::to_rotate(&db, &keyring).await?;
    let progress = Progress::new("re-encrypting", u64::try_from(all).unwrap_or_default());
    let rotation = keys::rotate(&db, &keyring, milliseconds(&SystemClock), |rows| progress.add(rows)).await?;
    drop(progress);
    db.close().await;
    if common.json {
        terminal::print_json(&rotation)?;
    } else {
        for row in &rotation.unopened {
            terminal::note(format_args!("{} {} {}: {}", Style::stderr().red("left:"), row.table, row.id, row.reason));
        }
        let key = keyring.active();
        terminal::print(&format!("{} rows were re-encrypted with key {key}\n", HumanCount(rotation.rewrapped)))?;
        if rotation.left > 0 {
            let unopened = rotation.unopened.len();
            terminal::note(format_args!(
                "{} rows are still encrypted with other keys, {unopened} of them because they cannot be decrypted; check that no \
                 other host still encrypts with another key, then run `leno keys rotate` again",
                rotation.left
            ));
        }
    }
    Ok(if rotation.left == 0 { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

async fn retire(id: &str, common: &Common) -> anyhow::Result<ExitCode> {
    let (db, keyring) = common.open().await?;
    let seen = db.now(&SystemClock).await?;
    let done = keys::retire(&db, &keyring, id, milliseconds(&SystemClock), seen).await?;
    db.close().await;
    let (retired, rows, hosts) = match &done {
        Retirement::InUse(rows) => (false, rows.clone(), 0),
        Retirement::Written(hosts) => (false, Default::default(), *hosts),
        Retirement::Done | Retirement::Before => (true, Default::default(), 0),
    };
    if common.json {
        terminal::print_json(&json!({ "id": id, "retired": retired, "rows": rows, "hosts": hosts }))?;
    } else if retired {
        terminal::print(&format!("key {id} is retired; keep it as long as you keep backups that were made with it\n"))?;
    } else if hosts > 0 {
        terminal::note(format_args!(
            "{hosts} host(s) still encrypt with key {id}; restart them with another INTEGRATION_ENCRYPTION_KEY first. A host that \
             has died counts for up to 90 seconds"
        ));
    } else {
        terminal::note(format_args!("key {id} is still in use, {}; run `leno keys rotate` first", counts(&rows)));
    }
    Ok(if retired { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}
