//! Event endpoints and their deliveries: tables `webhook_endpoints` and
//! `webhook_deliveries`.
//!
//! A delivery is due when it is the oldest PENDING one of its endpoint, its time has come, and no host has claimed it.
//! So an endpoint gets its events one at a time and in order. Which of those that are due go first is in
//! [`queue`](crate::queue).

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _, any::AnyRow};
use uuid::Uuid;

use crate::{Db, DbError, EventRow, Kind, Party};

/// An event endpoint of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Row id.
    pub id: String,
    /// The address.
    pub url: String,
    /// JSON list of types; empty for all.
    pub events: String,
    /// When its receiver responded 410 Gone.
    pub disabled_at: Option<i64>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// The delivery of one event, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Row id.
    pub id: String,
    /// The event.
    pub event_id: String,
    /// Its type.
    pub kind: String,
    /// `PENDING`, `DELIVERED` or `DEAD`.
    pub status: String,
    /// The number of attempts.
    pub attempts: i64,
    /// When it is sent next, if it is PENDING.
    pub next_at: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the event happened.
    pub created_at: i64,
    /// When it was last sent or retried.
    pub updated_at: i64,
}

/// A delivery that this host may send now: the claim is exclusive until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Row id.
    pub id: String,
    /// The endpoint.
    pub endpoint: String,
    /// The endpoint's tenant.
    pub tenant: TenantId,
    /// The address.
    pub url: String,
    /// The endpoint's sealed secret.
    pub secret: String,
    /// The event.
    pub event_id: String,
    /// The JSON text to send.
    pub payload: String,
    /// Counts this attempt.
    pub attempt: i64,
    /// When the claim expires.
    pub until: i64,
    /// Whether the endpoint counts as slow.
    pub slow: bool,
    /// Events of the endpoint that were given up since the last one that was taken.
    pub dropped: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The receiver accepted it.
    Delivered,
    /// It is sent again at that time.
    Again {
        /// In milliseconds since 1970.
        at: i64,
        /// What happened.
        error: &'a str,
    },
    /// It is given up.
    Dead {
        /// What happened.
        error: &'a str,
    },
}

/// The outcome of a request to send a delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It is pending again.
    Pending(DeliveryRow),
    /// The receiver has accepted it already.
    Delivered,
    /// The owner has no such endpoint or delivery.
    Missing,
}

macro_rules! delivery {
    () => {
        "d.id, d.event_id, d.type, d.status, d.attempts, d.next_at, d.last_error, d.created_at, d.updated_at"
    };
}

/// Adds a delivery of `event` for each endpoint of its owner that wants it. Returns how many events were given up for it:
/// when `most` wait for an endpoint already, the oldest of them that was never sent is, or this one if there is none.
pub async fn enqueue(tx: &mut AnyConnection, kind: Kind, event: &EventRow, most: u64) -> Result<u64, DbError> {
    macro_rules! wanted {
        () => {
            "SELECT id, events FROM webhook_endpoints WHERE tenant_id = $1 AND owner_id = $2 AND disabled_at IS NULL"
        };
    }
    const INSERT: &str = "INSERT INTO webhook_deliveries \
        (id, endpoint_id, event_id, type, payload, status, last_error, next_at, created_at, updated_at, seq) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $9)";
    let sql = match kind {
        Kind::Sqlite => wanted!(),
        // Locks the endpoints: a concurrent removal would make the change of the connection fail.
        Kind::Postgres => concat!(wanted!(), " FOR KEY SHARE"),
    };
    let query = sqlx::query(sql).bind(event.tenant.as_str()).bind(event.owner.as_str());
    let mut dropped = 0;
    for row in query.fetch_all(&mut *tx).await? {
        let events: Vec<String> = serde_json::from_str(&row.try_get::<String, _>("events")?).unwrap_or_default();
        if !events.is_empty() && !events.contains(&event.kind) {
            continue;
        }
        let endpoint: String = row.try_get("id")?;
        let room = make_room(&mut *tx, &endpoint, event.created_at, most).await?;
        dropped += u64::from(room != Room::Free);
        let (status, error) = match room {
            Room::Free | Room::Made => ("PENDING", None),
            Room::None => ("DEAD", Some(TOO_MANY)),
        };
        sqlx::query(INSERT)
            .bind(Uuid::now_v7().to_string())
            .bind(endpoint)
            .bind(&event.id)
            .bind(&event.kind)
            .bind(&event.payload)
            .bind(status)
            .bind(error)
            .bind(event.created_at)
            .bind(event.seq)
            .execute(&mut *tx)
            .await?;
    }
    Ok(dropped)
}

/// Why an event was given up while others waited.
const TOO_MANY: &str = "too many events waited for this endpoint";

#[derive(PartialEq, Eq)]
enum Room {
    Free,
    Made,
    None,
}

/// Gives up the oldest event that waits for an endpoint, if `most` do. One that is being sent, or was sent before, stays: its
/// attempts keep their pace.
async fn make_room(tx: &mut AnyConnection, endpoint: &str, now: i64, most: u64) -> Result<Room, DbError> {
    const COUNT: &str = "SELECT COUNT(*) FROM \
        (SELECT 1 AS one FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'PENDING' LIMIT $2) AS waiting";
    // The endpoint first: disabling and removing take the locks in this order too.
    const TELL: &str = "UPDATE webhook_endpoints SET dropped = dropped + 1 WHERE id = $1";
    const GIVE_UP: &str = "UPDATE webhook_deliveries SET status = 'DEAD', last_error = $1, updated_at = $2 WHERE id = \
        (SELECT id FROM webhook_deliveries WHERE endpoint_id = $3 AND status = 'PENDING' AND attempts = 0 \
        ORDER BY seq, event_id LIMIT 1) AND status = 'PENDING' AND attempts = 0";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let waiting: i64 = sqlx::query(COUNT).bind(endpoint).bind(most).fetch_one(&mut *tx).await?.try_get(0)?;
    if waiting < most {
        return Ok(Room::Free);
    }
    sqlx::query(TELL).bind(endpoint).execute(&mut *tx).await?;
    let given_up = sqlx::query(GIVE_UP).bind(TOO_MANY).bind(now).bind(endpoint).execute(&mut *tx).await?;
    Ok(if given_up.rows_affected() == 1 { Room::Made } else { Room::None })
}

/// Moves the endpoints of one user to another of the same tenant, with what waits for them.
pub async fn hand_over(tx: &mut AnyConnection, tenant: &TenantId, from: &UserId, to: &UserId) -> Result<(), DbError> {
    const SQL: &str = "UPDATE webhook_endpoints SET owner_id = $1 WHERE tenant_id = $2 AND owner_id = $3";
    sqlx::query(SQL).bind(to.as_str()).bind(tenant.as_str()).bind(from.as_str()).execute(tx).await?;
    Ok(())
}

/// Adds an endpoint with its sealed secret. The owner must exist in `users`; how many endpoints it may have is for the caller
/// to check, in the same transaction.
pub async fn insert(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
    endpoint: &EndpointRow,
    sealed: (&str, &str),
) -> Result<(), DbError> {
    const INSERT: &str = "INSERT INTO webhook_endpoints \
        (id, tenant_id, owner_id, url, secret, key_id, events, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(INSERT)
        .bind(&endpoint.id)
        .bind(tenant.as_str())
        .bind(owner.as_str())
        .bind(&endpoint.url)
        .bind(sealed.0)
        .bind(sealed.1)
        .bind(&endpoint.events)
        .bind(endpoint.created_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// The owner's endpoints, oldest first.
pub async fn list(db: &Db, tenant: &TenantId, owner: &UserId) -> Result<Vec<EndpointRow>, DbError> {
    const SQL: &str = "SELECT id, url, events, disabled_at, created_at FROM webhook_endpoints \
        WHERE tenant_id = $1 AND owner_id = $2 ORDER BY created_at, id";
    let rows =
        sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).fetch_all(&mut *db.reader(tenant).await?).await?;
    let read = |row: &AnyRow| {
        Ok(EndpointRow {
            id: row.try_get("id")?,
            url: row.try_get("url")?,
            events: row.try_get("events")?,
            disabled_at: row.try_get("disabled_at")?,
            created_at: row.try_get("created_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?)
}

/// Removes an endpoint of the owner with its pending deliveries. Returns whether it existed.
pub async fn remove(db: &Db, tenant: &TenantId, owner: &UserId, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM webhook_endpoints WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(id);
    Ok(query.execute(&mut *db.writer(tenant).await?).await?.rows_affected() == 1)
}

/// Up to `limit` deliveries of an endpoint of the owner, of one status or of all, the newest event first; `None` when
/// the owner has no such endpoint.
pub async fn deliveries(
    db: &Db,
    tenant: &TenantId,
    owner: &UserId,
    endpoint: &str,
    status: Option<&str>,
    limit: i64,
) -> Result<Option<Vec<DeliveryRow>>, DbError> {
    const OWNED: &str = "SELECT id FROM webhook_endpoints WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    const SQL: &str = concat!(
        "SELECT ",
        delivery!(),
        " FROM webhook_deliveries d WHERE d.endpoint_id = $1 AND (CAST($2 AS TEXT) IS NULL OR d.status = $2) \
         ORDER BY d.seq DESC, d.event_id DESC LIMIT $3"
    );
    let owned = sqlx::query(OWNED).bind(tenant.as_str()).bind(owner.as_str()).bind(endpoint);
    let mut reader = db.reader(tenant).await?;
    if owned.fetch_optional(&mut *reader).await?.is_none() {
        return Ok(None);
    }
    let rows = sqlx::query(SQL).bind(endpoint).bind(status).bind(limit).fetch_all(&mut *reader).await?;
    Ok(Some(rows.iter().map(read).collect::<Result<_, _>>()?))
}

/// Retries a delivery of the owner now; one that was given up has all its attempts again. A disabled endpoint is enabled.
pub async fn retry(
    db: &Db,
    tenant: &TenantId,
    owner: &UserId,
    endpoint: &str,
    id: &str,
    now: i64,
) -> Result<Retried, DbError> {
    // The endpoint first: disabling and removing take the locks in this order too.
    const ENABLE: &str =
        "UPDATE webhook_endpoints SET disabled_at = NULL WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    const SQL: &str = "UPDATE webhook_deliveries SET status = 'PENDING', next_at = $1, updated_at = $1, \
        attempts = CASE WHEN status = 'DEAD' THEN 0 ELSE attempts END \
        WHERE id = $2 AND endpoint_id = $3 AND status <> 'DELIVERED'";
    const READ: &str =
        concat!("SELECT ", delivery!(), " FROM webhook_deliveries d WHERE d.id = $1 AND d.endpoint_id = $2");
    let mut tx = db.begin(tenant).await?;
    let owned = sqlx::query(ENABLE).bind(tenant.as_str()).bind(owner.as_str()).bind(endpoint);
    if owned.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(Retried::Missing);
    }
    let done = sqlx::query(SQL).bind(now).bind(id).bind(endpoint).execute(&mut *tx).await?.rows_affected();
    let row = sqlx::query(READ).bind(id).bind(endpoint).fetch_optional(&mut *tx).await?;
    Ok(match (row, done) {
        (None, _) => Retried::Missing,
        (Some(_), 0) => Retried::Delivered,
        (Some(row), _) => {
            let row = read(&row)?;
            tx.commit().await?;
            Retried::Pending(row)
        }
    })
}

/// Records the outcome of an attempt, if its claim is still valid, and whether the endpoint counts as slow from now on.
/// Returns whether the claim is valid.
pub async fn settle(db: &Db, claimed: &Claimed, outcome: Outcome<'_>, slow: bool, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE webhook_deliveries SET status = $1, next_at = $2, last_error = $3, claimed_until = 0, \
        updated_at = $4 WHERE id = $5 AND attempts = $6 AND claimed_until = $7";
    const SLOW: &str = "UPDATE webhook_endpoints SET slow = $1 WHERE id = $2";
    const TOLD: &str = "UPDATE webhook_endpoints SET dropped = dropped - $1 WHERE id = $2";
    let (status, next_at, error) = match outcome {
        Outcome::Delivered => ("DELIVERED", now, None),
        Outcome::Again { at, error } => ("PENDING", at, Some(error)),
        Outcome::Dead { error } => ("DEAD", now, Some(error)),
    };
    let mut writer = db.writer(&claimed.tenant).await?;
    if slow != claimed.slow {
        // First: the next delivery may be due the moment that this one is settled.
        sqlx::query(SLOW).bind(i64::from(slow)).bind(&claimed.endpoint).execute(&mut *writer).await?;
    }
    let query = sqlx::query(SQL).bind(status).bind(next_at).bind(error).bind(now);
    let query = query.bind(&claimed.id).bind(claimed.attempt).bind(claimed.until);
    let valid = query.execute(&mut *writer).await?.rows_affected() == 1;
    if valid && outcome == Outcome::Delivered && claimed.dropped > 0 {
        // A host that dies before this tells the same number once more.
        sqlx::query(TOLD).bind(claimed.dropped).bind(&claimed.endpoint).execute(&mut *writer).await?;
    }
    Ok(valid)
}

/// Sends nothing more to an endpoint, and gives up what is on its way there.
pub async fn disable(db: &Db, endpoint: &str, error: &str, now: i64) -> Result<(), DbError> {
    const DISABLE: &str = "UPDATE webhook_endpoints SET disabled_at = $1 WHERE id = $2";
    const GIVE_UP: &str = "UPDATE webhook_deliveries SET status = 'DEAD', last_error = $1, claimed_until = 0, \
        updated_at = $2 WHERE endpoint_id = $3 AND status = 'PENDING'";
    let mut tx = db.begin(Party::Host).await?;
    sqlx::query(DISABLE).bind(now).bind(endpoint).execute(&mut *tx).await?;
    sqlx::query(GIVE_UP).bind(error).bind(now).bind(endpoint).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives up deliveries that have waited behind others since before `before` without being sent. Returns their number.
/// Otherwise the backlog of an endpoint that never responds would only grow.
pub async fn expire(db: &Db, before: i64, error: &str, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "UPDATE webhook_deliveries SET status = 'DEAD', last_error = $1, updated_at = $2 WHERE id IN \
        (SELECT id FROM webhook_deliveries WHERE status = 'PENDING' AND attempts = 0 AND updated_at < $3 LIMIT $4)";
    db.in_steps(|most| sqlx::query(SQL).bind(error).bind(now).bind(before).bind(most)).await
}

/// Removes deliveries that were made before one time, and those that were given up before another. Returns their
/// number.
pub async fn clean(db: &Db, delivered_before: i64, dead_before: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
        WHERE (status = 'DELIVERED' AND updated_at < $1) OR (status = 'DEAD' AND updated_at < $2) LIMIT $3)";
    db.in_steps(|most| sqlx::query(SQL).bind(delivered_before).bind(dead_before).bind(most)).await
}

fn read(row: &AnyRow) -> Result<DeliveryRow, sqlx::Error> {
    Ok(DeliveryRow {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        kind: row.try_get("type")?,
        status: row.try_get("status")?,
        attempts: row.try_get("attempts")?,
        next_at: row.try_get("next_at")?,
        last_error: row.try_get("last_error")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
