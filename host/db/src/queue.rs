//! Whose turn it is among the pending deliveries of table `webhook_deliveries`.
//!
//! Owners take turns, and so do tenants: the first due delivery of each goes before the second of any. Endpoints whose last
//! attempt failed or took long go last.

use leno_base::Owner;
use sqlx::{Row as _, any::AnyRow};

use crate::{Db, DbError, Party, endpoints::Claimed};

/// The most deliveries of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Of one owner.
    pub owner: i64,
    /// Of one tenant.
    pub tenant: i64,
    /// Of all.
    pub all: i64,
}

/// A delivery that may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Row id.
    pub id: String,
    /// The endpoint.
    pub endpoint: String,
    /// The endpoint's owner.
    pub owner: Owner,
    /// The address.
    pub url: String,
    /// The endpoint's sealed secret.
    pub secret: String,
    /// Whether the last attempt at the endpoint failed or took long.
    pub slow: bool,
    /// Events of the endpoint that were given up since the last one that was taken.
    pub dropped: i64,
    /// How often it was sent.
    pub attempts: i64,
    /// When its last claim expired.
    pub claimed_until: i64,
}

/// The deliveries that are due, in the order of their turns.
///
/// # Errors
/// [`DbError::Query`].
pub async fn due(db: &Db, now: i64, most: Most) -> Result<Vec<Due>, DbError> {
    // Jumps over the index from one endpoint with pending deliveries to the next: what waits behind costs nothing. The
    // first delivery of each is looked up by itself, or PostgreSQL would join all that are pending.
    const SQL: &str = "WITH RECURSIVE busy (id) AS (\
        SELECT MIN(endpoint_id) FROM webhook_deliveries WHERE status = 'PENDING' \
        UNION ALL SELECT (SELECT MIN(endpoint_id) FROM webhook_deliveries \
        WHERE status = 'PENDING' AND endpoint_id > busy.id) FROM busy WHERE busy.id IS NOT NULL), \
        first AS MATERIALIZED (SELECT busy.id AS endpoint, (SELECT o.id FROM webhook_deliveries o \
        WHERE o.status = 'PENDING' AND o.endpoint_id = busy.id ORDER BY o.seq, o.event_id LIMIT 1) AS delivery \
        FROM busy WHERE busy.id IS NOT NULL), \
        due AS (SELECT d.id, d.endpoint_id, d.attempts, d.claimed_until, d.next_at, \
        e.tenant_id, e.owner_id, e.url, e.secret, e.slow, e.dropped, \
        ROW_NUMBER() OVER (PARTITION BY e.tenant_id, e.owner_id ORDER BY e.slow, d.next_at, d.id) AS turn \
        FROM first JOIN webhook_endpoints e ON e.id = first.endpoint JOIN webhook_deliveries d ON d.id = first.delivery \
        WHERE d.next_at <= $1 AND d.claimed_until <= $1), \
        fair AS (SELECT due.*, \
        ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY slow, turn, next_at, id) AS round \
        FROM due WHERE turn <= $2) \
        SELECT id, endpoint_id, attempts, claimed_until, tenant_id, owner_id, url, secret, slow, dropped \
        FROM fair WHERE round <= $3 ORDER BY slow, round, next_at, id LIMIT $4";
    let query = sqlx::query(SQL).bind(now).bind(most.owner).bind(most.tenant).bind(most.all);
    let rows = query.fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Claims a delivery until `until`. `None` when another host was quicker, or it is no longer due.
///
/// # Errors
/// [`DbError::Query`].
pub async fn claim(db: &Db, due: Due, now: i64, until: i64) -> Result<Option<Claimed>, DbError> {
    const SQL: &str = "UPDATE webhook_deliveries SET claimed_until = $1, attempts = attempts + 1, updated_at = $2 \
        WHERE id = $3 AND status = 'PENDING' AND attempts = $4 AND claimed_until = $5 AND next_at <= $2 \
        RETURNING event_id, payload";
    let query = sqlx::query(SQL).bind(until).bind(now).bind(&due.id).bind(due.attempts).bind(due.claimed_until);
    let Some(row) = query.fetch_optional(&mut *db.writer(Party::Host).await?).await? else { return Ok(None) };
    Ok(Some(Claimed {
        event_id: row.try_get("event_id")?,
        payload: row.try_get("payload")?,
        attempt: due.attempts + 1,
        until,
        id: due.id,
        endpoint: due.endpoint,
        tenant: due.owner.tenant,
        url: due.url,
        secret: due.secret,
        slow: due.slow,
        dropped: due.dropped,
    }))
}

fn read(row: &AnyRow) -> Result<Due, sqlx::Error> {
    Ok(Due {
        id: row.try_get("id")?,
        endpoint: row.try_get("endpoint_id")?,
        owner: Owner {
            tenant: row.try_get::<String, _>("tenant_id")?.into(),
            user: row.try_get::<String, _>("owner_id")?.into(),
        },
        url: row.try_get("url")?,
        secret: row.try_get("secret")?,
        slow: row.try_get::<i64, _>("slow")? != 0,
        dropped: row.try_get("dropped")?,
        attempts: row.try_get("attempts")?,
        claimed_until: row.try_get("claimed_until")?,
    })
}
