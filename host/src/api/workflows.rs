//! Which connections a workflow uses, as the workflow engine reports.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use leno_base::{ExternalId, budget::Spec};
use leno_connections::ReferenceError;
use leno_db::WorkflowRef;
use leno_metadata::Problem as Fault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    connections::{owner, refused},
};
use crate::edge::{
    Rejection,
    authorization::Authorized,
    budgets,
    extract::{JsonBody, Kind, Member, Path},
};

/// One use.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WorkflowConnection, example = json!({"nodeId": "step_1", "connectionExternalId": "crm-main", "pieceName": "crm"}))]
pub(super) struct Use {
    /// The step.
    node_id: String,
    /// The connection, as its external id or as `{{connections['ID']}}`.
    connection_external_id: String,
    /// The piece that the step runs.
    piece_name: String,
}

/// All uses of a workflow.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkflowConnections)]
pub(super) struct Uses {
    connections: Vec<Use>,
}

impl JsonBody for Uses {
    const LIMIT: &'static Spec = &budgets::WORKFLOW_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[Member { name: "connections", kind: Kind::List, required: true }];
    const EXAMPLE: &'static str =
        r#"{"connections": [{"nodeId": "step_1", "connectionExternalId": "ID", "pieceName": "NAME"}]}"#;
}

/// Sets which connections a workflow uses, in place of the former list: all of it or nothing.
#[utoipa::path(
    put,
    path = "/api/workflows/{id}/connections",
    operation_id = "putWorkflowConnections",
    tag = "connections",
    params(("id" = String, Path, description = "The workflow.")),
    request_body = Uses,
    responses(
        (status = 200, description = "The stored uses, without duplicates.", body = Uses),
        (status = 403, description = "The caller does not have all of these connections; nothing is stored."),
        (status = 413, description = "The body is too large, or the workflow or the caller has too many uses; nothing is stored."),
    ),
)]
pub(super) async fn put(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(workflow): Path<String>,
    request: Request,
) -> Result<Json<Uses>, Rejection> {
    let (body, _memory) = app.bodies.json::<Uses>(&caller, request).await?;
    let uses = body.check(&workflow)?;
    match app.connections.refer(&owner(&caller), &workflow, uses).await {
        Ok(uses) => Ok(Json(uses.into())),
        // Missing and another owner's look the same.
        Err(error @ ReferenceError::Unknown(_)) => {
            Err(Rejection::new(StatusCode::FORBIDDEN, "connection_not_yours", "Not your connection", error.to_string()))
        }
        Err(ReferenceError::Db(error)) => Err(error.into()),
    }
}

/// The connections that a workflow uses.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/connections",
    operation_id = "listWorkflowConnections",
    tag = "connections",
    params(("id" = String, Path, description = "The workflow.")),
    responses((status = 200, description = "The uses; empty for an unknown workflow.", body = Uses)),
)]
pub(super) async fn list(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(workflow): Path<String>,
) -> Result<Json<Uses>, Rejection> {
    let uses = app.connections.references(&owner(&caller), &workflow).await.map_err(refused)?;
    Ok(Json(uses.into()))
}

impl From<Vec<WorkflowRef>> for Uses {
    fn from(refs: Vec<WorkflowRef>) -> Self {
        let one = |used: WorkflowRef| Use {
            node_id: used.node_id,
            connection_external_id: used.external_id,
            piece_name: used.piece_name,
        };
        Self { connections: refs.into_iter().map(one).collect() }
    }
}

impl Uses {
    fn check(self, workflow: &str) -> Result<Vec<WorkflowRef>, Rejection> {
        let mut faults = Vec::new();
        let plain = |text: &str| (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !plain(workflow) {
            let detail = "the workflow's id must have 1 to 255 characters, none of them control characters";
            return Err(Rejection::bad_request("invalid_path", detail));
        }
        let mut uses = Vec::with_capacity(self.connections.len());
        for (at, used) in self.connections.into_iter().enumerate() {
            let text = &used.connection_external_id;
            let id = ExternalId::in_reference(text).map_or_else(|| text.parse::<ExternalId>(), Ok);
            match id {
                Ok(id) => uses.push(WorkflowRef {
                    workflow_id: workflow.to_owned(),
                    external_id: id.into(),
                    node_id: used.node_id,
                    piece_name: used.piece_name,
                }),
                Err(error) => {
                    faults.push(Fault::new(format!("/connections/{at}/connectionExternalId"), error.to_string()));
                }
            }
            let Some(last) = uses.last() else { continue };
            for (name, value) in [("nodeId", &last.node_id), ("pieceName", &last.piece_name)] {
                if !plain(value) {
                    let message = "must have 1 to 255 characters, none of them control characters";
                    faults.push(Fault::new(format!("/connections/{at}/{name}"), message));
                }
            }
        }
        faults.truncate(leno_metadata::MAX_PROBLEMS);
        if faults.is_empty() { Ok(uses) } else { Err(Rejection::invalid_members(faults)) }
    }
}
