//! OAuth clients that the operator registers, so that users sign in without one of their own (PLATFORM_OAUTH2).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use leno_base::{TenantId, budget::Spec};
use leno_metadata::{PieceName, Problem as Fault};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, connections::refused};
use crate::edge::{
    Rejection,
    authorization::Operator,
    budgets,
    extract::{JsonBody, Kind, Member, Path, Query},
};

/// A client at a provider.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OAuthAppRequest, example = json!({"clientId": "leno", "clientSecret": "…"}))]
pub(super) struct AppBody {
    client_id: String,
    client_secret: String,
}

impl JsonBody for AppBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "clientId", kind: Kind::Text, required: true },
        Member { name: "clientSecret", kind: Kind::Text, required: true },
    ];
    const EXAMPLE: &'static str = r#"{"clientId": "ID", "clientSecret": "…"}"#;
}

/// A registered client, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OAuthApp)]
pub(super) struct AppView {
    piece_name: String,
    client_id: String,
}

/// Lists the OAuth apps of a tenant.
#[utoipa::path(
    get,
    path = "/api/admin/oauth-apps",
    operation_id = "listOAuthApps",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(("tenantId" = String, Query, description = "The tenant.")),
    responses(
        (status = 200, description = "The apps, by piece.", body = Vec<AppView>),
        (status = 403, description = "The caller is not an operator."),
    ),
)]
pub(super) async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    query: Query,
) -> Result<Json<Vec<AppView>>, Rejection> {
    let apps = app.connections.platform_apps(&tenant(&query)?).await.map_err(refused)?;
    let view = |app: leno_db::OAuthApp| AppView { piece_name: app.piece_name, client_id: app.client_id };
    Ok(Json(apps.into_iter().map(view).collect()))
}

/// Registers an OAuth app for a piece, in place of the present one.
#[utoipa::path(
    put,
    path = "/api/admin/oauth-apps/{pieceName}",
    operation_id = "putOAuthApp",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(
        ("pieceName" = String, Path, description = "The piece's short name."),
        ("tenantId" = String, Query, description = "The tenant."),
    ),
    request_body = AppBody,
    responses(
        (status = 200, description = "The registered app.", body = AppView),
        (status = 403, description = "The caller is not an operator."),
    ),
)]
pub(super) async fn put(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path(piece): Path<String>,
    query: Query,
    request: Request,
) -> Result<Json<AppView>, Rejection> {
    let (tenant, piece) = (tenant(&query)?, piece_name(&piece)?);
    let (body, _memory) = app.bodies.json::<AppBody>(&operator, request).await?;
    let mut faults = Vec::new();
    for (path, value) in [("/clientId", &body.client_id), ("/clientSecret", &body.client_secret)] {
        if value.is_empty() || value.len() > 2_048 || value.chars().any(char::is_control) {
            faults.push(Fault::new(path, "must have 1 to 2048 bytes, without control characters"));
        }
    }
    if !faults.is_empty() {
        return Err(Rejection::invalid_members(faults));
    }
    let secret = body.client_secret.into();
    let view = AppView { piece_name: piece.short().to_owned(), client_id: body.client_id };
    let done = app.connections.put_platform_app(&operator.to_string(), tenant, &piece, &view.client_id, &secret).await;
    done.map_err(refused)?;
    Ok(Json(view))
}

/// Removes the OAuth app of a piece. Connections made with it can no longer be renewed.
#[utoipa::path(
    delete,
    path = "/api/admin/oauth-apps/{pieceName}",
    operation_id = "removeOAuthApp",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(
        ("pieceName" = String, Path, description = "The piece's short name."),
        ("tenantId" = String, Query, description = "The tenant."),
    ),
    responses(
        (status = 204, description = "It is removed."),
        (status = 403, description = "The caller is not an operator."),
        (status = 404, description = "No app is registered for the piece in this tenant."),
    ),
)]
pub(super) async fn remove(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path(piece): Path<String>,
    query: Query,
) -> Result<StatusCode, Rejection> {
    let (tenant, piece) = (tenant(&query)?, piece_name(&piece)?);
    match app.connections.remove_platform_app(&operator.to_string(), &tenant, &piece).await.map_err(refused)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => {
            let detail = format!("no OAuth app is registered for piece `{piece}` in this tenant");
            Err(Rejection::new(StatusCode::NOT_FOUND, "oauth_app_not_found", "OAuth app not found", detail))
        }
    }
}

fn tenant(query: &Query) -> Result<TenantId, Rejection> {
    let tenant = query.get("tenantId").filter(|tenant| !tenant.is_empty());
    tenant.map(TenantId::from).ok_or_else(|| Rejection::invalid_query(vec![Fault::new("tenantId", "is missing")]))
}

fn piece_name(text: &str) -> Result<PieceName, Rejection> {
    text.parse::<PieceName>().map_err(|error| Rejection::bad_request("invalid_path", error.to_string()))
}
