//! Which workflows use which connections.

use std::collections::BTreeSet;

use leno_base::Owner;
use leno_db::{DbError, OfDatabase, WorkflowRef, app_connections, repeat, users, workflow_refs};

use crate::{ConnectionError, Connections};

/// Why the uses of a workflow were not written.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The owner has no connections of these external ids.
    #[error("unknown connections: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl OfDatabase for ReferenceError {
    fn of_database(&self) -> Option<&DbError> {
        if let Self::Db(error) = self { Some(error) } else { None }
    }
}

impl Connections {
    /// Makes `uses` the uses of connections in one workflow, in place of what was there; twice the same counts once.
    ///
    /// # Errors
    /// [`ReferenceError::Unknown`] names every connection that the owner does not have. [`DbError::Full`]: the workflow or the
    /// owner has too many. Nothing is written then.
    pub async fn refer(
        &self,
        owner: &Owner,
        workflow: &str,
        uses: impl IntoIterator<Item = WorkflowRef>,
    ) -> Result<Vec<WorkflowRef>, ReferenceError> {
        let uses: BTreeSet<WorkflowRef> = uses.into_iter().collect();
        let uses: Vec<WorkflowRef> = uses.into_iter().collect();
        repeat(|| self.try_refer(owner, workflow, &uses)).await?;
        Ok(uses)
    }

    async fn try_refer(&self, owner: &Owner, workflow: &str, uses: &[WorkflowRef]) -> Result<(), ReferenceError> {
        let inner = &*self.0;
        let mut tx = inner.db.begin(&owner.tenant).await?;
        let now = inner.now();
        users::hold(&mut tx, &owner.tenant, &owner.user, false, now).await?;
        let known: BTreeSet<String> =
            app_connections::external_ids(&mut tx, &owner.tenant, &owner.user).await?.into_iter().collect();
        let unknown: BTreeSet<&String> =
            uses.iter().map(|used| &used.external_id).filter(|id| !known.contains(*id)).collect();
        if !unknown.is_empty() {
            return Err(ReferenceError::Unknown(unknown.into_iter().cloned().collect()));
        }
        workflow_refs::replace(&mut tx, inner.db.rows(), (&owner.tenant, &owner.user), workflow, uses, now).await?;
        Ok(tx.commit().await?)
    }

    /// The uses of connections in one workflow.
    ///
    /// # Errors
    /// The database failed.
    pub async fn references(&self, owner: &Owner, workflow: &str) -> Result<Vec<WorkflowRef>, ConnectionError> {
        Ok(workflow_refs::of_workflow(&self.0.db, &owner.tenant, &owner.user, workflow).await?)
    }
}
