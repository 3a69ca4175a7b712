//! The audit log: table `audit_log`, to which rows are only ever added, until a seal covers them and they are archived.

use std::{fmt::Write as _, sync::LazyLock};

use leno_base::TenantId;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _, any::AnyRow};
use uuid::Uuid;

pub use crate::audit_entry::AuditEntry;
use crate::{Db, DbError, Party, recorder::Entry};

/// Columns of the table.
const COLUMNS: usize = 10;

/// Adds an entry in a transaction.
pub async fn append(tx: &mut AnyConnection, entry: &AuditEntry) -> Result<(), DbError> {
    append_all(tx, [entry].into_iter()).await
}

/// Adds entries, all or none. No more than a few hundred: SQLite takes 32,766 parameters.
pub(crate) async fn append_all<'e>(
    tx: &mut AnyConnection,
    entries: impl ExactSizeIterator<Item = &'e AuditEntry>,
) -> Result<(), DbError> {
    let count = entries.len();
    // Only the text of a single entry comes again for sure.
    let mut query = sqlx::query(AssertSqlSafe(insert(count))).persistent(count == 1);
    for entry in entries {
        let (request, address) =
            entry.origin.as_ref().map(|origin| (origin.request.to_string(), origin.address)).unzip();
        query = query
            .bind(Uuid::now_v7().to_string())
            .bind(entry.at)
            .bind(entry.tenant.as_str())
            .bind(&entry.actor)
            .bind(entry.event)
            .bind(&entry.subject)
            .bind(entry.detail.to_string())
            .bind(request)
            .bind(address.flatten().map(|address| address.to_string()))
            .bind(process());
    }
    query.execute(tx).await?;
    Ok(())
}

/// The statement that adds this many entries.
fn insert(entries: usize) -> String {
    let mut text = String::from(
        "INSERT INTO audit_log (id, at, tenant_id, actor, event, subject, detail, request, address, process) VALUES ",
    );
    for entry in 0..entries {
        text.push_str(if entry == 0 { "(" } else { ", (" });
        for column in 1..=COLUMNS {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}${}", entry * COLUMNS + column);
        }
        text.push(')');
    }
    text
}

/// Adds an entry by itself. Entries that wait for the writer are written together: many small writes at once, each with a
/// commit that waits for the disk, would take the writer for as long as all of these waits together. An entry is written also
/// if the caller is dropped.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Busy`].
pub async fn record(db: &Db, entry: AuditEntry) -> Result<(), DbError> {
    let (written, first) = db.recorder().add(entry);
    if first {
        tokio::spawn(Writing { db: db.clone(), done: false }.run());
    }
    written.await.map_err(|_| DbError::from(sqlx::Error::WorkerCrashed))?
}

/// The task that writes entries together.
struct Writing {
    db: Db,
    /// Whether it has left nothing to write, and the next entry starts another.
    done: bool,
}

impl Writing {
    async fn run(mut self) {
        loop {
            let writer = self.db.writer(Party::Host).await;
            // Now, as those that came while it waited for its turn go with it.
            let Some(entries) = self.db.recorder().next() else {
                self.done = true;
                return;
            };
            match writer {
                Ok(mut writer) => write(&mut writer, entries).await,
                Err(error) => refuse(entries, &error),
            }
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.done {
            self.db.recorder().abandon();
        }
    }
}

async fn write(writer: &mut sqlx::AnyConnection, entries: Vec<Entry>) {
    let together = append_all(writer, entries.iter().map(|entry| &entry.entry)).await;
    match together {
        Ok(()) => entries.into_iter().for_each(|entry| entry.tell(Ok(()))),
        Err(error @ DbError::Busy(_)) => refuse(entries, &error),
        // An entry that the database refuses is no fault of the others.
        Err(_) => {
            for entry in entries {
                let written = append(writer, &entry.entry).await;
                entry.tell(written);
            }
        }
    }
}

/// Tells all what one of them met.
fn refuse(entries: Vec<Entry>, error: &DbError) {
    let again = || match error {
        DbError::Busy(busy) => DbError::Busy(busy.clone()),
        _ => DbError::from(sqlx::Error::WorkerCrashed),
    };
    for entry in entries {
        entry.tell(Err(again()));
    }
}

/// The events of one subject, oldest first.
///
/// # Errors
/// [`DbError::Query`].
pub async fn events_of(db: &Db, subject: &str) -> Result<Vec<(String, String)>, DbError> {
    const SQL: &str = "SELECT actor, event FROM audit_log WHERE subject = $1 ORDER BY at, id";
    let rows = sqlx::query(SQL).bind(subject).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Row id.
    pub id: String,
    /// In milliseconds since 1970.
    pub at: i64,
    /// The tenant whose data it concerns; empty for the host's own.
    pub tenant: TenantId,
    /// Who did it.
    pub actor: String,
    /// What.
    pub event: String,
    /// The row, file or user that it is about.
    pub subject: String,
    /// Further details, as JSON text.
    pub detail: String,
    /// The request that it comes from.
    pub request: Option<String>,
    /// The address that sent it.
    pub address: Option<String>,
    /// The process that wrote it: `PID@HOST`.
    pub process: Option<String>,
    /// The number of the seal that covers it.
    pub seal: Option<i64>,
}

/// Which rows to read.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of one tenant.
    pub tenant: Option<String>,
    /// About one subject.
    pub subject: Option<String>,
    /// Of one event.
    pub event: Option<String>,
    /// Before this row, by its time and id.
    pub before: Option<(i64, String)>,
}

/// Up to `limit` rows, the latest first.
///
/// # Errors
/// [`DbError::Query`].
pub async fn page(db: &Db, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditRow>, DbError> {
    const SQL: &str = "SELECT id, at, tenant_id, actor, event, subject, detail, request, address, process, seal FROM audit_log \
        WHERE (CAST($1 AS TEXT) IS NULL OR tenant_id = $1) AND (CAST($2 AS TEXT) IS NULL OR subject = $2) \
        AND (CAST($3 AS TEXT) IS NULL OR event = $3) \
        AND (CAST($4 AS BIGINT) IS NULL OR at < $4 OR (at = $4 AND id < $5)) ORDER BY at DESC, id DESC LIMIT $6";
    let (at, id) = filter.before.as_ref().map(|(at, id)| (*at, id.as_str())).unzip();
    let rows = sqlx::query(SQL)
        .bind(filter.tenant.as_deref())
        .bind(filter.subject.as_deref())
        .bind(filter.event.as_deref())
        .bind(at)
        .bind(id)
        .bind(limit)
        .fetch_all(&mut *db.reader(Party::Host).await?)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

pub(crate) fn read(row: &AnyRow) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        actor: row.try_get("actor")?,
        event: row.try_get("event")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
        request: row.try_get("request")?,
        address: row.try_get("address")?,
        process: row.try_get("process")?,
        seal: row.try_get("seal")?,
    })
}

/// This process: `PID@HOST`.
#[must_use]
pub fn process() -> &'static str {
    static PROCESS: LazyLock<String> = LazyLock::new(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}@{}", std::process::id(), host.trim())
    });
    &PROCESS
}
