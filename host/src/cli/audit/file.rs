//! The form of an archive of the audit log: lines of JSON, of which the first names the form. Each seal comes before the rows that
//! it covers.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use leno_base::TenantId;
use leno_db::{AuditRow, audit_seals::Seal};
use serde::{Deserialize, Serialize};

/// What the first line says.
const FORMAT: &str = "leno audit archive 1";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Line {
    Format(String),
    Seal(SealLine),
    Row(RowLine),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SealLine {
    number: i64,
    first_at: i64,
    last_at: i64,
    entries: i64,
    digest: String,
    mac: String,
    key_id: String,
    sealed_at: i64,
    process: String,
}

/// Times are milliseconds since 1970, and `detail` is a text: what the digest of the seal is over.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RowLine {
    id: String,
    at: i64,
    tenant_id: TenantId,
    actor: String,
    event: String,
    subject: String,
    detail: String,
    request_id: Option<String>,
    address: Option<String>,
    process: Option<String>,
}

/// Writes the first line.
pub(super) fn begin(to: &mut impl Write) -> io::Result<()> {
    line(to, &Line::Format(FORMAT.to_owned()))
}

/// Writes a seal and its rows.
pub(super) fn write(to: &mut impl Write, seal: Seal, rows: Vec<AuditRow>) -> io::Result<()> {
    let Seal { number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process, archived: _ } = seal;
    line(to, &Line::Seal(SealLine { number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process }))?;
    for row in rows {
        let AuditRow { id, at, tenant, actor, event, subject, detail, request, address, process, seal: _ } = row;
        let row =
            RowLine { id, at, tenant_id: tenant, actor, event, subject, detail, request_id: request, address, process };
        line(to, &Line::Row(row))?;
    }
    Ok(())
}

fn line(to: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

/// The seals of an archive with their rows, one after the other.
pub(super) struct Groups {
    path: PathBuf,
    lines: io::Lines<BufReader<File>>,
    number: u64,
}

impl Groups {
    /// Opens an archive.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut groups = Self { path: path.to_owned(), lines: BufReader::new(file).lines(), number: 0 };
        match groups.line() {
            Ok(Some(Line::Format(format))) if format == FORMAT => Ok(groups),
            _ => bail!("{} is not an archive of the audit log: its first line does not say so", path.display()),
        }
    }

    /// The next seal.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Seal, Vec<AuditRow>)>> {
        let seal = match self.line()? {
            Some(Line::Seal(seal)) => seal,
            None => return Ok(None),
            Some(_) => bail!("line {} of {} is not a seal", self.number, self.path.display()),
        };
        let SealLine { number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process } = seal;
        let mut rows = Vec::new();
        for _ in 0..entries {
            let Some(Line::Row(row)) = self.line()? else {
                bail!("{} has not all rows of seal {number}: see line {}", self.path.display(), self.number);
            };
            rows.push(AuditRow {
                id: row.id,
                at: row.at,
                tenant: row.tenant_id,
                actor: row.actor,
                event: row.event,
                subject: row.subject,
                detail: row.detail,
                request: row.request_id,
                address: row.address,
                process: row.process,
                seal: Some(number),
            });
        }
        ensure!(!rows.is_empty(), "seal {number} in {} covers no rows", self.path.display());
        let archived = None;
        let seal = Seal { number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process, archived };
        Ok(Some((seal, rows)))
    }

    fn line(&mut self) -> anyhow::Result<Option<Line>> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        self.number += 1;
        let read = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?));
        Ok(Some(read.with_context(|| format!("line {} of {} cannot be read", self.number, self.path.display()))?))
    }
}
