//! OAuth clients of a tenant.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use leno_authorization::{
    ClientKind, ClientSettings, GrantType, OAuthError, Problem,
    registry::{Change, Registered, Registration, RegistryError},
};
use leno_base::{Owner, TenantId, budget::Spec, iso};
use leno_metadata::Problem as Fault;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use crate::{
    edge::{
        Rejection,
        authorization::{Authorized, require},
        budgets,
        extract::{JsonBody, Kind, Member, Path, Query},
    },
    identity::{Caller, Permission},
};

/// Clients of a page by default.
const TAKE: i64 = 20;
/// The largest page.
const MOST: i64 = 100;

/// A client that is to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OAuthClientRequest, example = json!({"name": "Activepieces", "redirectUris": ["https://cloud.activepieces.com/redirect"]}))]
pub(super) struct ClientBody {
    /// What people see, up to 100 characters.
    name: String,
    /// What people read about it, up to 500 characters.
    description: Option<String>,
    /// `confidential` or `public`; `confidential` if absent.
    client_type: Option<String>,
    /// Where codes may be sent: https, or http to a loopback address; each by exact match.
    redirect_uris: Vec<String>,
    /// The scopes that it may ask for; any, if absent.
    allowed_scopes: Option<Vec<String>>,
    /// `authorization_code` and `refresh_token`; both if absent.
    allowed_grant_types: Option<Vec<String>>,
    /// Whether it must use PKCE; public clients always must.
    pkce_required: Option<bool>,
    /// How long an access token lives, in seconds: 60 to 604800; a day if absent.
    access_token_ttl: Option<u64>,
    /// How long a refresh token lives, in seconds: 60 to 7776000; 30 days if absent.
    refresh_token_ttl: Option<u64>,
}

impl JsonBody for ClientBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "name", kind: Kind::Text, required: true },
        Member { name: "description", kind: Kind::Text, required: false },
        Member { name: "clientType", kind: Kind::Text, required: false },
        Member { name: "redirectUris", kind: Kind::List, required: true },
        Member { name: "allowedScopes", kind: Kind::List, required: false },
        Member { name: "allowedGrantTypes", kind: Kind::List, required: false },
        Member { name: "accessTokenTtl", kind: Kind::Count, required: false },
        Member { name: "refreshTokenTtl", kind: Kind::Count, required: false },
    ];
    const EXAMPLE: &'static str =
        r#"{"name": "Activepieces", "redirectUris": ["https://cloud.activepieces.com/redirect"]}"#;
}

/// What is to be changed of a client; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OAuthClientChange, example = json!({"isActive": false}))]
pub(super) struct ChangeBody {
    name: Option<String>,
    description: Option<String>,
    redirect_uris: Option<Vec<String>>,
    allowed_scopes: Option<Vec<String>>,
    allowed_grant_types: Option<Vec<String>>,
    pkce_required: Option<bool>,
    access_token_ttl: Option<u64>,
    refresh_token_ttl: Option<u64>,
    /// Switched off, a client can do nothing, and what users allowed it is revoked.
    is_active: Option<bool>,
}

impl JsonBody for ChangeBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "name", kind: Kind::Text, required: false },
        Member { name: "description", kind: Kind::Text, required: false },
        Member { name: "redirectUris", kind: Kind::List, required: false },
        Member { name: "allowedScopes", kind: Kind::List, required: false },
        Member { name: "allowedGrantTypes", kind: Kind::List, required: false },
        Member { name: "accessTokenTtl", kind: Kind::Count, required: false },
        Member { name: "refreshTokenTtl", kind: Kind::Count, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"isActive": false}"#;
}

/// A registered client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OAuthClient)]
pub(super) struct ClientView {
    client_id: String,
    name: String,
    description: String,
    #[schema(example = "confidential")]
    client_type: &'static str,
    redirect_uris: Vec<String>,
    /// `null`: any.
    #[schema(required = true)]
    allowed_scopes: Option<Vec<String>>,
    allowed_grant_types: Vec<&'static str>,
    pkce_required: bool,
    access_token_ttl: u64,
    refresh_token_ttl: u64,
    is_active: bool,
    /// How many secrets are good at present: two while one is changed.
    secrets: usize,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    updated: String,
    /// The secret, in the response to its registration and rotation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// A page of clients.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthClientPage)]
pub(super) struct Page {
    items: Vec<ClientView>,
    total: i64,
}

impl ClientView {
    fn new(registered: Registered, secret: Option<String>) -> Self {
        let client = registered.client;
        let settings = client.settings;
        Self {
            client_id: client.id,
            name: client.name,
            description: settings.description,
            client_type: settings.client_type.as_str(),
            redirect_uris: settings.redirect_uris,
            allowed_scopes: settings.allowed_scopes,
            allowed_grant_types: settings.allowed_grant_types.iter().map(|grant| grant.as_str()).collect(),
            pkce_required: settings.pkce_required,
            access_token_ttl: settings.access_token_ttl,
            refresh_token_ttl: settings.refresh_token_ttl,
            is_active: client.active,
            secrets: client.secrets.len(),
            created: iso(registered.created_at),
            updated: iso(registered.updated_at),
            client_secret: secret,
        }
    }
}

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
pub(super) async fn register(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    request: Request,
) -> Result<Response, Rejection> {
    require(&caller, Permission::EditClients)?;
    let (body, _memory) = app.bodies.json::<ClientBody>(&caller, request).await?;
    let mut faults = Vec::new();
    let client_type = match body.client_type.as_deref() {
        None | Some("confidential") => ClientKind::Confidential,
        Some("public") => ClientKind::Public,
        Some(_) => {
            faults.push(Fault::new("/clientType", "must be confidential or public"));
            ClientKind::Confidential
        }
    };
    let grants = body.allowed_grant_types.map(|names| grants(&names, &mut faults));
    if !faults.is_empty() {
        return Err(Rejection::invalid_members(faults));
    }
    let usual = ClientSettings::new(client_type, body.redirect_uris);
    let registration = Registration {
        name: body.name,
        settings: ClientSettings {
            description: body.description.unwrap_or_default(),
            allowed_scopes: body.allowed_scopes,
            allowed_grant_types: grants.unwrap_or(usual.allowed_grant_types),
            pkce_required: body.pkce_required.unwrap_or(usual.pkce_required),
            access_token_ttl: body.access_token_ttl.unwrap_or(usual.access_token_ttl),
            refresh_token_ttl: body.refresh_token_ttl.unwrap_or(usual.refresh_token_ttl),
            ..usual
        },
        tenant: Some(caller.actor.tenant.clone()),
        life: None,
    };
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
pub(super) async fn list(
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
pub(super) async fn show(
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
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<ClientView>, Rejection> {
    require(&caller, Permission::EditClients)?;
    let (body, _memory) = app.bodies.json::<ChangeBody>(&caller, request).await?;
    let mut faults = Vec::new();
    let change = Change {
        name: body.name,
        description: body.description,
        redirect_uris: body.redirect_uris,
        allowed_scopes: body.allowed_scopes,
        allowed_grant_types: body.allowed_grant_types.map(|names| grants(&names, &mut faults)),
        pkce_required: body.pkce_required,
        access_token_ttl: body.access_token_ttl,
        refresh_token_ttl: body.refresh_token_ttl,
        active: body.is_active,
    };
    if !faults.is_empty() {
        return Err(Rejection::invalid_members(faults));
    }
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
pub(super) async fn rotate(
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
pub(super) async fn remove(
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

fn grants(names: &[String], faults: &mut Vec<Fault>) -> Vec<GrantType> {
    let mut known = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match GrantType::parse(name) {
            Some(grant) => known.push(grant),
            None => {
                let path = format!("/allowedGrantTypes/{at}");
                faults.push(Fault::new(path, "must be authorization_code or refresh_token"));
            }
        }
    }
    known
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
pub(super) fn refused(error: OAuthError) -> Rejection {
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
