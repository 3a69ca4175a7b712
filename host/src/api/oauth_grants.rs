//! What a user allows OAuth clients.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use leno_authorization::Grant;
use leno_base::{Owner, iso};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, oauth_clients::refused};
use crate::edge::{Rejection, authorization::Authorized, extract::Path};

/// What a user allows a client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OAuthGrant)]
pub(super) struct GrantView {
    id: String,
    client_id: String,
    /// Absent if the client is gone.
    #[schema(required = true)]
    client_name: Option<String>,
    /// What is allowed, as scope tokens with spaces between them.
    #[schema(example = "integrations:read")]
    scope: String,
    /// The resource that tokens are for (RFC 8707).
    #[schema(required = true)]
    resource: Option<String>,
    #[schema(format = "date-time")]
    created: String,
    /// When a token was last issued.
    #[schema(format = "date-time")]
    last_used: String,
    #[schema(format = "date-time")]
    expires: String,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            client_id: grant.client_id,
            client_name: grant.client_name,
            scope: grant.scope,
            resource: grant.resource,
            created: iso(grant.created_at),
            last_used: iso(grant.used_at),
            expires: iso(grant.expires_at),
        }
    }
}

/// Lists what the caller allows OAuth clients at present, the latest first.
#[utoipa::path(
    get,
    path = "/api/oauth-grants",
    operation_id = "listOAuthGrants",
    tag = "oauth",
    security(("bearer" = [])),
    responses((status = 200, description = "The grants, 1,000 at most.", body = Vec<GrantView>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
) -> Result<Json<Vec<GrantView>>, Rejection> {
    let grants = app.authorization.grants_of(&Owner::from(&caller.actor)).await.map_err(refused)?;
    Ok(Json(grants.into_iter().map(GrantView::from).collect()))
}

/// Takes back what the caller allowed a client. Its tokens no longer count: here at once; other hosts of the same database read it once
/// a second.
#[utoipa::path(
    delete,
    path = "/api/oauth-grants/{id}",
    operation_id = "revokeOAuthGrant",
    tag = "oauth",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The grant.")),
    responses(
        (status = 204, description = "It is revoked."),
        (status = 404, description = "The caller has no such grant."),
    ),
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<StatusCode, Rejection> {
    if app.authorization.revoke_own(&Owner::from(&caller.actor), &id).await.map_err(refused)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let words = "you allow nothing under this id; GET /api/oauth-grants lists what you allow";
    Err(Rejection::new(StatusCode::NOT_FOUND, "grant_not_found", "Grant not found", words))
}
