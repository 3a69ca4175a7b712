//! The keys of a host over time: which are in use, the check at the start, rotation, retirement.

use std::collections::BTreeMap;

use leno_base::{NoRandomness, TenantId};
use leno_db::{
    AuditEntry, Busy, Db, DbError, Party, audit_log, encryption_keys, hosts,
    sealed_rows::{SealedRow, SealedTable, TABLES},
};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use crate::{InvalidKey, Key, Keyring, Place, keyring::VERSION};

/// Rows that are rewritten in one transaction: few, so that others wait for milliseconds only.
const BATCH: i64 = 200;
/// How often a rotation repeats a table that other hosts change.
const PASSES: usize = 10;

/// Keys that do not fit the database.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Starting would lose secrets.
    #[error(
        "this host does not have the key of {}; it did not start, and no data is lost: set \
         INTEGRATION_ENCRYPTION_KEY to that key again, or add it to LENO_OLD_ENCRYPTION_KEYS (a generated key is in the \
         file `encryption-key` of the data directory); the present key is {active}",
        missing(.rows)
    )]
    Missing {
        /// Rows per key and table.
        rows: Vec<(String, &'static str, i64)>,
        /// The key that writes.
        active: String,
    },
    /// The key that would write was retired.
    #[error("the encryption key {0} was retired; set INTEGRATION_ENCRYPTION_KEY to another one")]
    Retired(String),
    /// The key that writes cannot be retired.
    #[error("the key {0} is the one this host encrypts with; set another INTEGRATION_ENCRYPTION_KEY first")]
    Active(String),
    /// The key is unknown.
    #[error("there is no key {kid}; known keys: {}", .known.join(", "))]
    Unknown {
        /// The requested id.
        kid: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The operating system failed.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

fn missing(rows: &[(String, &'static str, i64)]) -> String {
    let part = |(kid, table, count): &(String, &str, i64)| format!("{count} rows of {table} (key {kid})");
    rows.iter().map(part).collect::<Vec<_>>().join(", ")
}

impl Keyring {
    /// A keyring from the texts of the settings.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn parse(active: &SecretString, older: &[SecretString]) -> Result<Self, InvalidKey> {
        let older = older.iter().map(Key::parse).collect::<Result<_, _>>()?;
        Ok(Self::new(Key::parse(active)?, older))
    }

    fn has(&self, kid: &str) -> bool {
        self.ids().any(|id| id.as_str() == kid)
    }
}

/// Checks that this host has every key that a row is encrypted with, and that its active key was not retired; then
/// records that key. Returns warnings, which do not prevent the start. One query per table, over an index.
///
/// # Errors
/// [`KeyError`].
pub async fn check(db: &Db, keyring: &Keyring, now: i64) -> Result<Vec<String>, KeyError> {
    let active = keyring.active().as_str();
    let known: Vec<&str> = keyring.ids().map(crate::KeyId::as_str).collect();
    let recorded = encryption_keys::list(db).await?;
    if recorded.iter().any(|key| key.kid == active && key.retired_at.is_some()) {
        return Err(KeyError::Retired(active.to_owned()));
    }
    let mut rows = Vec::new();
    for table in TABLES {
        let under = table.rows_per_key(db, &known).await?;
        rows.extend(under.into_iter().map(|(kid, count)| (kid, table.name, count)));
    }
    if !rows.is_empty() {
        return Err(KeyError::Missing { rows, active: active.to_owned() });
    }
    encryption_keys::record(db, active, now).await?;
    if !recorded.iter().any(|key| key.kid == active) {
        // Nothing older can be under a key that is used for the first time.
        encryption_keys::sealed_since(&mut *db.writer(Party::Host).await?, active, VERSION).await?;
    }
    heed(db, keyring).await?;
    let mut warnings = Vec::new();
    for key in recorded {
        match (keyring.has(&key.kid), key.retired_at) {
            (false, None) => warnings.push(format!(
                "the encryption key {0} was used before and this host does not have it; nothing is encrypted with it now: \
                 run `leno keys retire {0}` if no other host uses it",
                key.kid
            )),
            (true, Some(_)) => {
                warnings.push(format!("the encryption key {} was retired; remove it from the settings", key.kid));
            }
            _ => {}
        }
    }
    Ok(warnings)
}

/// Makes the keyring open nothing that is older than the seals under each key, and looks whether its active key may still
/// write: false when it was retired, after which the database refuses what it seals.
///
/// # Errors
/// [`DbError`].
pub async fn heed(db: &Db, keyring: &Keyring) -> Result<bool, DbError> {
    let recorded = encryption_keys::list(db).await?;
    for key in &recorded {
        keyring.require(&key.kid, key.oldest_seal);
    }
    let retired = |key: &encryption_keys::KeyRow| key.kid == keyring.active().as_str() && key.retired_at.is_some();
    Ok(!recorded.iter().any(retired))
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Writes and reads.
    Active,
    /// Reads.
    Old,
    /// Was used, but this host does not have it.
    Missing,
    /// Must not be used again.
    Retired,
}

/// A key, and what is under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyUse {
    /// The key's id.
    pub id: String,
    /// What it is for.
    pub state: KeyState,
    /// When a host first started with it, in milliseconds since 1970.
    pub first_used_at: Option<i64>,
    /// When it was retired.
    pub retired_at: Option<i64>,
    /// Rows under it, per table.
    pub rows: BTreeMap<&'static str, i64>,
}

/// All keys: those of the keyring, those that were recorded, and those that rows name.
///
/// # Errors
/// [`KeyError::Db`].
pub async fn list(db: &Db, keyring: &Keyring) -> Result<Vec<KeyUse>, KeyError> {
    let recorded = encryption_keys::list(db).await?;
    let mut rows: BTreeMap<String, BTreeMap<&'static str, i64>> = BTreeMap::new();
    for table in TABLES {
        for (kid, count) in table.rows_per_key(db, &[]).await? {
            rows.entry(kid).or_default().insert(table.name, count);
        }
    }
    let mut order: Vec<String> = keyring.ids().map(ToString::to_string).collect();
    for kid in recorded.iter().map(|key| &key.kid).chain(rows.keys()) {
        if !order.contains(kid) {
            order.push(kid.clone());
        }
    }
    let of = |id: String| {
        let record = recorded.iter().find(|key| key.kid == id);
        let state = match record.and_then(|key| key.retired_at) {
            Some(_) => KeyState::Retired,
            None if keyring.active().as_str() == id => KeyState::Active,
            None if keyring.has(&id) => KeyState::Old,
            None => KeyState::Missing,
        };
        let mut counts: BTreeMap<&'static str, i64> = TABLES.iter().map(|table| (table.name, 0)).collect();
        counts.extend(rows.remove(&id).unwrap_or_default());
        KeyUse {
            state,
            first_used_at: record.map(|key| key.created_at),
            retired_at: record.and_then(|key| key.retired_at),
            rows: counts,
            id,
        }
    };
    Ok(order.into_iter().map(of).collect())
}

/// A row that could not be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unopened {
    /// Its table.
    pub table: &'static str,
    /// Its primary key.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Rotation {
    /// Rows that are now under the key that writes.
    pub rewrapped: u64,
    /// Rows that do not open; they are left unchanged.
    pub unopened: Vec<Unopened>,
    /// Rows that are still under other keys, with those that do not open.
    pub left: i64,
}

/// Re-encrypts everything that is not under the active key, or sealed in an earlier version. Hosts may go on reading and writing: a row that changes
/// concurrently is left to the next pass. May be stopped at any moment and started again. `progress` gets the number of
/// rows of every batch.
///
/// # Errors
/// [`KeyError::Db`], [`KeyError::Randomness`], and those of [`check`] before anything is rewritten.
pub async fn rotate(db: &Db, keyring: &Keyring, now: i64, mut progress: impl FnMut(u64)) -> Result<Rotation, KeyError> {
    check(db, keyring, now).await?;
    let mut rotation = Rotation::default();
    for table in TABLES {
        for _ in 0..PASSES {
            let pass = go_over(db, keyring, table, &mut progress).await?;
            rotation.rewrapped += pass.rewrapped;
            if pass.overtaken == 0 && pass.rewrapped == 0 {
                rotation.unopened.extend(pass.unopened);
                break;
            }
        }
        rotation.left += left(db, keyring, table).await?;
    }
    rotation.left += settle(db, keyring).await?;
    let detail = json!({"rewrapped": rotation.rewrapped, "left": rotation.left});
    audit_log::record(db, entry(now, "key.rotated", keyring.active().as_str(), detail)).await?;
    Ok(rotation)
}

/// Requires the present version of seals under the active key, if there are no older ones. Returns how many there are.
async fn settle(db: &Db, keyring: &Keyring) -> Result<i64, KeyError> {
    let active = keyring.active().as_str();
    let mut tx = db.begin(Party::Host).await?;
    let mut outdated = 0;
    for table in TABLES {
        outdated += table.outdated(&mut tx, active).await?;
    }
    if outdated == 0 {
        encryption_keys::sealed_since(&mut tx, active, VERSION).await?;
        tx.commit().await?;
        heed(db, keyring).await?;
    }
    Ok(outdated)
}

/// How many rows are not under the key that writes, in the present version of seals.
///
/// # Errors
/// [`KeyError::Db`].
pub async fn to_rotate(db: &Db, keyring: &Keyring) -> Result<i64, KeyError> {
    let mut sum = 0;
    for table in TABLES {
        sum += left(db, keyring, table).await?;
        sum += table.outdated(&mut *db.reader(Party::Host).await?, keyring.active().as_str()).await?;
    }
    Ok(sum)
}

async fn left(db: &Db, keyring: &Keyring, table: &SealedTable) -> Result<i64, KeyError> {
    let others = table.rows_per_key(db, &[keyring.active().as_str()]).await?;
    Ok(others.iter().map(|(_, count)| count).sum())
}

#[derive(Default)]
struct Pass {
    rewrapped: u64,
    /// Changed concurrently.
    overtaken: u64,
    unopened: Vec<Unopened>,
}

async fn go_over(
    db: &Db,
    keyring: &Keyring,
    table: &SealedTable,
    progress: &mut impl FnMut(u64),
) -> Result<Pass, KeyError> {
    let active = keyring.active().as_str();
    let mut pass = Pass::default();
    let mut after = String::new();
    loop {
        let rows = table.to_rewrap(db, active, &after, BATCH).await?;
        let Some(last) = rows.last() else { return Ok(pass) };
        after.clone_from(&last.id);
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            let facts: Vec<&str> = row.facts.iter().map(String::as_str).collect();
            let place = Place { table: table.name, tenant: &row.tenant, row: &row.id, facts: &facts };
            match keyring.open(&row.sealed, place) {
                Ok(plain) => fresh.push((keyring.seal(&plain, place)?, row)),
                Err(error) => pass.unopened.push(Unopened { table: table.name, id: row.id, reason: error.to_string() }),
            }
        }
        let (done, of) = (write(db, active, table, &fresh).await?, fresh.len() as u64);
        pass.rewrapped += done;
        pass.overtaken += of - done;
        progress(done);
    }
}

/// Writes a batch in a transaction. Returns how many rows were unchanged since they were read.
async fn write(db: &Db, kid: &str, table: &SealedTable, batch: &[(String, SealedRow)]) -> Result<u64, KeyError> {
    if batch.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin(Party::Host).await?;
    let mut done = 0;
    for (sealed, row) in batch {
        match table.rewrap(&mut tx, row, sealed, kid).await {
            Ok(written) => done += u64::from(written),
            // Lock conflict with another transaction: skip this batch; the next pass retries it.
            Err(DbError::Busy(Busy::Conflict(_))) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
    tx.commit().await?;
    Ok(done)
}

/// The result of a request to retire a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Retirement {
    /// It is retired now.
    Done,
    /// It was already.
    Before,
    /// Rows are still under it: how many, per table.
    InUse(BTreeMap<&'static str, i64>),
    /// So many hosts that may be alive write with it.
    Written(i64),
}

/// Retires a key: no host starts with it any more, and none writes with it. Refused while something is encrypted with it, and
/// while a host that may be alive writes with it. `now` in milliseconds since 1970, `seen` as [`Db::now`].
///
/// # Errors
/// [`KeyError::Active`], [`KeyError::Unknown`], [`KeyError::Db`].
pub async fn retire(db: &Db, keyring: &Keyring, kid: &str, now: i64, seen: i64) -> Result<Retirement, KeyError> {
    if keyring.active().as_str() == kid {
        return Err(KeyError::Active(kid.to_owned()));
    }
    let recorded = encryption_keys::list(db).await?;
    let mut tx = db.begin(Party::Host).await?;
    // First: what is being written under the key is waited for, and nothing is written under it from now on.
    let retired = encryption_keys::retire(&mut tx, kid, now).await?;
    let hosts = hosts::writing_with(&mut tx, db.kind(), kid, seen).await?;
    if hosts > 0 {
        return Ok(Retirement::Written(hosts));
    }
    let mut rows = BTreeMap::new();
    for table in TABLES {
        match table.rows_of(&mut tx, kid).await? {
            0 => {}
            count => drop(rows.insert(table.name, count)),
        }
    }
    if !rows.is_empty() {
        return Ok(Retirement::InUse(rows));
    }
    if !recorded.iter().any(|key| key.kid == kid) {
        let mut known: Vec<String> = keyring.ids().map(ToString::to_string).collect();
        known.extend(recorded.into_iter().map(|key| key.kid).filter(|kid| !keyring.has(kid)));
        return Err(KeyError::Unknown { kid: kid.to_owned(), known });
    }
    if !retired {
        return Ok(Retirement::Before);
    }
    audit_log::append(&mut tx, &entry(now, "key.retired", kid, json!({}))).await?;
    tx.commit().await?;
    Ok(Retirement::Done)
}

/// Keys belong to no tenant.
fn entry(at: i64, event: &'static str, subject: &str, detail: serde_json::Value) -> AuditEntry {
    AuditEntry::new(at, TenantId::from(""), "host", event, subject).with(detail)
}

#[cfg(test)]
mod tests;
