//! The small state of pieces: table `store_entries`.
//!
//! Every change is one statement, so it is atomic on both databases; one that adds to what a piece has is followed by a look
//! at the sum, in one transaction. A value that has expired counts as absent; the row goes later. Times are milliseconds
//! since 1970, given by the caller.

use leno_base::TenantId;
use sqlx::{AnyConnection, Row as _};

use crate::{
    Db, DbError, Party,
    quota::{self, Counted},
};

/// Which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryKey<'a> {
    /// The tenant that it belongs to.
    pub tenant: &'a str,
    /// The piece that it belongs to: its short name.
    pub piece: &'a str,
    /// `flow` or `project`.
    pub scope: &'a str,
    /// Which flow or project.
    pub scope_id: &'a str,
    /// The key that the piece chose.
    pub key: &'a str,
}

impl EntryKey<'_> {
    fn party(&self) -> Party {
        Party::Tenant(self.tenant.into())
    }
}

/// The most that a piece may store for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostStored {
    /// Keys.
    pub keys: u64,
    /// Bytes of all values.
    pub bytes: u64,
}

/// A value that is not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The piece has as many keys as it may have for the tenant.
    #[error("there are too many keys")]
    TooManyKeys,
    /// The values of the piece would be longer than they may be for the tenant.
    #[error("the values are too long")]
    TooManyBytes,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// The entries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreEntries {
    db: Db,
    most: Option<MostStored>,
}

macro_rules! bind {
    ($sql:expr, $key:expr $(, $value:expr)*) => {
        sqlx::query($sql)
            .bind($key.tenant)
            .bind($key.piece)
            .bind($key.scope)
            .bind($key.scope_id)
            .bind($key.key)
            $(.bind($value))*
    };
}

impl StoreEntries {
    /// The entries of `db`, as many as there are.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, most: None }
    }

    /// The entries of `db`, at most so many for each tenant and piece.
    #[must_use]
    pub fn within(db: Db, most: MostStored) -> Self {
        Self { db, most: Some(most) }
    }

    async fn check(&self, tx: &mut AnyConnection, key: EntryKey<'_>) -> Result<(), StoreError> {
        let Some(most) = self.most else { return Ok(()) };
        let tenant = TenantId::from(key.tenant);
        if quota::used(tx, &tenant, key.piece, Counted::StoreKeys).await? > most.keys {
            return Err(StoreError::TooManyKeys);
        }
        if quota::used(tx, &tenant, key.piece, Counted::StoreBytes).await? > most.bytes {
            return Err(StoreError::TooManyBytes);
        }
        Ok(())
    }

    /// The value, unless it is absent or expired.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn get(&self, key: EntryKey<'_>, now: i64) -> Result<Option<Vec<u8>>, DbError> {
        const SQL: &str = "SELECT value FROM store_entries \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5 \
            AND (expires_at IS NULL OR expires_at > $6)";
        let row = bind!(SQL, key, now).fetch_optional(&mut *self.db.reader(key.party()).await?).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Sets the value, until `expires_at` if given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: EntryKey<'_>, value: &[u8], expires_at: Option<i64>) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO store_entries (tenant_id, piece, scope, scope_id, key, value, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) \
            ON CONFLICT (tenant_id, piece, scope, scope_id, key) \
            DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let mut tx = self.db.begin(key.party()).await?;
        bind!(SQL, key, value, expires_at).execute(&mut *tx).await?;
        self.check(&mut tx, key).await?;
        Ok(tx.commit().await?)
    }

    /// Sets `new` if the present value is `old` (`None`: absent). Returns whether it did. A value set this way does not
    /// expire.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compare_and_set(
        &self,
        key: EntryKey<'_>,
        old: Option<&[u8]>,
        new: &[u8],
        now: i64,
    ) -> Result<bool, StoreError> {
        const CHANGE: &str = "UPDATE store_entries SET value = $6, expires_at = NULL \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5 \
            AND value = $7 AND (expires_at IS NULL OR expires_at > $8)";
        const CREATE: &str = "INSERT INTO store_entries (tenant_id, piece, scope, scope_id, key, value, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, NULL) \
            ON CONFLICT (tenant_id, piece, scope, scope_id, key) \
            DO UPDATE SET value = excluded.value, expires_at = NULL WHERE store_entries.expires_at <= $7";
        let mut tx = self.db.begin(key.party()).await?;
        let done = match old {
            Some(old) => bind!(CHANGE, key, new, old, now).execute(&mut *tx).await?,
            None => bind!(CREATE, key, new, now).execute(&mut *tx).await?,
        };
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.check(&mut tx, key).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes the value, if there is one.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete(&self, key: EntryKey<'_>) -> Result<(), DbError> {
        const SQL: &str = "DELETE FROM store_entries \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5";
        bind!(SQL, key).execute(&mut *self.db.writer(key.party()).await?).await?;
        Ok(())
    }

    /// Removes the expired values of one piece for one tenant. Returns their number.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete_expired_of(&self, tenant: &str, piece: &str, now: i64) -> Result<u64, DbError> {
        let sql = "DELETE FROM store_entries \
            WHERE tenant_id = $1 AND piece = $2 AND expires_at IS NOT NULL AND expires_at <= $3";
        let query = sqlx::query(sql).bind(tenant).bind(piece).bind(now);
        Ok(query.execute(&mut *self.db.writer(Party::Tenant(tenant.into())).await?).await?.rows_affected())
    }

    /// Removes expired values. Returns their number.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete_expired(&self, now: i64) -> Result<u64, DbError> {
        const SQL: &str = "DELETE FROM store_entries WHERE (tenant_id, piece, scope, scope_id, key) IN \
            (SELECT tenant_id, piece, scope, scope_id, key FROM store_entries \
            WHERE expires_at IS NOT NULL AND expires_at <= $1 LIMIT $2)";
        self.db.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
    }
}
