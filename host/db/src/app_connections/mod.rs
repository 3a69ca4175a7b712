//! Connections as they are stored: table `app_connection`.
//!
//! Every statement names the tenant and the owner, but for those of the refresh and of key rotation, which work by id on
//! behalf of the host.
//!
//! `rev` grows with every change of the value, `edition` with every change by a user. A change names the number it was
//! based on, so of two concurrent changes one is refused. There are two numbers so that renaming a connection does not
//! make a refresh under way lose its tokens.

//!
//! | File | Holds |
//! | --- | --- |
//! | `row` | one connection, and its state |
//! | `list` | pages of an owner's connections, and what the host has to look after |
//! | `lease` | the right to refresh one, and what a refresh comes to |
//! | `change` | changes by users |

mod change;
mod lease;
mod list;
mod row;

use leno_base::{TenantId, UserId};
use sqlx::AnyConnection;

pub(crate) use self::list::fold_names;
use self::row::{facts, read, with_value};
pub use self::{
    change::{delete, describe, external_ids, hand_over, insert, lock_all, replace},
    lease::{Failure, Lease, broken, extend, lease, refresh_begins, refresh_failed, refreshed, release},
    list::{ConnectionFilter, Position, told},
    row::{ConnectionRow, ConnectionState, ConnectionStatus, DEGRADED_AFTER, InvalidState, InvalidStatus, SealedValue},
};
use crate::{Db, DbError, Party};

/// The connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppConnections(Db);

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
