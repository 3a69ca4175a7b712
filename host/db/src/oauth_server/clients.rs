//! Clients of the authorization server: table `oauth_clients`.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// The `client_id`.
    pub id: String,
    /// The tenant that it is for; empty for all tenants.
    pub tenant: TenantId,
    /// Who registered it.
    pub owner: UserId,
    /// What people see.
    pub name: String,
    /// What it may do, as JSON.
    pub settings: String,
    /// Hashes of its secrets, as JSON.
    pub secrets: String,
    /// What signs its codes, encrypted.
    pub code_secrets: String,
    /// The key that they are encrypted with.
    pub key_id: String,
    /// Whether it may do anything.
    pub active: bool,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// In milliseconds since 1970.
    pub updated_at: i64,
    /// When it ends by itself, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

macro_rules! columns {
    () => {
        "id, tenant_id, owner_id, name, settings, secrets, code_secrets, key_id, active, created_at, updated_at, expires_at"
    };
}

/// Adds a client. How many its tenant may have is for the caller to check, in the same transaction.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(tx: &mut AnyConnection, client: &ClientRow) -> Result<(), DbError> {
    const SQL: &str = concat!(
        "INSERT INTO oauth_clients (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    sqlx::query(SQL)
        .bind(&client.id)
        .bind(client.tenant.as_str())
        .bind(client.owner.as_str())
        .bind(&client.name)
        .bind(&client.settings)
        .bind(&client.secrets)
        .bind(&client.code_secrets)
        .bind(&client.key_id)
        .bind(i64::from(client.active))
        .bind(client.created_at)
        .bind(client.updated_at)
        .bind(client.expires_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Replaces what of a client can change, if nobody changed it since it was read. Returns whether it did.
///
/// # Errors
/// [`DbError::Query`].
pub async fn update(db: &Db, client: &ClientRow, read_at: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE oauth_clients SET name = $1, settings = $2, secrets = $3, code_secrets = $4, key_id = $5, \
        active = $6, updated_at = $7 WHERE id = $8 AND updated_at = $9";
    let done = sqlx::query(SQL)
        .bind(&client.name)
        .bind(&client.settings)
        .bind(&client.secrets)
        .bind(&client.code_secrets)
        .bind(&client.key_id)
        .bind(i64::from(client.active))
        .bind(client.updated_at)
        .bind(&client.id)
        .bind(read_at)
        .execute(&mut *db.writer(&client.tenant).await?)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The client with this id, unless it has ended.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, id: &str, now: i64) -> Result<Option<ClientRow>, DbError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM oauth_clients WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)");
    let row = sqlx::query(SQL).bind(id).bind(now).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Clients of a tenant in the order of their registration, beyond `skip` of them, and how many there are.
///
/// # Errors
/// [`DbError::Query`].
pub async fn page(db: &Db, tenant: &TenantId, skip: i64, limit: i64) -> Result<(Vec<ClientRow>, i64), DbError> {
    const COUNT: &str = "SELECT COUNT(*) FROM oauth_clients WHERE tenant_id = $1";
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM oauth_clients WHERE tenant_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3"
    );
    let mut reader = db.reader(tenant).await?;
    let total = sqlx::query(COUNT).bind(tenant.as_str()).fetch_one(&mut *reader).await?.try_get(0)?;
    let rows = sqlx::query(SQL).bind(tenant.as_str()).bind(limit).bind(skip).fetch_all(&mut *reader).await?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

/// Removes a client of a tenant. Returns whether there was one.
pub async fn delete(tx: &mut AnyConnection, tenant: &TenantId, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM oauth_clients WHERE tenant_id = $1 AND id = $2";
    Ok(sqlx::query(SQL).bind(tenant.as_str()).bind(id).execute(tx).await?.rows_affected() == 1)
}

/// Removes clients that have ended. Returns their number.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    const SQL: &str =
        "DELETE FROM oauth_clients WHERE id IN (SELECT id FROM oauth_clients WHERE expires_at <= $1 LIMIT $2)";
    db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
}

fn read(row: &AnyRow) -> Result<ClientRow, sqlx::Error> {
    Ok(ClientRow {
        id: row.try_get("id")?,
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        owner: row.try_get::<String, _>("owner_id")?.into(),
        name: row.try_get("name")?,
        settings: row.try_get("settings")?,
        secrets: row.try_get("secrets")?,
        code_secrets: row.try_get("code_secrets")?,
        key_id: row.try_get("key_id")?,
        active: row.try_get::<i64, _>("active")? != 0,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
