//! One connection.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use leno_base::budget::Spec;
use leno_metadata::Problem as Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{answer, if_match, input, permitted, refused};
use crate::{
    api::{App, schema},
    edge::{
        Rejection,
        authorization::Authorized,
        budgets,
        extract::{JsonBody, Kind, Member, Path, Query},
    },
    identity::Permission,
};

/// A connection, without its value.
#[utoipa::path(
    get,
    path = "/api/app-connections/{id}",
    operation_id = "getConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The row id.")),
    responses(
        (status = 200, description = "The connection.", body = schema::Connection,
            headers(("ETag" = String, description = "For `If-Match`."))),
        (status = 404, description = "The caller has no such connection."),
    ),
)]
pub(in crate::api) async fn show(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Rejection> {
    let row = app.connections.by_id(&permitted(&caller, Permission::ViewConnections)?, &id).await.map_err(refused)?;
    Ok(answer(&app, StatusCode::OK, &row))
}

/// The changes. Absent members stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectionChange, example = json!({"displayName": "Main CRM"}))]
pub(in crate::api) struct ChangeBody {
    /// The name shown to users.
    display_name: Option<String>,
    /// Replaces the present metadata.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// New credentials, with the members of the connection's type: `secret_text`; `username` and `password`; the props
    /// of CUSTOM_AUTH; `client_id`, `client_secret`, `redirect_url`, `scope` of OAUTH2.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
}

impl JsonBody for ChangeBody {
    const LIMIT: &'static Spec = &budgets::CONNECTION_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "displayName", kind: Kind::Text, required: false },
        Member { name: "metadata", kind: Kind::Object, required: false },
        Member { name: "config", kind: Kind::Object, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"displayName": "NAME"}"#;
}

/// Changes the name, the metadata, or the credentials.
#[utoipa::path(
    post,
    path = "/api/app-connections/{id}",
    operation_id = "changeConnection",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The row id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the connection must still have."),
    ),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The connection, changed.", body = schema::Connection,
            headers(("ETag" = String, description = "For `If-Match`."))),
        (status = 404, description = "The caller has no such connection."),
        (status = 412, description = "Another request changed it."),
        (status = 424, description = "Its value cannot be read and so cannot be changed; store it again."),
        (status = 503, description = "Its token is being renewed; `Retry-After` says when to retry."),
    ),
)]
pub(in crate::api) async fn change(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::EditConnections)?;
    let (body, _memory) = app.bodies.json::<ChangeBody>(&caller, request).await?;
    input::sizes(&app, body.config.as_ref(), body.metadata.as_ref())?;
    let mut seen = if_match(&headers)?;
    if body.display_name.as_ref().is_some_and(|name| !input::is_name(name)) {
        return Err(Rejection::invalid_members(vec![Fault::new("/displayName", input::NAME)]));
    }
    if body.metadata.as_ref().is_some_and(|metadata| !metadata.is_object()) {
        return Err(Rejection::invalid_members(vec![Fault::new("/metadata", "must be an object")]));
    }
    let mut row = app.connections.by_id(&owner, &id).await.map_err(refused)?;
    if let Some(config) = body.config {
        let piece = input::piece(&app, &row.piece_name);
        let auths = piece.as_deref().map(input::auths);
        let change = |value: &leno_metadata::ConnectionValue| input::reconfigure(value, &config, auths);
        row = app.connections.revalue(&owner, &id, seen, change).await.map_err(refused)?;
        seen = None;
    }
    if body.display_name.is_some() || body.metadata.is_some() {
        let metadata = body.metadata.map(Some);
        row = app.connections.describe(&owner, &id, seen, body.display_name, metadata).await.map_err(refused)?;
    }
    Ok(answer(&app, StatusCode::OK, &row))
}

/// Renews the access token now, before it is due.
///
/// Also of a connection that does not work or is degraded: once the client's settings are corrected, this shows that they work.
#[utoipa::path(
    post,
    path = "/api/app-connections/{id}/refresh",
    operation_id = "refreshConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The row id.")),
    responses(
        (status = 200, description = "The connection, with a new token.", body = schema::Connection,
            headers(("ETag" = String, description = "For `If-Match`."))),
        (status = 404, description = "The caller has no such connection."),
        (status = 422, description = "It has no token that can be renewed."),
        (status = 424, description = "The provider refuses: the owner must connect again, or correct the client's settings."),
        (status = 429, description = "Too many tokens of the tenant are being renewed; `Retry-After` says when to retry."),
        (status = 503, description = "The provider is unavailable; `Retry-After` says when to retry."),
    ),
)]
pub(in crate::api) async fn refresh(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Rejection> {
    let row = app.connections.renew(&permitted(&caller, Permission::EditConnections)?, &id).await.map_err(refused)?;
    Ok(answer(&app, StatusCode::OK, &row))
}

/// It is done.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Done {
    success: bool,
}

/// Removes a connection, and revokes its tokens at the provider if the piece names a revocation URL.
#[utoipa::path(
    delete,
    path = "/api/app-connections/{id}",
    operation_id = "deleteConnection",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The row id."),
        ("force" = Option<bool>, Query, description = "Whether to remove it even if workflows use it."),
    ),
    responses(
        (status = 200, description = "It is removed.", body = Done),
        (status = 404, description = "The caller has no such connection."),
        (status = 409, description = "Workflows use it; the response names them."),
        (status = 503, description = "Its token is being renewed; `Retry-After` says when to retry. `force` does not wait for it."),
    ),
)]
pub(in crate::api) async fn remove(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Done>, Rejection> {
    let force = query.flag("force").map_err(|fault| Rejection::invalid_query(vec![fault]))?;
    let owner = permitted(&caller, Permission::DeleteConnections)?;
    app.connections.delete(&owner, &id, force).await.map_err(refused)?;
    Ok(Json(Done { success: true }))
}

/// Where a connection is used.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage<'a> {
    workflow_id: &'a str,
    node_id: &'a str,
    piece_name: &'a str,
}

/// Where a connection is used: the steps of workflows that refer to it.
#[utoipa::path(
    get,
    path = "/api/app-connections/{id}/usages",
    operation_id = "listConnectionUsages",
    tag = "connections",
    params(("id" = String, Path, description = "The row id.")),
    responses(
        (status = 200, description = "The steps.", body = Vec<schema::ConnectionUsage>),
        (status = 404, description = "The caller has no such connection."),
    ),
)]
pub(in crate::api) async fn usages(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Rejection> {
    let uses = app.connections.uses(&permitted(&caller, Permission::ViewConnections)?, &id).await.map_err(refused)?;
    let usages: Vec<Usage<'_>> = uses
        .iter()
        .map(|used| Usage { workflow_id: &used.workflow_id, node_id: &used.node_id, piece_name: &used.piece_name })
        .collect();
    Ok(Json(usages).into_response())
}
