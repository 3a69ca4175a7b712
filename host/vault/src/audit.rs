//! Seals of the audit log, and what they show.
//!
//! Each seal covers some rows and the seal before it. Its digest is SHA-256 over both, so whoever has the rows can recompute it;
//! its MAC takes a key that is derived from the encryption key. A party with write access to the database, but without the key,
//! can add rows before they are sealed, and can cut off the end of the log. Everything else shows: [`Verifier`] finds it, and the
//! end as well, given a digest that was kept elsewhere.

mod verify;

use leno_base::{Clock, milliseconds};
use leno_db::{
    AuditEntry, AuditRow, Busy, Db, DbError, Party,
    audit_log::{self, process},
    audit_seals::{self, Archived, Seal},
};
use sha2::{Digest as _, Sha256};

pub use self::verify::{Expected, Misfit, Report, Verifier};
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
