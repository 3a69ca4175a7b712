//! `leno audit archive`: moves the oldest part of the log to a file.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use indicatif::HumanCount;
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use leno_base::{SystemClock, TenantId, iso, milliseconds};
use leno_db::{AuditEntry, Db, audit_seals};
use leno_vault::{
    Keyring,
    audit::{self, Verifier},
};
use serde_json::json;

use super::file::{self, Groups};
use crate::cli::{
    keyring::Common,
    terminal::{self, Spinner},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Move the oldest rows to a file",
    long_about = "Move the oldest rows to a file of JSON lines, with the seals that cover them, while hosts serve. The file is \
                  written, checked by the seals and safe on the disk before a row is removed. What was interrupted is completed \
                  by the same command. The seals stay in the database, so `leno audit verify FILE…` checks archives at any time.",
    after_help = "Retention is this command in a timer, and archives that are removed when nobody needs them any more:\n  \
                  leno audit archive --before 90d --to /var/backups/audit-$(date +%F).jsonl"
)]
pub(super) struct Args {
    /// Seals of which all rows are before a day or a time, such as 2026-01-31, or of an age, such as 90d
    #[arg(long, value_name = "DATE|AGE", value_parser = point)]
    before: Timestamp,
    /// The new file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Reads a day, a time or an age.
fn point(text: &str) -> Result<Timestamp, String> {
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let age = || {
        let age = text.parse::<Span>().ok().filter(|age| age.is_positive())?;
        Some(Timestamp::now().to_zoned(TimeZone::UTC).checked_sub(age).ok()?.timestamp())
    };
    let found = text.parse().ok().or_else(day).or_else(age);
    found.ok_or_else(|| {
        "it must be a day such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or an age such as 90d".into()
    })
}

/// Seals that are in a file.
struct Range {
    first: i64,
    last: i64,
    /// The digest of the last.
    digest: String,
    rows: u64,
}

pub(super) async fn archive(args: &Args) -> anyhow::Result<ExitCode> {
    let (db, keyring) = args.common.open().await?;
    let spinner = Spinner::new("archiving");
    let done = work(args, &db, &keyring).await;
    drop(spinner);
    db.close().await;
    let (range, removed) = done?;
    let path = args.to.display();
    if args.common.json {
        let (first, last) = range.as_ref().map(|range| (range.first, range.last)).unzip();
        let rows = range.as_ref().map_or(0, |range| range.rows);
        let file = range.is_some().then_some(&args.to);
        terminal::print_json(&json!({"file": file, "first": first, "last": last, "rows": rows, "removed": removed}))?;
        return Ok(ExitCode::SUCCESS);
    }
    match range {
        Some(Range { first, last, digest, rows }) => terminal::print(&format!(
            "{path}: {} rows, under the seals {first} to {last}\nlast seal in it: {last}:{digest}\n",
            HumanCount(rows)
        ))?,
        None => terminal::note(format_args!("no sealed rows are older than {}", iso(args.before.as_millisecond()))),
    }
    terminal::note(format_args!("{} rows were removed from the database", HumanCount(removed)));
    Ok(ExitCode::SUCCESS)
}

/// Archives what there is, if anything. Returns it, and how many rows were removed.
async fn work(args: &Args, db: &Db, keyring: &Keyring) -> anyhow::Result<(Option<Range>, u64)> {
    // What an earlier run was stopped at.
    let mut removed = audit::sweep(db, keyring).await?;
    let range = if args.to.exists() {
        let (range, archived) = check(&args.to, db, keyring)
            .await
            .with_context(|| format!("{} exists, and is no archive of this log", args.to.display()))?;
        ensure!(
            !archived || removed > 0,
            "{} exists, with rows that were archived before; name a new file",
            args.to.display()
        );
        Some(range)
    } else {
        match audit_seals::before(db, args.before.as_millisecond()).await? {
            Some(numbers) => Some(write(&args.to, numbers, db, keyring).await?),
            None => None,
        }
    };
    if let Some(range) = &range {
        let detail = json!({"first": range.first, "last": range.last, "digest": range.digest, "rows": range.rows});
        let file = args.to.display().to_string();
        let entry = AuditEntry::new(milliseconds(&SystemClock), TenantId::from(""), "host", "audit.archived", file);
        audit::archive(db, keyring, (range.first, range.last), &entry.with(detail)).await?;
        removed += audit::sweep(db, keyring).await?;
    }
    Ok((range, removed))
}

/// Writes the seals of these numbers to a new file, and checks what is in it.
async fn write(path: &Path, (first, last): (i64, i64), db: &Db, keyring: &Keyring) -> anyhow::Result<Range> {
    let failed = || format!("{} was not written", path.display());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // For its owner alone, and gone when this fails.
    let mut file = tempfile::Builder::new().prefix(".audit-").tempfile_in(directory).with_context(failed)?;
    let mut to = BufWriter::new(&mut file);
    file::begin(&mut to).with_context(failed)?;
    let mut from = first;
    while from <= last {
        let seals = audit_seals::list(db, from, 100_i64.min(last - from + 1)).await?;
        ensure!(!seals.is_empty(), "seal {from} is not there; see `leno audit verify`");
        for seal in seals {
            from = seal.number + 1;
            let rows = audit_seals::rows(db, seal.number).await?;
            file::write(&mut to, seal, rows).with_context(failed)?;
        }
    }
    to.flush().with_context(failed)?;
    drop(to);
    file.as_file().sync_all().with_context(failed)?;
    let (range, _) = check(file.path(), db, keyring).await.context("nothing was archived")?;
    ensure!((range.first, range.last) == (first, last), "nothing was archived: the file has not all seals");
    file.persist_noclobber(path).map_err(|error| error.error).with_context(failed)?;
    sync(directory).with_context(failed)?;
    Ok(range)
}

/// Makes the name of a new file last.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Checks every seal of a file against the database. Returns which there are, and whether the database has all of them as archived.
async fn check(path: &Path, db: &Db, keyring: &Keyring) -> anyhow::Result<(Range, bool)> {
    let mut groups = Groups::open(path)?;
    let mut verifier = Verifier::new(db, keyring, None);
    let mut range: Option<Range> = None;
    while let Some((seal, rows)) = groups.next()? {
        if let Some(misfit) = verifier.copy(&seal, &rows).await? {
            bail!("seal {} {misfit}; see `leno audit verify`", seal.number);
        }
        let (first, before) = range.as_ref().map_or((seal.number, 0), |range| (range.first, range.rows));
        if let Some(range) = &range {
            ensure!(
                seal.number.checked_sub(1) == Some(range.last),
                "seal {} does not follow on seal {}",
                seal.number,
                range.last
            );
        }
        range = Some(Range { first, last: seal.number, digest: seal.digest, rows: before + rows.len() as u64 });
    }
    let range = range.context("there are no seals in the file")?;
    let last = audit_seals::list(db, range.last, 1).await?.pop();
    Ok((range, last.is_some_and(|seal| seal.archived.is_some())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_a_day_a_time_or_an_age() {
        for (text, time) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12:30:00Z", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:30:00+02:00", "2026-01-31T10:30:00Z"),
        ] {
            assert_eq!(point(text).unwrap(), time.parse().unwrap(), "{text}");
        }
        for (text, days) in [("90d", 90), ("2 weeks", 14), ("36h", 1)] {
            let at = point(text).unwrap();
            assert_eq!(Timestamp::now().duration_since(at).as_hours() / 24, days, "{text}");
        }
        for text in ["", "90", "-90d", "0d", "yesterday", "2026-13-01"] {
            assert!(point(text).is_err(), "{text}");
        }
    }
}
