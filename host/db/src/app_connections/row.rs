//! One connection as it is stored, and its state as users see it.

use std::{fmt, str::FromStr};

use leno_base::{TenantId, UserId};
use serde::Serialize;
use sqlx::{Row as _, any::AnyRow};

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
    /// The last refreshes that the provider refused one after the other; 0 when the last one failed in another way.
    pub refresh_refusals: i64,
    /// The restoration of the database after which it has not been refreshed yet; 0 for none.
    pub trial: i64,
    /// Until when no further refresh is tried.
    pub retry_at: Option<i64>,
    /// Until when the lease is held.
    pub lease_until: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// Whether a connection can be used, as it is stored.
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

    /// The status as it is stored: `ACTIVE`, `MISSING` or `ERROR`.
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

/// So many refreshes refused one after the other degrade a connection.
pub const DEGRADED_AFTER: i64 = 3;

/// The state of a connection as users see it: the stored status, and what follows from times and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConnectionState {
    /// It works, as far as is known.
    Active,
    /// Its token has ended, and there is no way to renew it.
    Expired,
    /// The provider refused the last [`DEGRADED_AFTER`] renewals of its token.
    Degraded,
    /// Imported flows refer to it, and it has no usable value.
    Missing,
    /// Its owner has to connect again.
    Error,
}

impl ConnectionState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Active, Self::Expired, Self::Degraded, Self::Missing, Self::Error];

    /// The state as it is shown: `ACTIVE`, `EXPIRED`, `DEGRADED`, `MISSING` or `ERROR`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
            Self::Degraded => "DEGRADED",
            Self::Missing => "MISSING",
            Self::Error => "ERROR",
        }
    }
}

/// A text that is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ACTIVE, EXPIRED, DEGRADED, MISSING or ERROR")]
pub struct InvalidState;

impl FromStr for ConnectionState {
    type Err = InvalidState;

    fn from_str(text: &str) -> Result<Self, InvalidState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(InvalidState)
    }
}

impl ConnectionRow {
    /// Its state at `now`, in milliseconds since 1970. `list::STATE` says the same in SQL.
    #[must_use]
    pub fn state(&self, now: i64) -> ConnectionState {
        match self.status {
            ConnectionStatus::Missing => ConnectionState::Missing,
            ConnectionStatus::Error => ConnectionState::Error,
            _ if self.refresh_at.is_none() && self.expires_at.is_some_and(|end| end <= now) => ConnectionState::Expired,
            _ if self.refresh_refusals >= DEGRADED_AFTER => ConnectionState::Degraded,
            ConnectionStatus::Active => ConnectionState::Active,
        }
    }

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
            refresh_refusals: 0,
            trial: 0,
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
    /// When its owner is told next that the token ends, or has ended; `None` when it is renewed before.
    pub tell_at: Option<i64>,
}

/// The columns of a [`ConnectionRow`].
macro_rules! facts {
    () => {
        "id, tenant_id, owner_id, external_id, display_name, type, status, status_reason, platform_id, piece_name, \
         piece_version, project_ids, scope, metadata, rev, edition, expires_at, refresh_at, refresh_started_at, refresh_failures, \
         refresh_refusals, trial, retry_at, lease_until, created_at, updated_at"
    };
}
pub(super) use facts;

pub(super) fn with_value(row: &AnyRow) -> Result<(ConnectionRow, String), sqlx::Error> {
    Ok((read(row)?, row.try_get("value")?))
}

pub(super) fn read(row: &AnyRow) -> Result<ConnectionRow, sqlx::Error> {
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
        refresh_refusals: row.try_get("refresh_refusals")?,
        trial: row.try_get("trial")?,
        retry_at: row.try_get("retry_at")?,
        lease_until: row.try_get("lease_until")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
