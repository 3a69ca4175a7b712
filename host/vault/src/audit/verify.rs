//! What seals show: whether the log is what the hosts wrote.

use std::{collections::BTreeMap, fmt};

use leno_db::{
    AuditRow, Db, DbError,
    audit_seals::{self, Seal},
};

use super::{BATCH, digest, of_archived, of_seal};
use crate::Keyring;

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
