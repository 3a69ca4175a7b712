//! Imports connections of Activepieces and of the workflow builder: decrypted with their key, encrypted with this
//! host's.
//!
//! Their values are not protected against changes, so this is the only place that reads them.

mod record;

use std::collections::{BTreeMap, BTreeSet};

use leno_base::{NoRandomness, TenantId, UserId};
use leno_db::{AuditEntry, ConnectionRow, Db, DbError, app_connections, audit_log, users};
use leno_metadata::ConnectionValue;
use leno_vault::{Key, Keyring};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use self::record::Record;
use crate::{
    content::Content,
    inner::{row_id, sealed},
};

/// The owners of imported connections.
#[derive(Debug, Clone)]
pub enum Owners {
    /// The owners in the other system.
    Kept,
    /// One user's.
    One(UserId),
    /// Owners by their id in the other system.
    Map(BTreeMap<String, UserId>),
}

/// How to import.
#[derive(Debug)]
pub struct Options {
    /// The tenant of the imported connections.
    pub tenant: TenantId,
    /// The owners of the imported connections.
    pub owners: Owners,
    /// Replace connections that exist already.
    pub replace: bool,
    /// Do everything, but leave the database as it was.
    pub dry_run: bool,
}

/// A connection that was there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// The other system's row id.
    pub id: String,
    /// The name that flows use.
    pub external_id: String,
    /// The owner it would have.
    pub owner: UserId,
    /// Why.
    pub reason: &'static str,
}

/// A row that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The other system's row id.
    pub id: String,
    /// Why; quotes nothing of the value.
    pub reason: String,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// New connections.
    pub imported: u64,
    /// Connections that were replaced.
    pub replaced: u64,
    /// What was there already.
    pub skipped: Vec<Skipped>,
    /// Rows that were not imported.
    pub failed: Vec<Failed>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// An import under way.
#[derive(Debug)]
pub struct Import<'a> {
    db: &'a Db,
    keyring: &'a Keyring,
    old: &'a Key,
    options: Options,
    report: Report,
    /// Rows that were seen, for rows without an id.
    rows: usize,
    /// Connections of this import: a second of the same name must not overwrite the first.
    seen: BTreeSet<(UserId, String)>,
}

/// A row that was read and decrypted.
struct Opened {
    record: Record,
    owner: UserId,
    value: ConnectionValue,
    plain: SecretString,
}

enum Outcome {
    Imported,
    Replaced,
    Skipped(&'static str),
    Failed(String),
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl<'a> Import<'a> {
    /// An import of values that are encrypted with `old`.
    #[must_use]
    pub fn new(db: &'a Db, keyring: &'a Keyring, old: &'a Key, options: Options) -> Self {
        let report = Report { dry_run: options.dry_run, ..Report::default() };
        Self { db, keyring, old, options, report, rows: 0, seen: BTreeSet::new() }
    }

    /// The result so far.
    #[must_use]
    pub fn report(self) -> Report {
        self.report
    }

    /// Imports rows, each a JSON object with the columns of either system, in one transaction. A row that does not fit
    /// is reported, and the others are imported.
    pub async fn take(&mut self, rows: &[Value], now: i64) {
        let mut opened = Vec::with_capacity(rows.len());
        for row in rows {
            self.rows += 1;
            match self.open(row) {
                Ok(row) if self.seen.insert((row.owner.clone(), row.record.external_id.to_string())) => {
                    opened.push(row);
                }
                Ok(row) => self.note(&row, Outcome::Skipped("another row has the same owner and external id")),
                Err(reason) => self.report.failed.push(Failed { id: record::name(row, self.rows), reason }),
            }
        }
        match self.write(&opened, now).await {
            Ok(outcomes) => opened.iter().zip(outcomes).for_each(|(row, outcome)| self.note(row, outcome)),
            // One by one, to find out which it is.
            Err(_) => {
                for row in &opened {
                    let outcome = match self.write(std::slice::from_ref(row), now).await {
                        Ok(outcomes) => outcomes.into_iter().next(),
                        Err(error) => Some(Outcome::Failed(error.to_string())),
                    };
                    if let Some(outcome) = outcome {
                        self.note(row, outcome);
                    }
                }
            }
        }
    }

    fn note(&mut self, row: &Opened, outcome: Outcome) {
        let id = row.record.id.clone();
        match outcome {
            Outcome::Imported => self.report.imported += 1,
            Outcome::Replaced => self.report.replaced += 1,
            Outcome::Skipped(reason) => {
                let external_id = row.record.external_id.to_string();
                self.report.skipped.push(Skipped { id, external_id, owner: row.owner.clone(), reason });
            }
            Outcome::Failed(reason) => self.report.failed.push(Failed { id, reason }),
        }
    }

    fn open(&self, row: &Value) -> Result<Opened, String> {
        let record = Record::read(row)?;
        let owner = match (&self.options.owners, &record.owner) {
            (Owners::One(owner), _) => owner.clone(),
            (_, None) => return Err("it has no owner; set one with --owner".into()),
            (Owners::Kept, Some(owner)) => UserId::from(owner.as_str()),
            (Owners::Map(map), Some(owner)) => {
                map.get(owner).cloned().ok_or_else(|| format!("its owner {owner:?} is not in the map of owners"))?
            }
        };
        let plain = self.old.open_unauthenticated(&record.value).map_err(|error| error.to_string())?;
        let value = ConnectionValue::parse(plain.expose_secret())
            .map_err(|_| "the decrypted text is not a connection value; check that the key is the right one")?;
        Ok(Opened { record, owner, value, plain })
    }

    async fn write(&self, rows: &[Opened], now: i64) -> Result<Vec<Outcome>, WriteError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        if rows.is_empty() {
            return Ok(outcomes);
        }
        let mut tx = self.db.begin(&self.options.tenant).await?;
        for row in rows {
            outcomes.push(self.write_one(&mut tx, row, now).await?);
        }
        match self.options.dry_run {
            true => tx.rollback().await,
            false => tx.commit().await,
        }?;
        Ok(outcomes)
    }

    async fn write_one(&self, tx: &mut AnyConnection, row: &Opened, now: i64) -> Result<Outcome, WriteError> {
        const PRESENT: &str = "the owner has a connection with this external id";
        let (tenant, owner) = (&self.options.tenant, &row.owner);
        users::hold(tx, tenant, owner, false, now).await?;
        let present = app_connections::by_external_id(tx, tenant, owner, row.record.external_id.as_str()).await?;
        let (fresh, replaced) = match present {
            Some(_) if !self.options.replace => return Ok(Outcome::Skipped(PRESENT)),
            Some(present) => (row.content(present.updated_at).over(present), true),
            None => (row.fresh(tenant, now), false),
        };
        let rev = if replaced { fresh.rev + 1 } else { fresh.rev };
        let sealed = sealed(self.keyring, &fresh, rev, &row.plain, &row.value)?;
        let done = match replaced {
            true => app_connections::replace(tx, &fresh, &sealed).await?,
            false => app_connections::insert(tx, &fresh, &sealed).await?,
        };
        if !done {
            return Ok(Outcome::Skipped("it was changed concurrently"));
        }
        let detail = json!({"externalId": row.record.external_id, "from": row.record.id, "replaced": replaced});
        let entry = AuditEntry::new(now, tenant.clone(), "host", "connection.imported", fresh.id).with(detail);
        audit_log::append(tx, &entry).await?;
        Ok(if replaced { Outcome::Replaced } else { Outcome::Imported })
    }
}

impl Opened {
    /// A new row. Creation, platform, projects and scope are those of the other system.
    fn fresh(&self, tenant: &TenantId, now: i64) -> ConnectionRow {
        let record = &self.record;
        let created_at = record.created_at.unwrap_or(now);
        let external_id = record.external_id.to_string();
        let blank = ConnectionRow::blank(row_id(), tenant.clone(), self.owner.clone(), external_id, created_at);
        self.content(created_at).over(ConnectionRow {
            platform_id: record.platform_id.clone(),
            project_ids: record.project_ids.clone(),
            scope: record.scope.clone(),
            ..blank
        })
    }

    /// What replaces the content of a row that was changed at `before`, unless the other system says when it changed.
    fn content(&self, before: i64) -> Content {
        let record = &self.record;
        Content {
            display_name: record.display_name.clone(),
            kind: record.kind.clone(),
            status: record.status,
            piece_name: record.piece_name.clone(),
            piece_version: record.piece_version.clone(),
            metadata: record.metadata.clone(),
            updated_at: record.updated_at.unwrap_or(before),
        }
    }
}

#[cfg(test)]
mod tests;
