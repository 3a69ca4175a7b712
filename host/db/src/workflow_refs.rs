//! Which step of which workflow uses which connection: table `workflow_connection_ref`.

use leno_base::{TenantId, UserId};
use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use crate::{Db, DbError};

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
    read(&query.fetch_all(db.pool()).await?)
}

/// Makes `refs` the uses in one workflow, in place of what was there.
pub async fn replace(
    tx: &mut AnyConnection,
    tenant: &TenantId,
    owner: &UserId,
    workflow: &str,
    refs: &[WorkflowRef],
    now: i64,
) -> Result<(), DbError> {
    const CLEAR: &str =
        "DELETE FROM workflow_connection_ref WHERE tenant_id = $1 AND owner_id = $2 AND workflow_id = $3";
    const ADD: &str = "INSERT INTO workflow_connection_ref \
        (id, tenant_id, owner_id, workflow_id, node_id, connection_external_id, piece_name, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    let clear = sqlx::query(CLEAR).bind(tenant.as_str()).bind(owner.as_str()).bind(workflow);
    clear.execute(&mut *tx).await?;
    for used in refs {
        sqlx::query(ADD)
            .bind(Uuid::now_v7().to_string())
            .bind(tenant.as_str())
            .bind(owner.as_str())
            .bind(workflow)
            .bind(&used.node_id)
            .bind(&used.external_id)
            .bind(&used.piece_name)
            .bind(now)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
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
