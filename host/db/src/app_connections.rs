//! Connections as they are stored: table `app_connection`.
//!
//! Every statement names the tenant and the owner, but for those of the refresh and of key rotation, which work by id on
//! behalf of the host.
//!
//! `rev` grows with every change of the value, `edition` with every change by a user. A change names the number it was
//! based on, so of two concurrent changes one is refused. There are two numbers so that renaming a connection does not
//! make a refresh under way lose its tokens.

use std::{fmt, str::FromStr};

use leno_base::{TenantId, UserId};
use serde::Serialize;
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// One connection, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Row id.
    pub id: String,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The owner.
    pub owner_id: UserId,
    /// The name that flows use.
    pub external_id: String,
    /// The name shown to users.
    pub display_name: String,
    /// `SECRET_TEXT`, `OAUTH2`, …
    pub kind: String,
    /// Whether it can be used.
    pub status: ConnectionStatus,
    /// Why it is in `ERROR`, as a message for users.
    pub status_reason: Option<String>,
    /// Activepieces' platform.
    pub platform_id: Option<String>,
    /// As the client sent it.
    pub piece_name: String,
    /// The piece's version when it was made; `0.0.0` when the piece was unknown.
    pub piece_version: String,
    /// JSON list of texts.
    pub project_ids: String,
    /// `PROJECT` or `PLATFORM`.
    pub scope: String,
    /// Any JSON object; returned to clients.
    pub metadata: Option<String>,
    /// Grows with every change of the value: the fence of a refresh.
    pub rev: i64,
    /// Grows with every change by a user.
    pub edition: i64,
    /// When the access token ends, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// From when on it is refreshed; `None` when it cannot be.
    pub refresh_at: Option<i64>,
    /// When a refresh was started whose end is not recorded.
    pub refresh_started_at: Option<i64>,
    /// Refreshes that failed one after the other.
    pub refresh_failures: i64,
    /// Until when no further refresh is tried.
    pub retry_at: Option<i64>,
    /// Until when the lease is held.
    pub lease_until: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConnectionStatus {
    /// It can.
    Active,
    /// Imported flows refer to it, and it has no usable value.
    Missing,
    /// Its owner has to connect again.
    Error,
}

impl ConnectionStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Missing, Self::Error];

    /// The status as it is stored and shown: `ACTIVE`, `MISSING` or `ERROR`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Missing => "MISSING",
            Self::Error => "ERROR",
        }
    }
}

/// A text that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ACTIVE, MISSING or ERROR")]
pub struct InvalidStatus;

impl FromStr for ConnectionStatus {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(InvalidStatus)
    }
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ConnectionRow {
    /// A row that was never stored: active, of scope `PROJECT`, in no project. Times are in milliseconds since 1970.
    #[must_use]
    pub fn blank(id: String, tenant: TenantId, owner: UserId, external_id: String, created_at: i64) -> Self {
        Self {
            id,
            tenant_id: tenant,
            owner_id: owner,
            external_id,
            display_name: String::new(),
            kind: String::new(),
            status: ConnectionStatus::Active,
            status_reason: None,
            platform_id: None,
            piece_name: String::new(),
            piece_version: String::new(),
            project_ids: "[]".to_owned(),
            scope: "PROJECT".to_owned(),
            metadata: None,
            rev: 1,
            edition: 1,
            expires_at: None,
            refresh_at: None,
            refresh_started_at: None,
            refresh_failures: 0,
            retry_at: None,
            lease_until: 0,
            created_at,
            updated_at: created_at,
        }
    }
}

/// What a change of the value writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// `{iv, data, kid, mac}`.
    pub value: String,
    /// The key that it is encrypted with.
    pub key_id: String,
    /// See [`ConnectionRow::expires_at`].
    pub expires_at: Option<i64>,
    /// See [`ConnectionRow::refresh_at`].
    pub refresh_at: Option<i64>,
}

/// Which connections to list.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFilter {
    /// Both forms of the piece's name.
    pub piece_names: Option<[String; 2]>,
    /// A part of the display name, whatever its case.
    pub display_name: Option<String>,
    /// One of these; empty for all.
    pub statuses: Vec<ConnectionStatus>,
    /// `PROJECT` or `PLATFORM`.
    pub scope: Option<String>,
}

/// The position of a page: after the connection with this `created_at` and `id`.
pub type Position = (i64, String);

/// A lease on a connection, for a refresh: taken, or wished for.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'a> {
    /// The connection's tenant.
    pub tenant: &'a TenantId,
    /// The connection's row id.
    pub id: &'a str,
    /// Who has it.
    pub holder: &'a str,
}

/// The connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppConnections(Db);

macro_rules! facts {
    () => {
        "id, tenant_id, owner_id, external_id, display_name, type, status, status_reason, platform_id, piece_name, \
         piece_version, project_ids, scope, metadata, rev, edition, expires_at, refresh_at, refresh_started_at, refresh_failures, \
         retry_at, lease_until, created_at, updated_at"
    };
}

impl AppConnections {
    /// The connections in `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// The owner's connection with this row id.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn by_id(&self, tenant: &TenantId, owner: &UserId, id: &str) -> Result<Option<ConnectionRow>, DbError> {
        const SQL: &str =
            concat!("SELECT ", facts!(), " FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND id = $3");
        let row = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(id);
        Ok(row.fetch_optional(&mut *self.0.reader(tenant).await?).await?.map(|row| read(&row)).transpose()?)
    }

    /// The owner's connection with this external id, and its sealed value.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn with_value(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        external_id: &str,
    ) -> Result<Option<(ConnectionRow, String)>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            facts!(),
            ", value FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND external_id = $3"
        );
        let row = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(external_id);
        Ok(row.fetch_optional(&mut *self.0.reader(tenant).await?).await?.map(|row| with_value(&row)).transpose()?)
    }

    /// The owner's connection with this row id, and its sealed value.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn by_id_with_value(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        id: &str,
    ) -> Result<Option<(ConnectionRow, String)>, DbError> {
        owned_with_value(&mut *self.0.reader(tenant).await?, tenant, owner, id).await
    }

    /// Any connection by its row id, for the host's own work.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn any_with_value(&self, id: &str) -> Result<Option<(ConnectionRow, String)>, DbError> {
        const SQL: &str = concat!("SELECT ", facts!(), ", value FROM app_connection WHERE id = $1");
        let row = sqlx::query(SQL).bind(id).fetch_optional(&mut *self.0.reader(Party::Host).await?).await?;
        Ok(row.map(|row| with_value(&row)).transpose()?)
    }

    /// A page of the owner's connections, the newest first: at most `limit`, before `before` if given, after `after` if
    /// that is given (then in the opposite order).
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        filter: &ConnectionFilter,
        from: Option<&Position>,
        backwards: bool,
        limit: i64,
    ) -> Result<Vec<ConnectionRow>, DbError> {
        // The filter's parts are optional: a statement for all combinations, so that its text stays constant.
        macro_rules! page {
            ($beyond:literal, $order:literal) => {
                concat!(
                    "SELECT ",
                    facts!(),
                    " FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 \
                     AND (CAST($3 AS TEXT) IS NULL OR piece_name = $3 OR piece_name = $4) \
                     AND (CAST($5 AS TEXT) IS NULL OR LOWER(display_name) LIKE $5 ESCAPE '!') \
                     AND (CAST($6 AS TEXT) IS NULL OR status IN ($6, $7, $8)) \
                     AND (CAST($9 AS TEXT) IS NULL OR scope = $9) \
                     AND (CAST($10 AS BIGINT) IS NULL OR created_at ",
                    $beyond,
                    " $10 OR (created_at = $10 AND id ",
                    $beyond,
                    " $11)) ORDER BY created_at ",
                    $order,
                    ", id ",
                    $order,
                    " LIMIT $12"
                )
            };
        }
        let sql = if backwards { page!(">", "ASC") } else { page!("<", "DESC") };
        let names = filter.piece_names.as_ref();
        let statuses = &filter.statuses;
        let status = |at: usize| statuses.get(at).or(statuses.first()).map(|status| status.as_str());
        let rows = sqlx::query(sql)
            .bind(tenant.as_str())
            .bind(owner.as_str())
            .bind(names.map(|names| names[0].as_str()))
            .bind(names.map(|names| names[1].as_str()))
            .bind(filter.display_name.as_deref().map(contains))
            .bind(status(0))
            .bind(status(1))
            .bind(status(2))
            .bind(filter.scope.as_deref())
            .bind(from.map(|from| from.0))
            .bind(from.map(|from| from.1.as_str()))
            .bind(limit)
            .fetch_all(&mut *self.0.reader(tenant).await?)
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Takes the lease for a refresh if it is free, `rev` is unchanged, and the connection is active. Returns whether
    /// it did.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn lease(&self, lease: Lease<'_>, rev: i64, now: i64, until: i64) -> Result<bool, DbError> {
        const SQL: &str = "UPDATE app_connection SET lease_owner = $1, lease_until = $2 \
            WHERE id = $3 AND rev = $4 AND lease_until <= $5 AND status = 'ACTIVE'";
        let done = sqlx::query(SQL).bind(lease.holder).bind(until).bind(lease.id).bind(rev).bind(now);
        Ok(done.execute(&mut *self.0.writer(lease.tenant).await?).await?.rows_affected() == 1)
    }

    /// Notes that the request to the provider is about to be sent; false when the lease was lost.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn refresh_begins(&self, lease: Lease<'_>, now: i64) -> Result<bool, DbError> {
        const SQL: &str = "UPDATE app_connection SET refresh_started_at = $1 WHERE id = $2 AND lease_owner = $3";
        let done = sqlx::query(SQL).bind(now).bind(lease.id).bind(lease.holder);
        Ok(done.execute(&mut *self.0.writer(lease.tenant).await?).await?.rows_affected() == 1)
    }

    /// Releases the lease without a result.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn release(&self, lease: Lease<'_>) -> Result<(), DbError> {
        const SQL: &str =
            "UPDATE app_connection SET lease_owner = NULL, lease_until = 0 WHERE id = $1 AND lease_owner = $2";
        sqlx::query(SQL).bind(lease.id).bind(lease.holder).execute(&mut *self.0.writer(lease.tenant).await?).await?;
        Ok(())
    }

    /// Notes that a refresh failed without anything being lost, and releases the lease: the next is tried at `retry_at`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn refresh_failed(
        &self,
        lease: Lease<'_>,
        retry_at: i64,
        reason: &str,
        outcome_unknown: bool,
    ) -> Result<(), DbError> {
        // A request without a response stays on record: the next refusal may be its consequence.
        const SQL: &str = "UPDATE app_connection SET lease_owner = NULL, lease_until = 0, status_reason = $1, \
            refresh_failures = refresh_failures + 1, retry_at = $2, \
            refresh_started_at = CASE WHEN $3 = 1 THEN refresh_started_at ELSE NULL END \
            WHERE id = $4 AND lease_owner = $5";
        let query = sqlx::query(SQL).bind(reason).bind(retry_at).bind(i64::from(outcome_unknown));
        let query = query.bind(lease.id).bind(lease.holder);
        query.execute(&mut *self.0.writer(lease.tenant).await?).await?;
        Ok(())
    }
}

/// The owner's connection with this external id, in a transaction.
pub async fn by_external_id(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
    external_id: &str,
) -> Result<Option<ConnectionRow>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        facts!(),
        " FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND external_id = $3"
    );
    let row = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(external_id);
    Ok(row.fetch_optional(tx).await?.map(|row| read(&row)).transpose()?)
}

/// The owner's connection with this row id, and its sealed value, in a transaction.
pub async fn owned_with_value(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
    id: &str,
) -> Result<Option<(ConnectionRow, String)>, DbError> {
    const SQL: &str =
        concat!("SELECT ", facts!(), ", value FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND id = $3");
    let row = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(id);
    Ok(row.fetch_optional(tx).await?.map(|row| with_value(&row)).transpose()?)
}

/// A connection after it was changed, in the transaction of the change.
pub async fn reread(tx: &mut AnyConnection, id: &str) -> Result<Option<ConnectionRow>, DbError> {
    const SQL: &str = concat!("SELECT ", facts!(), " FROM app_connection WHERE id = $1");
    Ok(sqlx::query(SQL).bind(id).fetch_optional(tx).await?.map(|row| read(&row)).transpose()?)
}

/// Adds a connection, unless its owner has one with that external id. Returns whether it was added.
pub async fn insert(tx: &mut AnyConnection, row: &ConnectionRow, sealed: &SealedValue) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO app_connection (id, tenant_id, owner_id, external_id, display_name, type, status, \
        platform_id, piece_name, piece_version, project_ids, scope, value, key_id, metadata, rev, edition, expires_at, \
        refresh_at, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
        ON CONFLICT (tenant_id, owner_id, external_id) DO NOTHING";
    let done = sqlx::query(SQL)
        .bind(&row.id)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.external_id)
        .bind(&row.display_name)
        .bind(&row.kind)
        .bind(row.status.as_str())
        .bind(row.platform_id.as_deref())
        .bind(&row.piece_name)
        .bind(&row.piece_version)
        .bind(&row.project_ids)
        .bind(&row.scope)
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(row.metadata.as_deref())
        .bind(row.rev)
        .bind(row.edition)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(row.created_at)
        .bind(row.updated_at)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the content and the value of a connection, if `rev` and `edition` are those of `row`. Returns whether it
/// did. A refresh under way loses its lease, and counters of failures start over.
pub async fn replace(tx: &mut AnyConnection, row: &ConnectionRow, sealed: &SealedValue) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET display_name = $1, type = $2, status = $3, status_reason = NULL, \
        piece_name = $4, piece_version = $5, metadata = $6, value = $7, key_id = $8, expires_at = $9, refresh_at = $10, \
        rev = rev + 1, edition = edition + 1, refresh_started_at = NULL, refresh_failures = 0, retry_at = NULL, \
        lease_owner = NULL, lease_until = 0, updated_at = $11 \
        WHERE tenant_id = $12 AND owner_id = $13 AND id = $14 AND rev = $15 AND edition = $16";
    let done = sqlx::query(SQL)
        .bind(&row.display_name)
        .bind(&row.kind)
        .bind(row.status.as_str())
        .bind(&row.piece_name)
        .bind(&row.piece_version)
        .bind(row.metadata.as_deref())
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(row.updated_at)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.id)
        .bind(row.rev)
        .bind(row.edition)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes display name and metadata, if `edition` is that of `row`.
pub async fn describe(tx: &mut AnyConnection, row: &ConnectionRow) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET display_name = $1, metadata = $2, edition = edition + 1, updated_at = $3 \
        WHERE tenant_id = $4 AND owner_id = $5 AND id = $6 AND edition = $7";
    let done = sqlx::query(SQL)
        .bind(&row.display_name)
        .bind(row.metadata.as_deref())
        .bind(row.updated_at)
        .bind(row.tenant_id.as_str())
        .bind(row.owner_id.as_str())
        .bind(&row.id)
        .bind(row.edition)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Saves refreshed tokens if `rev` is unchanged, even after the lease expired: the provider's last response for this
/// value is newer than what is stored, and another holder of the lease would be too late.
pub async fn refreshed(
    tx: &mut AnyConnection,
    id: &str,
    rev: i64,
    sealed: &SealedValue,
    now: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET value = $1, key_id = $2, expires_at = $3, refresh_at = $4, \
        status = 'ACTIVE', status_reason = NULL, rev = rev + 1, refresh_started_at = NULL, refresh_failures = 0, \
        retry_at = NULL, lease_owner = NULL, lease_until = 0, updated_at = $5 \
        WHERE id = $6 AND rev = $7";
    let done = sqlx::query(SQL)
        .bind(&sealed.value)
        .bind(&sealed.key_id)
        .bind(sealed.expires_at)
        .bind(sealed.refresh_at)
        .bind(now)
        .bind(id)
        .bind(rev)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a connection into `ERROR` until its owner connects again: from a refresh with its lease, or when its value does
/// not open (`holder` none).
pub async fn broken(
    tx: &mut AnyConnection,
    id: &str,
    rev: i64,
    holder: Option<&str>,
    reason: &str,
    now: i64,
) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET status = 'ERROR', status_reason = $1, refresh_started_at = NULL, \
        lease_owner = NULL, lease_until = 0, updated_at = $2 \
        WHERE id = $3 AND rev = $4 AND status <> 'ERROR' AND (CAST($5 AS TEXT) IS NULL OR lease_owner = $5)";
    let done = sqlx::query(SQL).bind(reason).bind(now).bind(id).bind(rev).bind(holder).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a connection. Returns whether it existed.
pub async fn delete(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 AND id = $3";
    let done = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(id).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// The external ids of an owner.
pub async fn external_ids(tx: &mut AnyConnection, tenant: &TenantId, owner: &UserId) -> Result<Vec<String>, DbError> {
    const SQL: &str =
        "SELECT external_id FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 ORDER BY external_id";
    let rows = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).fetch_all(tx).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Moves one connection to another user of the same tenant, under another external id if necessary.
pub async fn hand_over(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    (from, to): (&UserId, &UserId),
    (old, new): (&str, &str),
    now: i64,
) -> Result<(), DbError> {
    const SQL: &str = "UPDATE app_connection SET owner_id = $1, external_id = $2, updated_at = $3 \
        WHERE tenant_id = $4 AND owner_id = $5 AND external_id = $6";
    let query = sqlx::query(SQL).bind(to.as_str()).bind(new).bind(now).bind(tenant.as_str());
    query.bind(from.as_str()).bind(old).execute(tx).await?;
    Ok(())
}

/// A pattern of `LIKE` for texts that contain `part`, in lower case.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn with_value(row: &AnyRow) -> Result<(ConnectionRow, String), sqlx::Error> {
    Ok((read(row)?, row.try_get("value")?))
}

fn read(row: &AnyRow) -> Result<ConnectionRow, sqlx::Error> {
    Ok(ConnectionRow {
        id: row.try_get("id")?,
        tenant_id: row.try_get::<String, _>("tenant_id")?.into(),
        owner_id: row.try_get::<String, _>("owner_id")?.into(),
        external_id: row.try_get("external_id")?,
        display_name: row.try_get("display_name")?,
        kind: row.try_get("type")?,
        status: row
            .try_get::<String, _>("status")?
            .parse()
            .map_err(|error: InvalidStatus| sqlx::Error::Decode(Box::new(error)))?,
        status_reason: row.try_get("status_reason")?,
        platform_id: row.try_get("platform_id")?,
        piece_name: row.try_get("piece_name")?,
        piece_version: row.try_get("piece_version")?,
        project_ids: row.try_get("project_ids")?,
        scope: row.try_get("scope")?,
        metadata: row.try_get("metadata")?,
        rev: row.try_get("rev")?,
        edition: row.try_get("edition")?,
        expires_at: row.try_get("expires_at")?,
        refresh_at: row.try_get("refresh_at")?,
        refresh_started_at: row.try_get("refresh_started_at")?,
        refresh_failures: row.try_get("refresh_failures")?,
        retry_at: row.try_get("retry_at")?,
        lease_until: row.try_get("lease_until")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
