//! OAuth clients of a tenant.

mod wire;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use leno_authorization::{OAuthError, Problem, registry::RegistryError};
use leno_base::{Owner, TenantId};
use leno_metadata::Problem as Fault;
use secrecy::ExposeSecret as _;

use self::wire::{ChangeBody, ClientBody, ClientView, Page};
use super::App;
use crate::{
    edge::{
        Rejection,
        authorization::{Authorized, require},
        extract::{Path, Query},
    },
    identity::{Caller, Permission},
};

/// Clients of a page by default.
const TAKE: i64 = 20;
/// The largest page.
const MOST: i64 = 100;

/// Registers an OAuth client for the users of the caller's tenant. Its secret is shown this once.
#[utoipa::path(
    post,
    path = "/api/oauth-clients",
    operation_id = "registerOAuthClient",
    tag = "oauth",
    security(("bearer" = [])),
    request_body = ClientBody,
    responses(
        (status = 201, description = "The client, with its secret.", body = ClientView),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_EDIT."),
        (status = 409, description = "There are as many clients as there may be."),
    ),
)]
pub(in crate::api) async fn register(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    request: Request,
) -> Result<Response, Rejection> {
    require(&caller, Permission::EditClients)?;
    let (body, _memory) = app.bodies.json::<ClientBody>(&caller, request).await?;
    let registration = body.check(tenant(&caller))?;
    let owner = Owner::from(&caller.actor);
    let (registered, secret) =
        app.authorization.register(&owner, &owner.actor(), registration).await.map_err(not_done)?;
    let secret = secret.map(|secret| secret.expose_secret().to_owned());
    Ok(once(StatusCode::CREATED, &ClientView::new(registered, secret)))
}

/// Lists the OAuth clients of the caller's tenant, in the order of their registration.
#[utoipa::path(
    get,
    path = "/api/oauth-clients",
    operation_id = "listOAuthClients",
    tag = "oauth",
    security(("bearer" = [])),
    params(
        ("skip" = Option<u32>, Query, description = "How many to pass over.", minimum = 0, maximum = 1_000_000),
        ("take" = Option<u32>, Query, description = "The maximum number; 20 if absent.", minimum = 1, maximum = 100),
    ),
    responses(
        (status = 200, description = "A page.", body = Page),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_VIEW."),
    ),
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    query: Query,
) -> Result<Json<Page>, Rejection> {
    require(&caller, Permission::ViewClients)?;
    let number = |name: &'static str, range: std::ops::RangeInclusive<i64>, default: i64| match query.get(name) {
        None => Ok(default),
        Some(text) => text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            Fault::new(name, format!("must be a whole number from {} to {}", range.start(), range.end()))
        }),
    };
    let (skip, take) = (number("skip", 0..=1_000_000, 0), number("take", 1..=MOST, TAKE));
    let (skip, take) = match (skip, take) {
        (Ok(skip), Ok(take)) => (skip, take),
        (skip, take) => return Err(Rejection::invalid_query([skip.err(), take.err()].into_iter().flatten().collect())),
    };
    let (clients, total) = app.authorization.clients(Some(tenant(&caller)), skip, take).await.map_err(not_done)?;
    Ok(Json(Page { items: clients.into_iter().map(|client| ClientView::new(client, None)).collect(), total }))
}

/// Shows an OAuth client.
#[utoipa::path(
    get,
    path = "/api/oauth-clients/{clientId}",
    operation_id = "showOAuthClient",
    tag = "oauth",
    security(("bearer" = [])),
    params(("clientId" = String, Path, description = "The client.")),
    responses(
        (status = 200, description = "The client.", body = ClientView),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_VIEW."),
        (status = 404, description = "The tenant has no such client."),
    ),
)]
pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<Json<ClientView>, Rejection> {
    require(&caller, Permission::ViewClients)?;
    let found = app.authorization.find_client(Some(tenant(&caller)), &id).await.map_err(not_done)?;
    found.map(|client| Json(ClientView::new(client, None))).ok_or_else(missing)
}

/// Changes an OAuth client.
#[utoipa::path(
    patch,
    path = "/api/oauth-clients/{clientId}",
    operation_id = "changeOAuthClient",
    tag = "oauth",
    security(("bearer" = [])),
    params(("clientId" = String, Path, description = "The client.")),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The client.", body = ClientView),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_EDIT."),
        (status = 404, description = "The tenant has no such client."),
        (status = 409, description = "Somebody else changed it at the same time."),
    ),
)]
pub(in crate::api) async fn change(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<ClientView>, Rejection> {
    require(&caller, Permission::EditClients)?;
    let (body, _memory) = app.bodies.json::<ChangeBody>(&caller, request).await?;
    let change = body.check()?;
    let actor = Owner::from(&caller.actor).actor();
    let changed =
        app.authorization.change_client(Some(tenant(&caller)), &actor, &id, change).await.map_err(not_done)?;
    changed.map(|client| Json(ClientView::new(client, None))).ok_or_else(missing)
}

/// Gives an OAuth client another secret, shown this once. The one before stays good until the next time.
#[utoipa::path(
    post,
    path = "/api/oauth-clients/{clientId}/rotate-secret",
    operation_id = "rotateOAuthClientSecret",
    tag = "oauth",
    security(("bearer" = [])),
    params(("clientId" = String, Path, description = "The client.")),
    responses(
        (status = 200, description = "The client, with its new secret.", body = ClientView),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_EDIT."),
        (status = 404, description = "The tenant has no such client."),
        (status = 409, description = "Somebody else changed it at the same time."),
    ),
)]
pub(in crate::api) async fn rotate(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<Response, Rejection> {
    require(&caller, Permission::EditClients)?;
    let actor = Owner::from(&caller.actor).actor();
    let done = app.authorization.rotate_secret(Some(tenant(&caller)), &actor, &id).await.map_err(not_done)?;
    let (client, secret) = done.ok_or_else(missing)?;
    Ok(once(StatusCode::OK, &ClientView::new(client, Some(secret.expose_secret().to_owned()))))
}

/// Removes an OAuth client. What users allowed it is revoked.
#[utoipa::path(
    delete,
    path = "/api/oauth-clients/{clientId}",
    operation_id = "removeOAuthClient",
    tag = "oauth",
    security(("bearer" = [])),
    params(("clientId" = String, Path, description = "The client.")),
    responses(
        (status = 204, description = "It is removed."),
        (status = 403, description = "The caller has not the permission OAUTH_CLIENT_EDIT."),
        (status = 404, description = "The tenant has no such client."),
    ),
)]
pub(in crate::api) async fn remove(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<StatusCode, Rejection> {
    require(&caller, Permission::EditClients)?;
    let actor = Owner::from(&caller.actor).actor();
    match app.authorization.remove_client(Some(tenant(&caller)), &actor, &id).await.map_err(not_done)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

fn tenant(caller: &Caller) -> &TenantId {
    &caller.actor.tenant
}

/// A response with a secret, which no cache keeps.
fn once(status: StatusCode, view: &ClientView) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, Json(view)).into_response()
}

fn missing() -> Rejection {
    let words = "your tenant has no such client; GET /api/oauth-clients lists those it has";
    Rejection::new(StatusCode::NOT_FOUND, "oauth_client_not_found", "OAuth client not found", words)
}

fn not_done(error: RegistryError) -> Rejection {
    match error {
        RegistryError::Invalid(faults) => {
            Rejection::invalid_members(faults.into_iter().map(|(path, wrong)| Fault::new(path, wrong)).collect())
        }
        RegistryError::Full(refusal) => {
            let words = format!("{refusal}; remove a client first");
            Rejection::full(&refusal, "too_many_oauth_clients", "Too many OAuth clients", words)
        }
        RegistryError::Changed => {
            Rejection::new(StatusCode::CONFLICT, "oauth_client_changed", "Changed meanwhile", error.to_string())
        }
        RegistryError::OAuth(error) => refused(error),
    }
}

/// A failure of the authorization server, as a problem.
pub(in crate::api) fn refused(error: OAuthError) -> Rejection {
    match (error.problem, &error.exhausted, error.cause) {
        (_, Some(refusal), _) => Rejection::exhausted(refusal),
        (Problem::TemporarilyUnavailable, None, _) => {
            let words = error.description;
            let rejection = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available", words);
            rejection.retry_after(error.retry_after.unwrap_or_default())
        }
        (_, None, cause) => Rejection::internal(cause.unwrap_or_default()),
    }
}
