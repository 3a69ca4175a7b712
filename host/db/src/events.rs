//! The events of connections, for their owners: table `connection_events`.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use super::{Db, DbError, Party};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Unique, and later ones are greater (UUID version 7).
    pub id: String,
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
        "id, tenant_id, owner_id, type, payload, created_at"
    };
}

/// Adds an event in the transaction of the change that it reports.
pub async fn append(tx: &mut AnyConnection, event: &EventRow) -> Result<(), DbError> {
    const SQL: &str = concat!("INSERT INTO connection_events (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6)");
    sqlx::query(SQL)
        .bind(&event.id)
        .bind(event.tenant.as_str())
        .bind(event.owner.as_str())
        .bind(&event.kind)
        .bind(&event.payload)
        .bind(event.created_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Up to `limit` events of all owners with ids greater than `after`, in order.
pub async fn since(db: &Db, after: &str, limit: i64) -> Result<Vec<EventRow>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM connection_events WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sqlx::query(SQL).bind(after).bind(limit).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Up to `limit` events of one owner with ids beyond `after`, in their order.
pub async fn of_owner_since(
    db: &Db,
    tenant: &TenantId,
    owner: &UserId,
    after: &str,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM connection_events WHERE tenant_id = $1 AND owner_id = $2 AND id > $3 ORDER BY id LIMIT $4"
    );
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(after).bind(limit);
    let rows = query.fetch_all(&mut *db.reader(tenant).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Removes the oldest `count` events of an owner, with what was recorded of their deliveries; those on their way stay.
pub async fn drop_oldest(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId, count: i64) -> Result<(), DbError> {
    const LAST: &str = "SELECT MAX(id) FROM (SELECT id FROM connection_events \
        WHERE tenant_id = $1 AND owner_id = $2 ORDER BY id LIMIT $3) AS oldest";
    const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE endpoint_id IN \
        (SELECT id FROM webhook_endpoints WHERE tenant_id = $1 AND owner_id = $2) \
        AND status IN ('DELIVERED', 'DEAD') AND event_id <= $3";
    const EVENTS: &str = "DELETE FROM connection_events WHERE tenant_id = $1 AND owner_id = $2 AND id <= $3";
    let last = sqlx::query(LAST).bind(tenant.as_str()).bind(owner.as_str()).bind(count).fetch_one(&mut *tx).await?;
    let Some(last) = last.try_get::<Option<String>, _>(0)? else { return Ok(()) };
    for sql in [DELIVERIES, EVENTS] {
        sqlx::query(sql).bind(tenant.as_str()).bind(owner.as_str()).bind(&last).execute(&mut *tx).await?;
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
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        owner: row.try_get::<String, _>("owner_id")?.into(),
        kind: row.try_get("type")?,
        payload: row.try_get("payload")?,
        created_at: row.try_get("created_at")?,
    })
}
