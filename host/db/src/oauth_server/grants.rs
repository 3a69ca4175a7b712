//! What users allowed clients, and the refresh tokens for it: tables `oauth_grants` and `oauth_refresh_tokens`.

use leno_base::{Owner, TenantId, UserId};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// What a user allowed a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Row id.
    pub id: String,
    /// Who allowed it.
    pub owner: Owner,
    /// Whom.
    pub client_id: String,
    /// What, as scope tokens with spaces between them.
    pub scope: String,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// Who the user is, as JSON.
    pub subject: String,
    /// SHA-256 of the `jti` of the code, in hexadecimal.
    pub code_hash: String,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// When a token was last issued.
    pub used_at: i64,
    /// When the last access token ends.
    pub access_until: i64,
    /// When the grant ends.
    pub expires_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

/// A refresh token, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken<'a> {
    /// SHA-256 of the token, in hexadecimal.
    pub hash: &'a str,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
}

/// What became of a refresh token that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    /// It is used up from now on. The grant that it belongs to.
    Now(GrantRow),
    /// It was used before, at that time: the grant is not safe.
    Before {
        /// The grant.
        grant: GrantRow,
        /// In milliseconds since 1970.
        at: i64,
    },
    /// It is not known, or has ended, or its grant was revoked.
    Unknown,
}

macro_rules! columns {
    () => {
        "g.id, g.tenant_id, g.owner_id, g.client_id, g.scope, g.resource, g.subject, g.code_hash, g.created_at, g.used_at, \
         g.access_until, g.expires_at, g.revoked_at"
    };
}

/// Keeps a grant. How many its user may have is for the caller to check, in the same transaction. Returns false if there is one
/// for the same code.
///
/// # Errors
/// [`DbError::Query`].
pub async fn insert(tx: &mut AnyConnection, grant: &GrantRow) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO oauth_grants (id, tenant_id, owner_id, client_id, scope, resource, subject, code_hash, \
        created_at, used_at, access_until, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
        ON CONFLICT (code_hash) DO NOTHING";
    let done = sqlx::query(SQL)
        .bind(&grant.id)
        .bind(grant.owner.tenant.as_str())
        .bind(grant.owner.user.as_str())
        .bind(&grant.client_id)
        .bind(&grant.scope)
        .bind(&grant.resource)
        .bind(&grant.subject)
        .bind(&grant.code_hash)
        .bind(grant.created_at)
        .bind(grant.used_at)
        .bind(grant.access_until)
        .bind(grant.expires_at)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a refresh token to a grant.
///
/// # Errors
/// [`DbError::Query`].
pub async fn add_token(tx: &mut AnyConnection, grant: &str, token: &RefreshToken<'_>) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO oauth_refresh_tokens (token_hash, grant_id, expires_at) VALUES ($1, $2, $3)";
    sqlx::query(SQL).bind(token.hash).bind(grant).bind(token.expires_at).execute(tx).await?;
    Ok(())
}

/// Uses up a refresh token of `client`: once, also under concurrency.
///
/// # Errors
/// [`DbError::Query`].
pub async fn spend(tx: &mut AnyConnection, hash: &str, client: &str, now: i64) -> Result<Spent, DbError> {
    const SQL: &str = "UPDATE oauth_refresh_tokens SET used_at = $1 WHERE token_hash = $2 AND used_at IS NULL \
        AND expires_at > $1 AND grant_id IN (SELECT id FROM oauth_grants WHERE client_id = $3 AND revoked_at IS NULL)";
    const FIND: &str = concat!(
        "SELECT t.used_at AS spent_at, ",
        columns!(),
        " FROM oauth_refresh_tokens t JOIN oauth_grants g ON g.id = t.grant_id \
         WHERE t.token_hash = $1 AND g.client_id = $2 AND t.expires_at > $3 AND g.revoked_at IS NULL"
    );
    let done = sqlx::query(SQL).bind(now).bind(hash).bind(client).execute(&mut *tx).await?;
    let row = sqlx::query(FIND).bind(hash).bind(client).bind(now).fetch_optional(tx).await?;
    Ok(match (row, done.rows_affected()) {
        (None, _) => Spent::Unknown,
        (Some(row), 1) => Spent::Now(read(&row)?),
        (Some(row), _) => Spent::Before { grant: read(&row)?, at: row.try_get("spent_at")? },
    })
}

/// Notes that tokens were issued for a grant.
///
/// # Errors
/// [`DbError::Query`].
pub async fn used(
    tx: &mut AnyConnection,
    grant: &str,
    now: i64,
    access_until: i64,
    expires_at: i64,
) -> Result<(), DbError> {
    const SQL: &str = "UPDATE oauth_grants SET used_at = $1, expires_at = $4, \
        access_until = CASE WHEN access_until > $2 THEN access_until ELSE $2 END WHERE id = $3";
    sqlx::query(SQL).bind(now).bind(access_until).bind(grant).bind(expires_at).execute(tx).await?;
    Ok(())
}

/// Revokes a grant. Returns it if it was not revoked before.
///
/// # Errors
/// [`DbError::Query`].
pub async fn revoke(tx: &mut AnyConnection, id: &str, now: i64) -> Result<Option<GrantRow>, DbError> {
    const SQL: &str = "UPDATE oauth_grants SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    const FIND: &str = concat!("SELECT ", columns!(), " FROM oauth_grants g WHERE g.id = $1");
    if sqlx::query(SQL).bind(now).bind(id).execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(None);
    }
    let row = sqlx::query(FIND).bind(id).fetch_optional(tx).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Revokes every grant of a client. Returns how many.
///
/// # Errors
/// [`DbError::Query`].
pub async fn revoke_of_client(tx: &mut AnyConnection, client: &str, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "UPDATE oauth_grants SET revoked_at = $1 WHERE client_id = $2 AND revoked_at IS NULL";
    Ok(sqlx::query(SQL).bind(now).bind(client).execute(tx).await?.rows_affected())
}

/// The grant that a code gave.
///
/// # Errors
/// [`DbError::Query`].
pub async fn of_code(db: &Db, code_hash: &str) -> Result<Option<GrantRow>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM oauth_grants g WHERE g.code_hash = $1");
    let row = sqlx::query(SQL).bind(code_hash).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The grant that a refresh token belongs to, and when the token ends, unless it has ended or was used.
///
/// # Errors
/// [`DbError::Query`].
pub async fn of_token(db: &Db, hash: &str, now: i64) -> Result<Option<(GrantRow, i64)>, DbError> {
    const SQL: &str = concat!(
        "SELECT t.expires_at AS ends_at, ",
        columns!(),
        " FROM oauth_refresh_tokens t JOIN oauth_grants g ON g.id = t.grant_id \
         WHERE t.token_hash = $1 AND t.used_at IS NULL AND t.expires_at > $2"
    );
    let row = sqlx::query(SQL).bind(hash).bind(now).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.as_ref().map(|row| Ok::<_, sqlx::Error>((read(row)?, row.try_get("ends_at")?))).transpose()?)
}

/// A grant.
///
/// # Errors
/// [`DbError::Query`].
pub async fn find(db: &Db, id: &str) -> Result<Option<GrantRow>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM oauth_grants g WHERE g.id = $1");
    let row = sqlx::query(SQL).bind(id).fetch_optional(&mut *db.reader(Party::Host).await?).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// What a user allows at present, the latest first.
///
/// # Errors
/// [`DbError::Query`].
pub async fn of_owner(db: &Db, owner: &Owner, now: i64, limit: i64) -> Result<Vec<GrantRow>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM oauth_grants g WHERE g.tenant_id = $1 AND g.owner_id = $2 AND g.revoked_at IS NULL AND g.expires_at > $3 \
         ORDER BY g.created_at DESC, g.id DESC LIMIT $4"
    );
    let rows = sqlx::query(SQL)
        .bind(owner.tenant.as_str())
        .bind(owner.user.as_str())
        .bind(now)
        .bind(limit)
        .fetch_all(&mut *db.reader(&owner.tenant).await?)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Revoked grants of which an access token may not have ended, that were revoked at or after `since`: id and when the last
/// token ends.
///
/// # Errors
/// [`DbError::Query`].
pub async fn revoked_since(db: &Db, since: i64, now: i64) -> Result<Vec<(String, i64)>, DbError> {
    const SQL: &str = "SELECT id, access_until FROM oauth_grants WHERE revoked_at >= $1 AND access_until > $2";
    let rows = sqlx::query(SQL).bind(since).bind(now).fetch_all(&mut *db.reader(Party::Host).await?).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}

/// Removes grants that have ended, with their tokens, and tokens that have ended. Returns the number of rows.
///
/// # Errors
/// [`DbError::Query`].
pub async fn delete_expired(db: &Db, now: i64) -> Result<u64, DbError> {
    // A revoked grant is kept for as long as an access token may be shown.
    const GRANTS: &str = "DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants \
        WHERE (expires_at <= $1 OR revoked_at IS NOT NULL) AND access_until <= $1 LIMIT $2)";
    const TOKENS: &str = "DELETE FROM oauth_refresh_tokens WHERE token_hash IN \
        (SELECT token_hash FROM oauth_refresh_tokens WHERE expires_at <= $1 LIMIT $2)";
    let grants = db.in_steps(|most| sqlx::query(GRANTS).bind(now).bind(most)).await?;
    Ok(grants + db.in_steps(|most| sqlx::query(TOKENS).bind(now).bind(most)).await?)
}

/// Revokes what a user allowed, and forgets who the user was. The rows stay for as long as an access token may be shown. Returns
/// how many.
pub(crate) async fn forget(tx: &mut AnyConnection, tenant: &TenantId, user: &UserId, now: i64) -> Result<u64, DbError> {
    const SQL: &str = "UPDATE oauth_grants SET subject = '{}', revoked_at = COALESCE(revoked_at, $1) \
        WHERE tenant_id = $2 AND owner_id = $3 AND subject <> '{}'";
    let query = sqlx::query(SQL).bind(now).bind(tenant.as_str()).bind(user.as_str());
    Ok(query.execute(tx).await?.rows_affected())
}

fn read(row: &AnyRow) -> Result<GrantRow, sqlx::Error> {
    let owner = Owner {
        tenant: row.try_get::<String, _>("tenant_id")?.into(),
        user: row.try_get::<String, _>("owner_id")?.into(),
    };
    Ok(GrantRow {
        id: row.try_get("id")?,
        owner,
        client_id: row.try_get("client_id")?,
        scope: row.try_get("scope")?,
        resource: row.try_get("resource")?,
        subject: row.try_get("subject")?,
        code_hash: row.try_get("code_hash")?,
        created_at: row.try_get("created_at")?,
        used_at: row.try_get("used_at")?,
        access_until: row.try_get("access_until")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
