//! The encrypted columns of seven tables, in one shape: `(id, tenant_id, sealed text, key_id)`, with the columns that the seal is
//! bound to.
//!
//! These statements work over all tenants on behalf of the host, and never look at what a row means.

use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// A table with sealed texts.
#[derive(Debug)]
pub struct SealedTable {
    /// The table's name, which every seal is bound to.
    pub name: &'static str,
    count: &'static str,
    count_of: &'static str,
    outdated: &'static str,
    page: &'static str,
    rewrap: &'static str,
    facts: usize,
}

/// One sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The row's primary key.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// `{iv, data, kid, mac, v}`.
    pub sealed: String,
    /// The columns that the seal is bound to, besides the tenant and the primary key.
    pub facts: Vec<String>,
}

macro_rules! tables {
    ($($table:literal ($id:literal, $sealed:literal $(, $fact:literal)*)),* $(,)?) => {
        /// All tables with sealed texts.
        pub const TABLES: &[SealedTable] = &[$(SealedTable {
            name: $table,
            // Jumps from one key id to the next over the index: as fast with a million rows as with one. Only the rows of
            // keys that are not in the list `$1` are counted.
            count: concat!(
                "WITH RECURSIVE kid (id) AS (SELECT MIN(key_id) FROM ", $table, " UNION ALL \
                 SELECT (SELECT MIN(key_id) FROM ", $table, " WHERE key_id > kid.id) FROM kid WHERE kid.id IS NOT NULL) \
                 SELECT id, (SELECT COUNT(*) FROM ", $table, " WHERE key_id = kid.id) FROM kid \
                 WHERE id IS NOT NULL AND REPLACE($1, ',' || id || ',', '') = $1"
            ),
            count_of: concat!("SELECT COUNT(*) FROM ", $table, " WHERE key_id = $1"),
            // What a seal of the present version ends with.
            outdated: concat!("SELECT COUNT(*) FROM ", $table, " WHERE key_id = $1 AND ", $sealed, " NOT LIKE '%,\"v\":2}'"),
            page: concat!(
                "SELECT ", $id, ", tenant_id, ", $sealed, $(", CAST(", $fact, " AS TEXT)",)* " FROM ", $table,
                " WHERE (key_id <> $1 OR ", $sealed, " NOT LIKE '%,\"v\":2}') AND ", $id, " > $2 ORDER BY ", $id, " LIMIT $3"
            ),
            facts: <[&str]>::len(&[$($fact),*]),
            // The old text is the fence: a concurrent change wins.
            rewrap: concat!(
                "UPDATE ", $table, " SET ", $sealed, " = $1, key_id = $2 WHERE ", $id, " = $3 AND ", $sealed, " = $4"
            ),
        }),*];
    };
}

tables! {
    "app_connection" ("id", "value", "owner_id", "piece_name", "type", "rev"),
    "platform_oauth_apps" ("id", "client_secret", "piece_name", "client_id"),
    "oauth_sessions" ("state_hash", "draft", "owner_id", "browser_hash"),
    "connect_sessions" ("token_hash", "draft", "owner_id"),
    "webhook_endpoints" ("id", "secret"),
    "oauth_clients" ("id", "code_secrets"),
    "token_revocations" ("id", "value", "connection_id", "piece_name"),
}

impl SealedTable {
    /// How many rows are under each key that is not in `but`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn rows_per_key(&self, db: &Db, but: &[&str]) -> Result<Vec<(String, i64)>, DbError> {
        let list = format!(",{},", but.join(",,"));
        let rows = sqlx::query(self.count).bind(list).fetch_all(&mut *db.reader(Party::Host).await?).await?;
        Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
    }

    /// How many rows are under one key.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn rows_of(&self, tx: &mut AnyConnection, kid: &str) -> Result<i64, DbError> {
        Ok(sqlx::query(self.count_of).bind(kid).fetch_one(tx).await?.try_get(0)?)
    }

    /// How many rows under one key are sealed in an earlier version.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn outdated(&self, tx: &mut AnyConnection, kid: &str) -> Result<i64, DbError> {
        Ok(sqlx::query(self.outdated).bind(kid).fetch_one(tx).await?.try_get(0)?)
    }

    /// Up to `limit` rows that are not under `kid`, or sealed in an earlier version, by primary key, beyond `after`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn to_rewrap(&self, db: &Db, kid: &str, after: &str, limit: i64) -> Result<Vec<SealedRow>, DbError> {
        let read = |row: &AnyRow| -> Result<SealedRow, sqlx::Error> {
            let facts = (3..3 + self.facts).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
            Ok(SealedRow { id: row.try_get(0)?, tenant: row.try_get(1)?, sealed: row.try_get(2)?, facts })
        };
        let rows = sqlx::query(self.page)
            .bind(kid)
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *db.reader(Party::Host).await?)
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Replaces `row`'s text by `sealed`, which is under `kid`, if the text is unchanged. Returns whether it did.
    /// Nothing else of the row is touched.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn rewrap(
        &self,
        tx: &mut AnyConnection,
        row: &SealedRow,
        sealed: &str,
        kid: &str,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(self.rewrap).bind(sealed).bind(kid).bind(&row.id).bind(&row.sealed);
        Ok(query.execute(tx).await?.rows_affected() == 1)
    }
}
