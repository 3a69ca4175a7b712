//! Tickets by which a browser opens a stream of events: table `event_tickets`.

use leno_base::Owner;
use sqlx::{AnyConnection, Row as _};

use crate::{Db, DbError, Party};

/// Keeps a ticket until `expires_at`. How many its owner may have is for the caller to check, in the same transaction.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(
    tx: &mut AnyConnection,
    ticket_hash: &str,
    owner: &Owner,
    ends_at: i64,
    expires_at: i64,
) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO event_tickets (ticket_hash, tenant_id, owner_id, ends_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(SQL)
        .bind(ticket_hash)
        .bind(owner.tenant.as_str())
        .bind(owner.user.as_str())
        .bind(ends_at)
        .bind(expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes a ticket that has not expired: once, also under concurrency. Returns its owner, and when the stream is to end, in
/// milliseconds since 1970.
///
/// # Errors
/// [`DbError::Query`].
pub async fn take(db: &Db, ticket_hash: &str, now: i64) -> Result<Option<(Owner, i64)>, DbError> {
    const SQL: &str = "DELETE FROM event_tickets WHERE ticket_hash = $1 AND expires_at > $2 \
        RETURNING tenant_id, owner_id, ends_at";
    let query = sqlx::query(SQL).bind(ticket_hash).bind(now);
    let row = query.fetch_optional(&mut *db.writer(Party::Host).await?).await?;
    let read = |row: sqlx::any::AnyRow| -> Result<(Owner, i64), sqlx::Error> {
        let owner = Owner {
            tenant: row.try_get::<String, _>("tenant_id")?.into(),
            user: row.try_get::<String, _>("owner_id")?.into(),
        };
        Ok((owner, row.try_get("ends_at")?))
    };
    Ok(row.map(read).transpose()?)
}

/// Removes tickets that have expired. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "DELETE FROM event_tickets WHERE ticket_hash IN \
        (SELECT ticket_hash FROM event_tickets WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}
