//! Which step of which workflow uses which connection: table `workflow_connection_ref`.

use std::fmt::Write as _;

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::{Db, DbError, Rows};

/// Rows of one statement: so many that the way to the database costs little beside the work there.
const ROWS: usize = 250;

/// One use of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkflowRef {
    /// The workflow.
    pub workflow_id: String,
    /// The step in it.
    pub node_id: String,
    /// The connection.
    pub external_id: String,
    /// The piece that the step runs.
    pub piece_name: String,
}

/// The uses of an owner's connection, by workflow and step.
pub async fn uses(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
    external_id: &str,
) -> Result<Vec<WorkflowRef>, DbError> {
    const SQL: &str = "SELECT workflow_id, node_id, connection_external_id, piece_name FROM workflow_connection_ref \
        WHERE tenant_id = $1 AND owner_id = $2 AND connection_external_id = $3 ORDER BY workflow_id, node_id";
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(external_id);
    read(&query.fetch_all(tx).await?)
}

/// The uses in one workflow.
///
/// # Errors
/// [`DbError::Query`].
pub async fn of_workflow(
    db: &Db,
    tenant: &TenantId,
    owner: &UserId,
    workflow: &str,
) -> Result<Vec<WorkflowRef>, DbError> {
    const SQL: &str = "SELECT workflow_id, node_id, connection_external_id, piece_name FROM workflow_connection_ref \
        WHERE tenant_id = $1 AND owner_id = $2 AND workflow_id = $3 ORDER BY node_id, connection_external_id";
    let query = sqlx::query(SQL).bind(tenant.as_str()).bind(owner.as_str()).bind(workflow);
    read(&query.fetch_all(&mut *db.reader(tenant).await?).await?)
}

/// Makes `refs` the uses in one workflow, in place of what was there.
///
/// # Errors
/// [`DbError::Full`]: with them the user would have more than `rows` allows.
pub async fn replace(
    tx: &mut AnyConnection,
    rows: &Rows,
    (tenant, owner): (&TenantId, &UserId),
    workflow: &str,
    refs: &[WorkflowRef],
    now: i64,
) -> Result<(), DbError> {
    const CLEAR: &str =
        "DELETE FROM workflow_connection_ref WHERE tenant_id = $1 AND owner_id = $2 AND workflow_id = $3";
    const COUNT: &str = "SELECT COUNT(*) FROM workflow_connection_ref WHERE tenant_id = $1 AND owner_id = $2";
    let added = u64::try_from(refs.len()).unwrap_or(u64::MAX);
    rows.workflow_uses.allows(added).map_err(DbError::Full)?;
    let clear = sqlx::query(CLEAR).bind(tenant.as_str()).bind(owner.as_str()).bind(workflow);
    clear.execute(&mut *tx).await?;
    let count = sqlx::query(COUNT).bind(tenant.as_str()).bind(owner.as_str()).fetch_one(&mut *tx).await?;
    let others = u64::try_from(count.try_get::<i64, _>(0)?).unwrap_or_default();
    rows.workflow_uses_per_user.allows(others.saturating_add(added)).map_err(DbError::Full)?;
    for some in refs.chunks(ROWS) {
        let text = insert(some.len());
        // Only the text of a full statement comes again.
        let query = sqlx::query(AssertSqlSafe(text)).persistent(some.len() == ROWS);
        let mut query = query.bind(tenant.as_str()).bind(owner.as_str()).bind(workflow).bind(now);
        for used in some {
            query = query.bind(Uuid::now_v7().to_string());
            query = query.bind(&used.node_id).bind(&used.external_id).bind(&used.piece_name);
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// The statement that adds this many rows. SQLite takes 32,766 parameters, PostgreSQL 65,535.
fn insert(rows: usize) -> String {
    let mut text = String::from(
        "INSERT INTO workflow_connection_ref (tenant_id, owner_id, workflow_id, created_at, updated_at, \
         id, node_id, connection_external_id, piece_name) VALUES ",
    );
    for row in 0..rows {
        let (comma, first) = (if row == 0 { "" } else { ", " }, 5 + 4 * row);
        let (second, third, fourth) = (first + 1, first + 2, first + 3);
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}($1, $2, $3, $4, $4, ${first}, ${second}, ${third}, ${fourth})");
    }
    text
}

/// Moves the uses of a connection to another user, with its new external id.
pub async fn hand_over(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    (from, to): (&UserId, &UserId),
    (old, new): (&str, &str),
    now: i64,
) -> Result<(), DbError> {
    const SQL: &str = "UPDATE workflow_connection_ref SET owner_id = $1, connection_external_id = $2, updated_at = $3 \
        WHERE tenant_id = $4 AND owner_id = $5 AND connection_external_id = $6";
    let query = sqlx::query(SQL).bind(to.as_str()).bind(new).bind(now).bind(tenant.as_str());
    query.bind(from.as_str()).bind(old).execute(tx).await?;
    Ok(())
}

/// Moves the remaining uses - of connections that do not exist - to another user.
pub async fn hand_over_rest(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    (from, to): (&UserId, &UserId),
    now: i64,
) -> Result<(), DbError> {
    const SQL: &str = "UPDATE workflow_connection_ref SET owner_id = $1, updated_at = $2 \
        WHERE tenant_id = $3 AND owner_id = $4";
    let query = sqlx::query(SQL).bind(to.as_str()).bind(now).bind(tenant.as_str()).bind(from.as_str());
    query.execute(tx).await?;
    Ok(())
}

fn read(rows: &[sqlx::any::AnyRow]) -> Result<Vec<WorkflowRef>, DbError> {
    let one = |row: &sqlx::any::AnyRow| {
        Ok(WorkflowRef {
            workflow_id: row.try_get(0)?,
            node_id: row.try_get(1)?,
            external_id: row.try_get(2)?,
            piece_name: row.try_get(3)?,
        })
    };
    Ok(rows.iter().map(one).collect::<Result<_, sqlx::Error>>()?)
}
