//! OAuth clients that the operator registered: table `platform_oauth_apps`.

use leno_base::TenantId;
use sqlx::Row as _;

use crate::{Db, DbError};

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthApp {
    /// Row id.
    pub id: String,
    /// The tenant that it is for.
    pub tenant: TenantId,
    /// The piece's short name.
    pub piece_name: String,
    /// The client id at the provider.
    pub client_id: String,
    /// The client secret, encrypted.
    pub client_secret: String,
    /// The key that it is encrypted with.
    pub key_id: String,
    /// When it was registered.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

/// Registers a client, in place of the one that the tenant has for the piece. The row keeps its first id.
///
/// # Errors
/// [`DbError::Query`].
pub async fn put(db: &Db, app: &OAuthApp) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO platform_oauth_apps \
        (id, tenant_id, piece_name, client_id, client_secret, key_id, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (tenant_id, piece_name) DO UPDATE SET id = excluded.id, client_id = excluded.client_id, \
        client_secret = excluded.client_secret, key_id = excluded.key_id, updated_at = excluded.updated_at";
    sqlx::query(SQL)
        .bind(&app.id)
        .bind(app.tenant.as_str())
        .bind(&app.piece_name)
        .bind(&app.client_id)
        .bind(&app.client_secret)
        .bind(&app.key_id)
        .bind(app.created_at)
        .bind(app.updated_at)
        .execute(&mut *db.writer(&app.tenant).await?)
        .await?;
    Ok(())
}

/// The tenant's client for a piece.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, tenant: &TenantId, piece: &str) -> Result<Option<OAuthApp>, DbError> {
    const SQL: &str = "SELECT id, tenant_id, piece_name, client_id, client_secret, key_id, created_at, updated_at \
        FROM platform_oauth_apps WHERE tenant_id = $1 AND piece_name = $2";
    let row = sqlx::query(SQL).bind(tenant.as_str()).bind(piece).fetch_optional(&mut *db.reader(tenant).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The tenant's clients, by piece.
///
/// # Errors
/// [`DbError::Query`].
pub async fn list(db: &Db, tenant: &TenantId) -> Result<Vec<OAuthApp>, DbError> {
    const SQL: &str = "SELECT id, tenant_id, piece_name, client_id, client_secret, key_id, created_at, updated_at \
        FROM platform_oauth_apps WHERE tenant_id = $1 ORDER BY piece_name";
    let rows = sqlx::query(SQL).bind(tenant.as_str()).fetch_all(&mut *db.reader(tenant).await?).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Removes the tenant's client for a piece. Returns whether it existed.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete(db: &Db, tenant: &TenantId, piece: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM platform_oauth_apps WHERE tenant_id = $1 AND piece_name = $2";
    Ok(sqlx::query(SQL)
        .bind(tenant.as_str())
        .bind(piece)
        .execute(&mut *db.writer(tenant).await?)
        .await?
        .rows_affected()
        == 1)
}

fn read(row: &sqlx::any::AnyRow) -> Result<OAuthApp, sqlx::Error> {
    Ok(OAuthApp {
        id: row.try_get("id")?,
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        piece_name: row.try_get("piece_name")?,
        client_id: row.try_get("client_id")?,
        client_secret: row.try_get("client_secret")?,
        key_id: row.try_get("key_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
