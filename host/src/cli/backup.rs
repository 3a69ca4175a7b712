//! `leno backup` and `leno restore`: a copy of the embedded database, and a host that goes on from one.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use leno_base::{SystemClock, milliseconds};
use leno_db::{Db, backup};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    exit::block_on,
    flags::{Data, Flags},
    terminal,
};
use crate::config::{Config, DataDir, sqlite_url};

#[derive(Debug, clap::Args)]
#[command(
    about = "Copy the embedded database to a file",
    long_about = "Copy the embedded database to a file, as it is at this moment, while hosts go on working. The copy has what the \
                  database has: connections encrypted with the keys of that time, which must be kept as well, and apart from it.",
    after_help = "PostgreSQL is copied with its own tools, such as `pg_dump --format=custom`. After `pg_restore`, and before a \
                  host starts, run `leno restore`."
)]
pub(super) struct BackupArgs {
    /// The new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    settings: Flags<Data>,
}

#[derive(Debug, clap::Args)]
#[command(
    about = "Go on from a backup",
    long_about = "Go on from a backup. Providers that give each refresh token once have taken some since: every connection that \
                  can be renewed is marked for a trial, which is its first use, or comes within hours. One whose token no longer \
                  works is then shown as ERROR with `restored_from_backup`. Sign-ins that were under way are forgotten.",
    after_help = "With FILE, it becomes the embedded database, which must not be there. Without, the database is PostgreSQL, and \
                  was restored with its own tools. No host may run on the database."
)]
pub(super) struct RestoreArgs {
    /// What `leno backup` wrote; none for PostgreSQL
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print a JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let from =
        embedded(&config).context("PostgreSQL is copied with its own tools, such as `pg_dump --format=custom`")?;
    ensure!(from.exists(), "there is no database {}", from.display());
    block_on(async {
        let to = new_file(&args.file)?;
        let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
        let copied = backup::copy(&db, &args.file).await;
        db.close().await;
        if let Err(error) = copied {
            let _ = fs::remove_file(&args.file);
            return Err(error).with_context(|| format!("{} was not written", args.file.display()));
        }
        // A backup that a power cut takes away is none.
        to.sync_all().with_context(|| format!("{} was not written", args.file.display()))?;
        let bytes = fs::metadata(&args.file)?.len();
        Ok(terminal::print(&format!("{}: {}\n", args.file.display(), terminal::bytes(bytes)))?)
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    block_on(async {
        match (embedded(&config), &args.file) {
            (Some(to), Some(from)) => put_back(&config, from, &to).await?,
            (None, None) => {}
            (Some(_), None) => bail!("name the file that `leno backup` wrote"),
            (None, Some(_)) => bail!("a file cannot be restored into PostgreSQL; use pg_restore, then `leno restore`"),
        }
        let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
        db.migrate().await?;
        let restored = backup::restored(&db, milliseconds(&SystemClock)).await;
        db.close().await;
        let restored = restored?;
        if args.json {
            terminal::print_json(&json!({ "epoch": restored.epoch, "onTrial": restored.on_trial }))?;
        } else {
            terminal::print(&format!(
                "restored; {} connections are renewed at their first use, to see whether they still work\n",
                restored.on_trial
            ))?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The file of the embedded database.
fn embedded(config: &Config) -> Option<PathBuf> {
    leno_db::sqlite_file(config.database_url.expose_secret())
}

/// Makes the backup at `from` the database in `to`.
async fn put_back(config: &Config, from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(from.is_file(), "there is no file {}", from.display());
    if to.exists() {
        bail!("there is a database {}; move it away, with the files beside it whose names begin alike", to.display());
    }
    DataDir::open(&config.data_dir)?;
    let mut file = new_file(to)?;
    let copied =
        fs::File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut file)).and_then(|_| file.sync_all());
    let checked = async {
        copied?;
        let db = Db::connect(&sqlite_url(to), &config.budgets).await?;
        let damage = backup::damage(&db).await;
        db.close().await;
        if let Some(damage) = damage? {
            bail!("its pages are damaged: {damage}");
        }
        anyhow::Ok(())
    };
    checked.await.map_err(|error| {
        for end in ["", "-wal", "-shm"] {
            let mut name = to.as_os_str().to_owned();
            name.push(end);
            let _ = fs::remove_file(name);
        }
        error.context(format!("{} is not a backup that can be restored", from.display()))
    })
}

/// A new file for its owner alone.
fn new_file(path: &Path) -> anyhow::Result<fs::File> {
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("{} cannot be made", path.display()))
}
