//! The events of connections, for their owners: table `connection_events`.
//!
//! Their order is the database's and no host's clock's: for each owner, `seq` is the order in which transactions ended. On SQLite
//! all writers take turns. On PostgreSQL the writers of one owner's events do, from the number to the commit; so that readers of
//! all owners' events miss none whose transaction takes long, they read again what may have been written since the oldest of the
//! transactions under way.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use super::{Db, DbError, Kind, Party};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Unique (UUID version 7).
    pub id: String,
    /// Its place among the events of its owner; 0 before it is added.
    pub seq: i64,
    /// Its transaction, see [`horizon`]; 0 before it is added.
    pub xact: i64,
    /// The tenant.
    pub tenant: TenantId,
    /// The owner.
    pub owner: UserId,
    /// `connection.created`, …
    pub kind: String,
    /// The JSON text that is sent.
    pub payload: String,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

macro_rules! columns {
    () => {
        "id, seq, xact, tenant_id, owner_id, type, payload, created_at"
    };
}

/// Adds an event in the transaction of the change that it reports. Returns it with its place.
pub async fn append(tx: &mut AnyConnection, kind: Kind, event: EventRow) -> Result<EventRow, DbError> {
    const NEXT: &str = "UPDATE event_sequence SET last = last + 1 RETURNING last AS seq, last AS xact";
    // The lock comes first, and is held until the transaction ends: who gets a number later commits later.
    const TURN: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($1, 0))) \
        SELECT nextval('connection_events_seq') AS seq, CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT) AS xact FROM turn";
    const SQL: &str =
        concat!("INSERT INTO connection_events (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    let next = match kind {
        Kind::Sqlite => sqlx::query(NEXT),
        Kind::Postgres => sqlx::query(TURN).bind(format!("events {} {}", event.tenant, event.owner)),
    };
    let next = next.fetch_one(&mut *tx).await?;
    let event = EventRow { seq: next.try_get("seq")?, xact: next.try_get("xact")?, ..event };
    sqlx::query(SQL)
        .bind(&event.id)
        .bind(event.seq)
        .bind(event.xact)
        .bind(event.tenant.as_str())
        .bind(event.owner.as_str())
        .bind(&event.kind)
        .bind(&event.payload)
        .bind(event.created_at)
        .execute(tx)
        .await?;
    Ok(event)
}

/// What every event that becomes visible from now on has at least as its `xact`.
///
/// # Errors
/// [`DbError::Query`].
pub async fn horizon(db: &Db) -> Result<i64, DbError> {
    let sql = match db.kind() {
        Kind::Sqlite => "SELECT last + 1 FROM event_sequence",
        Kind::Postgres => "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
    };
    Ok(sqlx::query(sql).fetch_one(&mut *db.reader(Party::Host).await?).await?.try_get(0)?)
}

/// Up to `limit` events of all owners beyond the one with this `xact` and `seq`, in the order of these.
///
/// # Errors
/// [`DbError::Query`].
pub async fn since(db: &Db, (xact, seq): (i64, i64), limit: i64) -> Result<Vec<EventRow>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM connection_events WHERE xact > $1 OR (xact = $1 AND seq > $2) ORDER BY xact, seq LIMIT $3"
    );
    let rows = sqlx::query(SQL).bind(xact).bind(seq).bind(limit).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Up to `limit` events of one owner beyond the place `seq`, in their order.
///
/// # Errors
/// [`DbError::Query`].
pub async fn of_owner_since(
    db: &Db,
    tenant: &TenantId,
    owner: &UserId,
    seq: i64,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM connection_events WHERE tenant_id = $1 AND owner_id = $2 AND seq > $3 ORDER BY seq LIMIT $4"
    );
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(seq).bind(limit);
    let rows = query.fetch_all(&mut *db.reader(tenant).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// The place after which an owner's events go on: that of the event `after`. If that is not there any more, the place before the
/// first event from `then` on, in milliseconds since 1970. Without `after`, the end.
///
/// # Errors
/// [`DbError::Query`].
pub async fn place(db: &Db, tenant: &TenantId, owner: &UserId, after: Option<(&str, i64)>) -> Result<i64, DbError> {
    const END: &str = "SELECT COALESCE(MAX(seq), 0) FROM connection_events WHERE tenant_id = $1 AND owner_id = $2";
    const OF: &str = "SELECT seq FROM connection_events WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    const FROM: &str = "SELECT MIN(seq) - 1 FROM connection_events \
        WHERE tenant_id = $1 AND owner_id = $2 AND created_at >= $3";
    let mut reader = db.reader(tenant).await?;
    if let Some((id, then)) = after {
        let of = sqlx::query(OF).bind(tenant.as_str()).bind(owner.as_str()).bind(id);
        if let Some(row) = of.fetch_optional(&mut *reader).await? {
            return Ok(row.try_get(0)?);
        }
        let from = sqlx::query(FROM).bind(tenant.as_str()).bind(owner.as_str()).bind(then);
        if let Some(seq) = from.fetch_one(&mut *reader).await?.try_get(0)? {
            return Ok(seq);
        }
    }
    let end = sqlx::query(END).bind(tenant.as_str()).bind(owner.as_str());
    Ok(end.fetch_one(&mut *reader).await?.try_get(0)?)
}

/// Removes the oldest `count` events of an owner, with what was recorded of their deliveries; those on their way stay.
pub async fn drop_oldest(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId, count: i64) -> Result<(), DbError> {
    const LAST: &str = "SELECT MAX(seq) FROM (SELECT seq FROM connection_events \
        WHERE tenant_id = $1 AND owner_id = $2 ORDER BY seq LIMIT $3) AS oldest";
    const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE endpoint_id IN \
        (SELECT id FROM webhook_endpoints WHERE tenant_id = $1 AND owner_id = $2) \
        AND status IN ('DELIVERED', 'DEAD') AND seq <= $3";
    const EVENTS: &str = "DELETE FROM connection_events WHERE tenant_id = $1 AND owner_id = $2 AND seq <= $3";
    let last = sqlx::query(LAST).bind(tenant.as_str()).bind(owner.as_str()).bind(count).fetch_one(&mut *tx).await?;
    let Some(last) = last.try_get::<Option<i64>, _>(0)? else { return Ok(()) };
    for sql in [DELIVERIES, EVENTS] {
        sqlx::query(sql).bind(tenant.as_str()).bind(owner.as_str()).bind(last).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Removes the events from before `before`. Returns their number.
pub async fn delete_before(db: &Db, before: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM connection_events WHERE id IN \
        (SELECT id FROM connection_events WHERE created_at < $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(before).bind(most)).await
}

fn read(row: &AnyRow) -> Result<EventRow, sqlx::Error> {
    Ok(EventRow {
        id: row.try_get("id")?,
        seq: row.try_get("seq")?,
        xact: row.try_get("xact")?,
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        owner: row.try_get::<String, _>("owner_id")?.into(),
        kind: row.try_get("type")?,
        payload: row.try_get("payload")?,
        created_at: row.try_get("created_at")?,
    })
}
