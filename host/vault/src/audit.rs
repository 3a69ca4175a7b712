//! Seals of the audit log, and what they show.
//!
//! Each seal covers some rows and the seal before it. Its digest is SHA-256 over both, so whoever has the rows can recompute it;
//! its MAC takes a key that is derived from the encryption key. A party with write access to the database, but without the key,
//! can add rows before they are sealed, and can cut off the end of the log. Everything else shows: [`Verifier`] finds it, and the
//! end as well, given a digest that was kept elsewhere.

use std::{collections::BTreeMap, fmt};

use leno_base::{Clock, milliseconds};
use leno_db::{
    AuditEntry, AuditRow, Busy, Db, DbError, Party,
    audit_log::{self, process},
    audit_seals::{self, Archived, Seal},
};
use sha2::{Digest as _, Sha256};

use crate::Keyring;

/// The most rows under a seal. They are written in one transaction, during which every other writer of an SQLite file waits.
const GROUP: i64 = 1_000;
/// Seals that are read at once, or marked in one transaction.
const BATCH: i64 = 200;

/// Seals every row that has no seal yet. Of hosts that do so at once one has its way; the others leave it to their next turn.
/// Returns how many rows this one sealed.
///
/// # Errors
/// [`DbError`].
pub async fn seal(db: &Db, keyring: &Keyring, clock: &dyn Clock) -> Result<u64, DbError> {
    let mut sum = 0;
    loop {
        let sealed = match seal_group(db, keyring, milliseconds(clock)).await {
            // Two hosts took the same rows in different orders.
            Err(DbError::Busy(Busy::Conflict(_))) => return Ok(sum),
            done => done?,
        };
        sum += sealed.unsigned_abs();
        if sealed < GROUP {
            return Ok(sum);
        }
    }
}

async fn seal_group(db: &Db, keyring: &Keyring, now: i64) -> Result<i64, DbError> {
    let mut tx = db.begin(Party::Host).await?;
    let (number, before) = match audit_seals::last(&mut tx).await? {
        Some(last) => (last.number + 1, last.digest),
        None => (1, String::new()),
    };
    let rows = audit_seals::claim(&mut tx, number, GROUP).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        tx.rollback().await?;
        return Ok(0);
    };
    let entries = i64::try_from(rows.len()).unwrap_or(GROUP);
    let mut seal = Seal {
        number,
        first_at: first.at,
        last_at: last.at,
        entries,
        digest: String::new(),
        mac: String::new(),
        key_id: keyring.active().as_str().to_owned(),
        sealed_at: now,
        process: process().to_owned(),
        archived: None,
    };
    seal.digest = digest(&before, &seal, &rows);
    seal.mac = keyring.attest(&of_seal(&seal));
    if !audit_seals::insert(&mut tx, &seal).await? {
        tx.rollback().await?;
        return Ok(0);
    }
    tx.commit().await?;
    Ok(entries)
}

/// What the MAC of a seal is over.
fn of_seal(seal: &Seal) -> [String; 3] {
    ["leno audit seal v1".to_owned(), seal.number.to_string(), seal.digest.clone()]
}

/// What the MAC of an archived seal is over.
fn of_archived(seal: &Seal, at: i64) -> [String; 4] {
    ["leno archived audit seal v1".to_owned(), seal.number.to_string(), seal.digest.clone(), at.to_string()]
}

/// The digest of a seal, whose own `digest` and `mac` do not count, over the digest `before` it and its rows.
fn digest(before: &str, seal: &Seal, rows: &[AuditRow]) -> String {
    let mut hash = Hash(Sha256::new());
    hash.text("leno audit log v1");
    hash.text(before);
    for number in [seal.number, seal.first_at, seal.last_at, seal.entries, seal.sealed_at] {
        hash.number(number);
    }
    hash.text(&seal.key_id);
    hash.text(&seal.process);
    for row in rows {
        hash.number(row.at);
        for text in [row.id.as_str(), row.tenant.as_str(), &row.actor, &row.event, &row.subject, &row.detail] {
            hash.text(text);
        }
        for text in [&row.request, &row.address, &row.process] {
            hash.option(text.as_deref());
        }
    }
    hex::encode(hash.0.finalize())
}

/// Lengths go first, so that no part can run into its neighbour.
struct Hash(Sha256);

impl Hash {
    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        self.0.update([u8::from(text.is_some())]);
        if let Some(text) = text {
            self.text(text);
        }
    }
}

/// A digest that was kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The number of its seal.
    pub number: i64,
    /// The digest.
    pub digest: String,
}

/// Why a seal does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// There is none of this number, and it is not the end.
    Missing,
    /// It covers another number of rows than there are.
    Entries {
        /// What the seal says.
        sealed: i64,
        /// How many there are.
        found: usize,
    },
    /// Its digest does not follow from its rows and the seal before.
    Changed,
    /// The holder of its key did not make it.
    Forged,
    /// This host does not have the key of this id.
    UnknownKey(String),
    /// The holder of a key of this host did not archive it.
    NotArchived,
    /// It is archived, and so many of its rows are still in the database.
    Left(usize),
    /// It is another one than was expected.
    Unexpected,
    /// The file has another seal of this number than the database.
    Foreign,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not there"),
            Self::Entries { sealed, found } => write!(f, "covers {sealed} rows, and there are {found}"),
            Self::Changed => f.write_str("does not follow from its rows and the seal before: one of them was changed"),
            Self::Forged => f.write_str("was not made by a host with its key"),
            Self::UnknownKey(kid) => write!(
                f,
                "was made with key {kid}, which is not here: add it to LENO_OLD_ENCRYPTION_KEYS, or give with --expect the \
                 digest of this seal or a later one"
            ),
            Self::NotArchived => f.write_str("is marked as archived, and no holder of a key of this host did that"),
            Self::Left(rows) => {
                write!(
                    f,
                    "is archived, and {rows} of its rows are here still: `leno audit archive` was interrupted; run it again"
                )
            }
            Self::Unexpected => f.write_str("has another digest than the expected one"),
            Self::Foreign => f.write_str("in the file is not the one of this database"),
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Seals that fit, with all of their rows.
    pub seals: u64,
    /// Rows under those.
    pub rows: u64,
    /// Archived seals that fit as far as can be seen without their rows, of which no file was given.
    pub apart: u64,
    /// Rows that have no seal yet.
    pub unsealed: i64,
    /// Seals that do not fit.
    pub misfits: u64,
    /// The first of them.
    pub first: Option<(i64, Misfit)>,
    /// The last seal: its number and digest, to be kept elsewhere.
    pub last: Option<Expected>,
}

/// Checks seals: those in archives first, then those of the database.
pub struct Verifier<'a> {
    db: &'a Db,
    keyring: &'a Keyring,
    expected: Option<&'a Expected>,
    /// Rows under each seal that fits in an archive.
    copies: BTreeMap<i64, u64>,
    report: Report,
}

impl<'a> Verifier<'a> {
    /// Checks the seals of `db`, one of which is expected.
    #[must_use]
    pub fn new(db: &'a Db, keyring: &'a Keyring, expected: Option<&'a Expected>) -> Self {
        Self { db, keyring, expected, copies: BTreeMap::new(), report: Report::default() }
    }

    /// Checks a seal in an archive, with its rows, against the database. Returns why it does not fit, if so.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn copy(&mut self, copy: &Seal, rows: &[AuditRow]) -> Result<Option<Misfit>, DbError> {
        let previous = copy.number.saturating_sub(1);
        let known = audit_seals::list(self.db, previous, 2).await?;
        let before = known.iter().find(|seal| seal.number == previous).map_or("", |seal| seal.digest.as_str());
        let same = |seal: &Seal| *copy == Seal { archived: None, ..seal.clone() };
        let fits = match known.iter().find(|seal| seal.number == copy.number) {
            None => Err(Misfit::Missing),
            Some(seal) if !same(seal) => Err(Misfit::Foreign),
            Some(seal) => self.group(before, seal, rows),
        };
        if fits.is_ok() {
            self.copies.insert(copy.number, rows.len() as u64);
        }
        let misfit = fits.clone().err();
        self.note(copy.number, fits);
        Ok(misfit)
    }

    /// Checks every seal of the database.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn database(mut self) -> Result<Report, DbError> {
        let (mut next, mut before, mut from) = (1, String::new(), i64::MIN);
        loop {
            let seals = audit_seals::list(self.db, from, BATCH).await?;
            let Some(last) = seals.last() else { break };
            from = last.number.saturating_add(1);
            for seal in seals {
                if seal.number > next {
                    self.note(next, Err(Misfit::Missing));
                }
                next = seal.number.saturating_add(1);
                self.one(&before, seal.clone()).await?;
                before.clone_from(&seal.digest);
                self.report.last = Some(Expected { number: seal.number, digest: seal.digest });
            }
        }
        let cut_off = self.expected.map(|expected| expected.number).filter(|number| *number >= next);
        for number in [audit_seals::missing(self.db, i64::MIN).await?, cut_off].into_iter().flatten() {
            self.note(number, Err(Misfit::Missing));
        }
        self.report.unsealed = audit_seals::unsealed(self.db).await?;
        Ok(self.report)
    }

    async fn one(&mut self, before: &str, mut seal: Seal) -> Result<(), DbError> {
        let mut rows = audit_seals::rows(self.db, seal.number).await?;
        let mut fits = self.present(before, &seal, &rows);
        if fits.is_err() && seal.archived.is_none() {
            // It may have been archived in this moment.
            if let Some(now) =
                audit_seals::list(self.db, seal.number, 1).await?.pop().filter(|now| now.archived.is_some())
            {
                rows = audit_seals::rows(self.db, seal.number).await?;
                fits = self.present(before, &now, &rows);
                seal = now;
            }
        }
        if !self.note(seal.number, fits) {
            return Ok(());
        }
        let checked = match &seal.archived {
            None => Some(rows.len() as u64),
            Some(_) => self.copies.get(&seal.number).copied(),
        };
        match checked {
            Some(rows) => {
                self.report.seals += 1;
                self.report.rows += rows;
            }
            None => self.report.apart += 1,
        }
        Ok(())
    }

    /// Whether a seal of the database fits the rows that it has there.
    fn present(&self, before: &str, seal: &Seal, rows: &[AuditRow]) -> Result<(), Misfit> {
        let Some(archived) = &seal.archived else { return self.group(before, seal, rows) };
        if !self.keyring.attested(&of_archived(seal, archived.at), &archived.mac) {
            return Err(Misfit::NotArchived);
        }
        if !rows.is_empty() {
            return Err(Misfit::Left(rows.len()));
        }
        self.made(seal)
    }

    /// Whether a seal fits all of its rows.
    fn group(&self, before: &str, seal: &Seal, rows: &[AuditRow]) -> Result<(), Misfit> {
        if i64::try_from(rows.len()) != Ok(seal.entries) {
            return Err(Misfit::Entries { sealed: seal.entries, found: rows.len() });
        }
        if digest(before, seal, rows) != seal.digest {
            return Err(Misfit::Changed);
        }
        self.made(seal)
    }

    /// Whether a holder of the key made a seal. One that was expected, or that one before which was expected, needs no key.
    fn made(&self, seal: &Seal) -> Result<(), Misfit> {
        if self.expected.is_some_and(|expected| expected.number == seal.number && expected.digest != seal.digest) {
            return Err(Misfit::Unexpected);
        }
        match self.keyring.attested_by(&seal.key_id, &of_seal(seal), &seal.mac) {
            Some(true) => Ok(()),
            Some(false) => Err(Misfit::Forged),
            None if self.expected.is_some_and(|expected| seal.number <= expected.number) => Ok(()),
            None => Err(Misfit::UnknownKey(seal.key_id.clone())),
        }
    }

    fn note(&mut self, number: i64, fits: Result<(), Misfit>) -> bool {
        let Err(misfit) = fits else { return true };
        self.report.misfits += 1;
        if self.report.first.as_ref().is_none_or(|(first, _)| number < *first) {
            self.report.first = Some((number, misfit));
        }
        false
    }
}

/// Marks seals as archived, a few at a time, and adds `entry` with the first that was not. Their rows must be in a file by now,
/// from which they were checked.
///
/// # Errors
/// [`DbError`]; some may be marked. It can be repeated.
pub async fn archive(db: &Db, keyring: &Keyring, (first, last): (i64, i64), entry: &AuditEntry) -> Result<(), DbError> {
    let (mut from, mut recorded) = (first, false);
    while from <= last {
        let seals = audit_seals::list(db, from, BATCH.min(last - from + 1)).await?;
        let Some(end) = seals.last().map(|seal| seal.number) else { break };
        let mut tx = db.begin(Party::Host).await?;
        for seal in &seals {
            let mac = keyring.attest(&of_archived(seal, entry.at));
            let new = audit_seals::archive(&mut tx, seal.number, &Archived { at: entry.at, mac }).await?;
            if new && !recorded {
                audit_log::append(&mut tx, entry).await?;
                recorded = true;
            }
        }
        tx.commit().await?;
        from = end + 1;
    }
    Ok(())
}

/// Removes the rows of archived seals. Returns how many there were.
///
/// # Errors
/// [`DbError`]; some may be removed. It can be repeated.
pub async fn sweep(db: &Db, keyring: &Keyring) -> Result<u64, DbError> {
    let mut sum = 0;
    while let Some(number) = audit_seals::lowest(db).await? {
        let seal = audit_seals::list(db, number, 1).await?.pop().filter(|seal| seal.number == number);
        // Archives are made from the first seal on, so there are no archived ones behind one that is not.
        let Some((seal, archived)) = seal.and_then(|seal| seal.archived.clone().map(|archived| (seal, archived)))
        else {
            break;
        };
        // A mark that no holder of a key made is left, and what it is on: it is a case for `Verifier`.
        if !keyring.attested(&of_archived(&seal, archived.at), &archived.mac) {
            break;
        }
        sum += audit_seals::remove(db, number).await?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
