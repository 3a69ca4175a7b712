//! People without an account.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use leno_base::{TenantId, budget::Spec};
use leno_connections::ConnectionError;
use leno_metadata::Problem as Fault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App,
    connections::{owner, refused},
};
use crate::{
    edge::{
        Rejection,
        authorization::{Authorized, Internal},
        budgets,
        extract::{JsonBody, Kind, Member},
    },
    identity::{Permission, Subject},
};

/// How long the token of an anonymous user is valid.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The tenant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AnonymousUserRequest)]
pub(super) struct AnonymousBody {
    /// The tenant that the user belongs to.
    #[schema(format = "uuid")]
    tenant_id: String,
}

impl JsonBody for AnonymousBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[Member { name: "tenantId", kind: Kind::Text, required: true }];
    const EXAMPLE: &'static str = r#"{"tenantId": "UUID"}"#;
}

/// A user without an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnonymousUser {
    #[schema(format = "uuid")]
    user_id: String,
    /// An access token. With it, the user's connections can be linked to an account.
    token: String,
    /// The lifetime of the token, in seconds.
    expires_in: u64,
}

/// Creates a user without an account, for trials on the operator's own pages.
#[utoipa::path(
    post,
    path = "/api/users/anonymous",
    operation_id = "makeAnonymousUser",
    tag = "users",
    security(("internal" = [])),
    request_body = AnonymousBody,
    responses((status = 201, description = "The user, with an access token.", body = AnonymousUser)),
)]
pub(super) async fn anonymous(
    internal: Internal,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<AnonymousUser>), Rejection> {
    let (body, _memory) = app.bodies.json::<AnonymousBody>(&internal, request).await?;
    let Ok(tenant_id) = body.tenant_id.parse::<Uuid>() else {
        return Err(Rejection::invalid_members(vec![Fault::new("/tenantId", "must be a UUID")]));
    };
    let user = app.connections.anonymous(TenantId::from(tenant_id.to_string())).await.map_err(refused)?;
    let user_id = user.user.as_str().parse::<Uuid>().map_err(|error| Rejection::internal(error.to_string()))?;
    let permissions = Permission::CONNECTIONS.iter().map(|one| one.as_str().to_owned()).collect();
    let token = app.identity.mint(&Subject { user_id, tenant_id, permissions, ..Subject::default() }, LIFETIME);
    let user = AnonymousUser { user_id: user_id.to_string(), token, expires_in: LIFETIME.as_secs() };
    Ok((StatusCode::CREATED, Json(user)))
}

/// The anonymous user to take over.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LinkRequest)]
pub(super) struct LinkBody {
    /// The access token of the user without an account; it proves that the caller was that user.
    anonymous_token: String,
}

impl JsonBody for LinkBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[Member { name: "anonymousToken", kind: Kind::Text, required: true }];
    const EXAMPLE: &'static str = r#"{"anonymousToken": "TOKEN"}"#;
}

/// What was moved.
#[derive(Serialize, ToSchema)]
#[schema(as = Linked)]
pub(super) struct Linked {
    connections: Vec<LinkedConnection>,
}

/// A connection that was moved.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkedConnection {
    /// Its external id now.
    external_id: String,
    /// Its former external id; it differs if the caller had a connection with the same one.
    previous_external_id: String,
}

/// Moves everything of a user without an account to the caller: connections, and the workflows' references to them.
///
/// Moves all or nothing. If both have a connection with the same external id, a number is appended to the moved one's.
#[utoipa::path(
    post,
    path = "/api/users/link",
    operation_id = "linkUser",
    tag = "users",
    request_body = LinkBody,
    responses(
        (status = 200, description = "What was moved.", body = Linked),
        (status = 404, description = "The token does not belong to a user without an account in the caller's tenant, or the user is linked already."),
    ),
)]
pub(super) async fn link(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Linked>, Rejection> {
    let (body, _memory) = app.bodies.json::<LinkBody>(&caller, request).await?;
    let nobody = || {
        let detail =
            "the token does not belong to a user without an account in your tenant, or that user is linked already";
        Rejection::new(StatusCode::NOT_FOUND, "user_not_found", "User not found", detail)
    };
    let anonymous = app.identity.verify(&body.anonymous_token).map_err(|_| nobody())?;
    let moved = app.connections.link(&owner(&anonymous), &owner(&caller)).await.map_err(|error| match error {
        ConnectionError::NotFound => nobody(),
        error => refused(error),
    })?;
    let one =
        |moved: leno_connections::Moved| LinkedConnection { external_id: moved.to, previous_external_id: moved.from };
    Ok(Json(Linked { connections: moved.into_iter().map(one).collect() }))
}
