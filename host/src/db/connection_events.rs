//! What happened to connections, for their owners, and on its way to their webhooks: tables `connection_events`,
//! `webhook_endpoints`, `webhook_deliveries`.

use sqlx::AnyConnection;

use super::{DbError, TenantId, UserId};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// Unique, and later ones are greater (UUID version 7).
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// Whose connection it is.
    pub owner: UserId,
    /// `connection.created`, …
    pub kind: String,
    /// The JSON text that is sent.
    pub payload: String,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// Adds an event, and a delivery for each of the owner's endpoints, in the transaction of what it tells about.
pub(crate) async fn append(tx: &mut AnyConnection, event: &ConnectionEvent) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO connection_events (id, tenant_id, owner_id, type, payload, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
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
