//! The value of a connection, for other runtimes of the operator.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use leno_base::{ExternalId, Owner};
use leno_metadata::{ConnectionValue, Problem as Fault};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{not_found, refused};
use crate::{
    api::{App, schema},
    edge::{
        Rejection,
        authorization::Internal,
        extract::{Path, Query},
    },
};

/// A connection with its value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted<'a> {
    id: &'a str,
    external_id: &'a str,
    r#type: &'a str,
    piece_name: &'a str,
    value: &'a RawValue,
}

/// Returns the decrypted value of a connection, with a valid token.
///
/// For the operator's own processes that run pieces. The refresh token and the client's secret are left out: a service
/// call needs neither, and both outlive the access token. `privileged=true` adds them. Every read is audited.
#[utoipa::path(
    get,
    path = "/api/internal/connections/{externalId}/decrypt",
    operation_id = "decryptConnection",
    tag = "connections",
    security(("internal" = [])),
    params(
        ("externalId" = String, Path, description = "The name that flows use."),
        ("tenantId" = String, Query, description = "The owner's tenant: external ids are unique only per owner."),
        ("ownerId" = String, Query, description = "The owner: a user of the tenant."),
        ("privileged" = Option<bool>, Query, description = "Whether the value includes the refresh token and the client secret."),
    ),
    responses(
        (status = 200, description = "The connection with its value.", body = schema::DecryptedConnection),
        (status = 404, description = "The owner has no such connection."),
        (status = 424, description = "The connection does not work; its owner must connect again."),
        (status = 503, description = "The token is being renewed; `Retry-After` says when to retry."),
    ),
)]
pub(in crate::api) async fn decrypt(
    _: Internal,
    State(app): State<Arc<App>>,
    Path(external_id): Path<String>,
    query: Query,
) -> Result<Response, Rejection> {
    let mut faults = Vec::new();
    let mut required = |name: &'static str| {
        let value = query.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        if value.is_none() {
            faults.push(Fault::new(name, "is missing; name the owner of the connection"));
        }
        value
    };
    let (tenant, user) = (required("tenantId"), required("ownerId"));
    let privileged = query.flag("privileged").unwrap_or_else(|fault| {
        faults.push(fault);
        false
    });
    let (Some(tenant), Some(user), true) = (tenant, user, faults.is_empty()) else {
        return Err(Rejection::invalid_query(faults));
    };
    let owner = Owner { tenant: tenant.into(), user: user.into() };
    let Ok(external_id) = external_id.parse::<ExternalId>() else { return Err(not_found()) };
    let stored = app.connections.find(&owner, &external_id).await.map_err(refused)?;
    let value = stored.value().await.map_err(refused)?;
    let event = if privileged { "secret.decrypted_privileged" } else { "secret.decrypted" };
    // First the record, then the secret.
    app.connections.audit(stored.row(), "internal", event, serde_json::json!({})).await.map_err(refused)?;
    let text = if privileged { value.to_json() } else { ConnectionValue::reveal(&value) };
    let value = serde_json::from_str::<&RawValue>(text.expose_secret())
        .map_err(|_| Rejection::internal("a connection value is not JSON"))?;
    let row = stored.row();
    let answer =
        Decrypted { id: &row.id, external_id: &row.external_id, r#type: &row.kind, piece_name: &row.piece_name, value };
    Ok(Json(answer).into_response())
}
