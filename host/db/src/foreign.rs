//! Connections in the PostgreSQL database of another system: Activepieces' or the workflow builder's.

use futures_util::{Stream, StreamExt as _};
use sqlx::Row as _;

use crate::{Db, DbError};

/// Every row of `app_connection` as JSON text, whatever its columns are called; the most recently changed first. One
/// statement, so one snapshot.
pub fn connections(db: &Db) -> impl Stream<Item = Result<String, DbError>> + '_ {
    const SQL: &str = "SELECT CAST(to_jsonb(c) AS TEXT) FROM app_connection c \
        ORDER BY COALESCE(to_jsonb(c) ->> 'updated', to_jsonb(c) ->> 'updated_at') DESC NULLS LAST, CAST(c.id AS TEXT)";
    sqlx::query(SQL).fetch(db.own()).map(|row| Ok(row?.try_get(0)?))
}
