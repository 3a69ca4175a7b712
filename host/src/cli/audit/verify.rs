//! `leno audit verify`: whether the log is what the hosts wrote.

use std::{path::PathBuf, process::ExitCode};

use indicatif::HumanCount;
use leno_vault::audit::{Expected, Report, Verifier};
use serde_json::json;

use super::file::Groups;
use crate::cli::{
    exit::NO,
    keyring::Common,
    terminal::{self, Spinner, Style},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Check that no sealed row was changed, removed or added",
    long_about = "Check that no sealed row was changed, removed or added, by the seals that hosts put on the log. Hosts may serve \
                  meanwhile. Each seal covers some rows and the seal before it, and takes the encryption key to make; one that \
                  was made with an earlier key takes that key to check, or an expected digest.",
    after_help = "Rows that were written in the last minute may not be sealed yet. That the end of the log was cut off shows by \
                  an expected digest only: keep the last one elsewhere, and give it the next time."
)]
pub(super) struct Args {
    /// Archives, whose rows are checked as well
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A seal that must be there, as an earlier check printed it
    #[arg(long, value_name = "NUMBER:DIGEST", value_parser = expected)]
    expect: Option<Expected>,
    #[command(flatten)]
    common: Common,
}

fn expected(text: &str) -> Result<Expected, String> {
    let parts = text.split_once(':').and_then(|(number, digest)| Some((number.parse().ok()?, digest)));
    let whole = |digest: &str| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    match parts.filter(|(number, digest)| *number > 0_i64 && whole(digest)) {
        Some((number, digest)) => Ok(Expected { number, digest: digest.to_ascii_lowercase() }),
        None => Err("it must be the number of a seal, a colon, and 64 hexadecimal digits".to_owned()),
    }
}

pub(super) async fn verify(args: &Args) -> anyhow::Result<ExitCode> {
    let (db, keyring) = args.common.open().await?;
    let spinner = Spinner::new("checking");
    let checked = async {
        let mut verifier = Verifier::new(&db, &keyring, args.expect.as_ref());
        for path in &args.files {
            let mut groups = Groups::open(path)?;
            while let Some((seal, rows)) = groups.next()? {
                if let Some(misfit) = verifier.copy(&seal, &rows).await? {
                    terminal::note(format_args!("{}: seal {} {misfit}", path.display(), seal.number));
                }
            }
        }
        anyhow::Ok(verifier.database().await?)
    };
    let checked = checked.await;
    drop(spinner);
    db.close().await;
    let report = checked?;
    if args.common.json {
        terminal::print_json(&json!({
            "fits": report.misfits == 0, "seals": report.seals, "rows": report.rows, "archivedApart": report.apart,
            "unsealedRows": report.unsealed, "misfits": report.misfits,
            "first": report.first.as_ref().map(|(number, misfit)| json!({"number": number, "reason": misfit.to_string()})),
            "last": report.last.as_ref().map(|last| json!({"number": last.number, "digest": last.digest})),
        }))?;
    } else {
        terminal::print(&page(&report))?;
        if let Some((number, misfit)) = &report.first {
            terminal::note(format_args!("{} seal {number} {misfit}", Style::stderr().red("does not fit:")));
        }
    }
    Ok(if report.misfits == 0 { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn page(report: &Report) -> String {
    let mut page = format!("seals that fit: {}, with {} rows\n", HumanCount(report.seals), HumanCount(report.rows));
    if report.apart > 0 {
        page += &format!("archived seals without a file: {}\n", HumanCount(report.apart));
    }
    if report.misfits > 0 {
        page += &format!("seals that do not fit: {}\n", HumanCount(report.misfits));
    }
    page += &format!("rows that are not sealed yet: {}\n", HumanCount(report.unsealed.unsigned_abs()));
    if let Some(last) = &report.last {
        page += &format!("last seal: {}:{}\n", last.number, last.digest);
    }
    page
}
