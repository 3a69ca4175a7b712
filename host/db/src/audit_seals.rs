//! Seals of the audit log: table `audit_seals`, and which rows of `audit_log` each of them covers. What a digest and a MAC are
//! made of is the vault's.

use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{AuditRow, Db, DbError, Party, audit_log::read};

/// A seal over some rows of the log, and over the seal before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// 1 for the first, without gaps.
    pub number: i64,
    /// The time of its earliest row, in milliseconds since 1970.
    pub first_at: i64,
    /// That of its latest.
    pub last_at: i64,
    /// How many rows.
    pub entries: i64,
    /// What follows from the rows and the seal before.
    pub digest: String,
    /// What only the holder of the key can make of the digest.
    pub mac: String,
    /// The id of that key.
    pub key_id: String,
    /// When it was made, in milliseconds since 1970.
    pub sealed_at: i64,
    /// The process that made it: `PID@HOST`.
    pub process: String,
    /// Set once its rows are in a file.
    pub archived: Option<Archived>,
}

/// That the rows of a seal are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Since when, in milliseconds since 1970.
    pub at: i64,
    /// What only the holder of a key can make of it.
    pub mac: String,
}

macro_rules! seals {
    ($rest:literal) => {
        concat!(
            "SELECT number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process, archived_at, \
             archived_mac FROM audit_seals ",
            $rest
        )
    };
}

/// The last seal.
pub async fn last(connection: &mut AnyConnection) -> Result<Option<Seal>, DbError> {
    const SQL: &str = seals!("ORDER BY number DESC LIMIT 1");
    let found = sqlx::query(SQL).fetch_optional(connection).await?;
    Ok(found.as_ref().map(seal).transpose()?)
}

/// Gives up to `limit` rows that have no seal yet the one of this number. Returns them by time and id. An entry belongs to its
/// seal by its column, so one that is committed late, or by a host whose clock is behind, is in the next one.
pub async fn claim(tx: &mut AnyConnection, number: i64, limit: i64) -> Result<Vec<AuditRow>, DbError> {
    // `seal IS NULL` twice: on PostgreSQL the inner one does not see what another host sealed while this one waited for it.
    const SQL: &str = "UPDATE audit_log SET seal = $1 WHERE seal IS NULL AND id IN \
        (SELECT id FROM audit_log WHERE seal IS NULL ORDER BY at, id LIMIT $2) \
        RETURNING id, at, tenant_id, actor, event, subject, detail, request, address, process, seal";
    let rows = sqlx::query(SQL).bind(number).bind(limit).fetch_all(tx).await?;
    in_order(&rows)
}

/// Adds a seal. Returns false when there is one of its number: another host was quicker, and the transaction must not be
/// committed.
pub async fn insert(tx: &mut AnyConnection, seal: &Seal) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO audit_seals \
        (number, first_at, last_at, entries, digest, mac, key_id, sealed_at, process) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (number) DO NOTHING";
    let done = sqlx::query(SQL)
        .bind(seal.number)
        .bind(seal.first_at)
        .bind(seal.last_at)
        .bind(seal.entries)
        .bind(&seal.digest)
        .bind(&seal.mac)
        .bind(&seal.key_id)
        .bind(seal.sealed_at)
        .bind(&seal.process)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Up to `limit` seals from the number `from` on, in their order.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn list(db: &Db, from: i64, limit: i64) -> Result<Vec<Seal>, DbError> {
    const SQL: &str = seals!("WHERE number >= $1 ORDER BY number LIMIT $2");
    let rows = sqlx::query(SQL).bind(from).bind(limit).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(seal).collect::<Result<_, _>>()?)
}

/// The rows that a seal covers, by time and id.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn rows(db: &Db, number: i64) -> Result<Vec<AuditRow>, DbError> {
    const SQL: &str = "SELECT id, at, tenant_id, actor, event, subject, detail, request, address, process, seal \
        FROM audit_log WHERE seal = $1";
    let rows = sqlx::query(SQL).bind(number).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    in_order(&rows)
}

/// How many rows have no seal yet.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn unsealed(db: &Db) -> Result<i64, DbError> {
    const SQL: &str = "SELECT COUNT(*) FROM audit_log WHERE seal IS NULL";
    Ok(sqlx::query(SQL).fetch_one(&mut *db.reader(Party::Host).await?).await?.try_get(0)?)
}

/// The lowest seal after the number `after` that a row names and that is not there.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn missing(db: &Db, after: i64) -> Result<Option<i64>, DbError> {
    const SQL: &str = "SELECT MIN(seal) FROM audit_log WHERE seal > $1 \
        AND NOT EXISTS (SELECT 1 FROM audit_seals WHERE number = audit_log.seal)";
    Ok(sqlx::query(SQL).bind(after).fetch_one(&mut *db.reader(Party::Host).await?).await?.try_get(0)?)
}

/// The first and the last seal that can be archived: from the first that is not, up to one with a row at `before` or later. `None`
/// when there is none.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn before(db: &Db, before: i64) -> Result<Option<(i64, i64)>, DbError> {
    const SQL: &str = "SELECT MIN(number), COALESCE(\
        (SELECT MIN(number) - 1 FROM audit_seals WHERE archived_at IS NULL AND last_at >= $1), MAX(number)) \
        FROM audit_seals WHERE archived_at IS NULL";
    let found = sqlx::query(SQL).bind(before).fetch_one(&mut *db.reader(Party::Host).await?).await?;
    let (first, last): (Option<i64>, Option<i64>) = (found.try_get(0)?, found.try_get(1)?);
    Ok(first.zip(last).filter(|(first, last)| first <= last))
}

/// Notes that the rows of a seal are in a file. Returns whether that is new.
pub async fn archive(tx: &mut AnyConnection, number: i64, archived: &Archived) -> Result<bool, DbError> {
    const SQL: &str =
        "UPDATE audit_seals SET archived_at = $1, archived_mac = $2 WHERE number = $3 AND archived_at IS NULL";
    let query = sqlx::query(SQL).bind(archived.at).bind(&archived.mac).bind(number);
    Ok(query.execute(tx).await?.rows_affected() == 1)
}

/// The lowest seal that rows in the database have.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn lowest(db: &Db) -> Result<Option<i64>, DbError> {
    const SQL: &str = "SELECT MIN(seal) FROM audit_log WHERE seal IS NOT NULL";
    Ok(sqlx::query(SQL).fetch_one(&mut *db.reader(Party::Host).await?).await?.try_get(0)?)
}

/// Removes the rows of an archived seal; the database refuses those of another. Others have their turn in between. Returns how
/// many there were.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn remove(db: &Db, number: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE seal = $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(number).bind(most)).await
}

/// By time and id, as bytes: databases sort texts in ways of their own.
fn in_order(rows: &[AnyRow]) -> Result<Vec<AuditRow>, DbError> {
    let mut rows: Vec<AuditRow> = rows.iter().map(read).collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(rows)
}

fn seal(row: &AnyRow) -> Result<Seal, sqlx::Error> {
    let (at, mac): (Option<i64>, Option<String>) = (row.try_get("archived_at")?, row.try_get("archived_mac")?);
    Ok(Seal {
        number: row.try_get("number")?,
        first_at: row.try_get("first_at")?,
        last_at: row.try_get("last_at")?,
        entries: row.try_get("entries")?,
        digest: row.try_get("digest")?,
        mac: row.try_get("mac")?,
        key_id: row.try_get("key_id")?,
        sealed_at: row.try_get("sealed_at")?,
        process: row.try_get("process")?,
        archived: at.map(|at| Archived { at, mac: mac.unwrap_or_default() }),
    })
}
