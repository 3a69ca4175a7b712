//! Lists of connections: pages of an owner's, and what the host has to look after.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;

use super::{
    AppConnections,
    row::{ConnectionRow, ConnectionState, facts, read},
};
use crate::{Db, DbError, Party};

/// Which connections to list.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFilter {
    /// Both forms of the piece's name.
    pub piece_names: Option<[String; 2]>,
    /// A part of the display name, whatever its case.
    pub display_name: Option<String>,
    /// One of these; empty for all.
    pub states: Vec<ConnectionState>,
    /// `PROJECT` or `PLATFORM`.
    pub scope: Option<String>,
}

/// The position of a page: after the connection with this `created_at` and `id`.
pub type Position = (i64, String);

/// [`ConnectionRow::state`] at the time `$now`, in SQL.
macro_rules! state {
    ($now:literal) => {
        concat!(
            "CASE WHEN status <> 'ACTIVE' THEN status WHEN refresh_at IS NULL AND expires_at <= ",
            $now,
            " THEN 'EXPIRED' WHEN refresh_refusals >= 3 THEN 'DEGRADED' ELSE 'ACTIVE' END"
        )
    };
}

impl AppConnections {
    /// A page of the owner's connections, the newest first: at most `limit`, before `before` if given, after `after` if
    /// that is given (then in the opposite order).
    ///
    /// States are those at `now`, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`DbError::Query`].
    #[expect(clippy::too_many_arguments, reason = "each is one part of the statement")]
    pub async fn list(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        filter: &ConnectionFilter,
        from: Option<&Position>,
        backwards: bool,
        limit: i64,
        now: i64,
    ) -> Result<Vec<ConnectionRow>, DbError> {
        // The filter's parts are optional: a statement for all combinations, so that its text stays constant.
        macro_rules! page {
            ($beyond:literal, $order:literal) => {
                concat!(
                    "SELECT ",
                    facts!(),
                    " FROM app_connection WHERE tenant_id = $1 AND owner_id = $2 \
                     AND (CAST($3 AS TEXT) IS NULL OR piece_name = $3 OR piece_name = $4) \
                     AND (CAST($5 AS TEXT) IS NULL OR COALESCE(display_folded, LOWER(display_name)) LIKE $5 ESCAPE '!') \
                     AND (CAST($6 AS TEXT) IS NULL OR ",
                    state!("$14"),
                    " IN ($6, $7, $8, $9, $10)) \
                     AND (CAST($11 AS TEXT) IS NULL OR scope = $11) \
                     AND (CAST($12 AS BIGINT) IS NULL OR created_at ",
                    $beyond,
                    " $12 OR (created_at = $12 AND id ",
                    $beyond,
                    " $13)) ORDER BY created_at ",
                    $order,
                    ", id ",
                    $order,
                    " LIMIT $15"
                )
            };
        }
        let sql = if backwards { page!(">", "ASC") } else { page!("<", "DESC") };
        let names = filter.piece_names.as_ref();
        let state = |at: usize| filter.states.get(at).or(filter.states.first()).map(|state| state.as_str());
        let rows = sqlx::query(sql)
            .bind(tenant.as_str())
            .bind(owner.as_str())
            .bind(names.map(|names| names[0].as_str()))
            .bind(names.map(|names| names[1].as_str()))
            .bind(filter.display_name.as_deref().map(contains))
            .bind(state(0))
            .bind(state(1))
            .bind(state(2))
            .bind(state(3))
            .bind(state(4))
            .bind(filter.scope.as_deref())
            .bind(from.map(|from| from.0))
            .bind(from.map(|from| from.1.as_str()))
            .bind(now)
            .bind(limit)
            .fetch_all(&mut *self.0.reader(tenant).await?)
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Up to `limit` connections whose token could have been renewed since `since` and was not, the longest due first: nobody
    /// uses them. Those that wait after a failure until `now` are left out.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn idle(&self, since: i64, now: i64, limit: i64) -> Result<Vec<ConnectionRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            facts!(),
            " FROM app_connection WHERE refresh_at <= $1 AND status = 'ACTIVE' AND (retry_at IS NULL OR retry_at <= $2) \
             ORDER BY refresh_at LIMIT $3"
        );
        let rows = sqlx::query(SQL).bind(since).bind(now).bind(limit);
        let rows = rows.fetch_all(&mut *self.0.reader(Party::Host).await?).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Up to `limit` connections whose owners are to be told by `now` that the token ends, or has ended.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn to_tell(&self, now: i64, limit: i64) -> Result<Vec<ConnectionRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            facts!(),
            " FROM app_connection WHERE tell_at <= $1 AND status = 'ACTIVE' ORDER BY tell_at LIMIT $2"
        );
        let rows = sqlx::query(SQL).bind(now).bind(limit).fetch_all(&mut *self.0.reader(Party::Host).await?).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// Notes that the owner of a connection was told: of its end when that is before `now`, else that it is near. Returns false
/// when another host told it, or the connection was changed.
pub async fn told(tx: &mut AnyConnection, row: &ConnectionRow, now: i64) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE app_connection SET tell_at = CASE WHEN expires_at > $1 THEN expires_at END \
        WHERE id = $2 AND rev = $3 AND status = 'ACTIVE' AND tell_at <= $1";
    Ok(sqlx::query(SQL).bind(now).bind(&row.id).bind(row.rev).execute(tx).await?.rows_affected() == 1)
}

/// Gives rows of earlier versions the column that searches look into.
pub(crate) async fn fold_names(db: &Db) -> Result<(), DbError> {
    const PAGE: &str = "SELECT id, display_name FROM app_connection WHERE display_folded IS NULL LIMIT 200";
    const WRITE: &str = "UPDATE app_connection SET display_folded = $1 WHERE id = $2 AND display_name = $3";
    loop {
        let mut tx = db.begin(Party::Host).await?;
        let rows = sqlx::query(PAGE).fetch_all(&mut *tx).await?;
        for row in &rows {
            let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            sqlx::query(WRITE).bind(folded(&name)).bind(id).bind(name).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// `text` without differences of case, for all of Unicode, and of how accents are written.
pub(super) fn folded(text: &str) -> String {
    UniCase::unicode(text.nfc().collect::<String>()).to_folded_case().nfc().collect()
}

/// A pattern of `LIKE` for folded texts that contain `part`.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in folded(part).chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
