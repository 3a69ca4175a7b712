//! Removing users and tenants, with everything that is theirs.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use leno_base::{Owner, TenantId};
use leno_connections::{ConnectionError, Erased};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, connections::refused};
use crate::edge::{Rejection, authorization::Operator, extract::Path};

/// What was removed.
#[derive(Serialize, ToSchema)]
#[schema(as = Erased)]
pub(super) struct ErasedView {
    /// How many users.
    users: u64,
    /// How many connections of theirs.
    connections: u64,
}

impl From<Erased> for ErasedView {
    fn from(erased: Erased) -> Self {
        Self { users: erased.users, connections: erased.connections }
    }
}

/// Removes a user with everything that is theirs: connections, references of workflows, event endpoints, events, sign-ins.
///
/// Tokens are revoked at the providers where pieces say how. The audit log stays, and says who asked for it. A token of the user
/// that is still valid can store things again.
#[utoipa::path(
    delete,
    path = "/api/admin/tenants/{tenantId}/users/{userId}",
    operation_id = "eraseUser",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(
        ("tenantId" = String, Path, description = "The tenant."),
        ("userId" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "What was removed.", body = ErasedView),
        (status = 403, description = "The caller is not an operator."),
        (status = 404, description = "Nothing is known of the user."),
    ),
)]
pub(super) async fn user(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path((tenant, user)): Path<(String, String)>,
) -> Result<Json<ErasedView>, Rejection> {
    let owner = Owner { tenant: tenant.into(), user: user.into() };
    let erased = app.connections.erase_user(&operator.to_string(), &owner).await;
    Ok(Json(
        erased
            .map_err(|error| match error {
                ConnectionError::NotFound => {
                    let detail = "nothing is known of this user in this tenant";
                    Rejection::new(StatusCode::NOT_FOUND, "user_not_found", "User not found", detail)
                }
                error => refused(error),
            })?
            .into(),
    ))
}

/// Removes a tenant: its users with everything that is theirs, what pieces stored for it, its OAuth apps.
///
/// It may take long; a request that was interrupted can be repeated.
#[utoipa::path(
    delete,
    path = "/api/admin/tenants/{tenantId}",
    operation_id = "eraseTenant",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(("tenantId" = String, Path, description = "The tenant.")),
    responses(
        (status = 200, description = "What was removed; nothing for an unknown tenant.", body = ErasedView),
        (status = 403, description = "The caller is not an operator."),
    ),
)]
pub(super) async fn tenant(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<ErasedView>, Rejection> {
    let erased = app.connections.erase_tenant(&operator.to_string(), &TenantId::from(tenant)).await;
    Ok(Json(erased.map_err(refused)?.into()))
}
