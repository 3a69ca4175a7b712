//! The small state of pieces: table `store_entries`.
//!
//! Every change is one statement, so it is atomic on both databases. A value that has expired counts as absent; the row
//! goes later. Times are milliseconds since 1970, given by the caller.

use sqlx::Row as _;

use crate::{Db, DbError, Party};

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

/// The entries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreEntries(Db);

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
    /// The entries of `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// The value, unless it is absent or expired.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn get(&self, key: EntryKey<'_>, now: i64) -> Result<Option<Vec<u8>>, DbError> {
        const SQL: &str = "SELECT value FROM store_entries \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5 \
            AND (expires_at IS NULL OR expires_at > $6)";
        let row = bind!(SQL, key, now).fetch_optional(&mut *self.0.reader(key.party()).await?).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Sets the value, until `expires_at` if given.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn put(&self, key: EntryKey<'_>, value: &[u8], expires_at: Option<i64>) -> Result<(), DbError> {
        const SQL: &str = "INSERT INTO store_entries (tenant_id, piece, scope, scope_id, key, value, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) \
            ON CONFLICT (tenant_id, piece, scope, scope_id, key) \
            DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        bind!(SQL, key, value, expires_at).execute(&mut *self.0.writer(key.party()).await?).await?;
        Ok(())
    }

    /// Sets `new` if the present value is `old` (`None`: absent). Returns whether it did. A value set this way does not
    /// expire.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn compare_and_set(
        &self,
        key: EntryKey<'_>,
        old: Option<&[u8]>,
        new: &[u8],
        now: i64,
    ) -> Result<bool, DbError> {
        const CHANGE: &str = "UPDATE store_entries SET value = $6, expires_at = NULL \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5 \
            AND value = $7 AND (expires_at IS NULL OR expires_at > $8)";
        const CREATE: &str = "INSERT INTO store_entries (tenant_id, piece, scope, scope_id, key, value, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, NULL) \
            ON CONFLICT (tenant_id, piece, scope, scope_id, key) \
            DO UPDATE SET value = excluded.value, expires_at = NULL WHERE store_entries.expires_at <= $7";
        let mut writer = self.0.writer(key.party()).await?;
        let done = match old {
            Some(old) => bind!(CHANGE, key, new, old, now).execute(&mut *writer).await?,
            None => bind!(CREATE, key, new, now).execute(&mut *writer).await?,
        };
        Ok(done.rows_affected() == 1)
    }

    /// Deletes the value, if there is one.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete(&self, key: EntryKey<'_>) -> Result<(), DbError> {
        const SQL: &str = "DELETE FROM store_entries \
            WHERE tenant_id = $1 AND piece = $2 AND scope = $3 AND scope_id = $4 AND key = $5";
        bind!(SQL, key).execute(&mut *self.0.writer(key.party()).await?).await?;
        Ok(())
    }

    /// Removes expired values. Returns their number.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn delete_expired(&self, now: i64) -> Result<u64, DbError> {
        const SQL: &str = "DELETE FROM store_entries WHERE (tenant_id, piece, scope, scope_id, key) IN \
            (SELECT tenant_id, piece, scope, scope_id, key FROM store_entries \
            WHERE expires_at IS NOT NULL AND expires_at <= $1 LIMIT $2)";
        self.0.in_steps(|most| sqlx::query(SQL).bind(now).bind(most)).await
    }
}
