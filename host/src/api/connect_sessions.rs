//! Connect sessions: links by which a connection is made on a page of this host.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Request, State},
};
use http::{StatusCode, request::Parts};
use leno_base::{ExternalId, Owner, budget::Spec, iso};
use leno_connections::{ConnectDraft, ConnectSession, Progress};
use leno_metadata::{PieceName, Problem as Fault};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    App,
    connections::{input, refused, upsert::piece_unknown},
};
use crate::{
    connect::opened,
    edge::{
        Rejection,
        authorization::{Authorized, INTERNAL_TOKEN, Internal, require},
        bodies::Payer,
        budgets,
        extract::{JsonBody, Kind, Member, Path},
    },
    identity::{Caller, Permission},
};

/// The connection that a link is for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectSessionRequest, example = json!({
    "pieceName": "crm", "externalId": "crm-main", "displayName": "Main CRM", "origin": "https://app.gauzy.co"
}))]
pub(super) struct OpenBody {
    /// `slack` or `@activepieces/piece-slack`.
    piece_name: String,
    /// The stable name that flows refer to. A connection of the owner with this name is replaced.
    external_id: String,
    /// The name shown to users; the external id if absent.
    display_name: Option<String>,
    /// Any JSON object; returned to clients.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Fields of the form by name, which are filled in and not shown: of a CUSTOM_AUTH or OAUTH2 piece its props, and
    /// `client_id` and `client_secret`.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
    /// The origin of the page that embeds the link and is told of the end: one of `LENO_ALLOWED_ORIGINS`, or this host's own.
    origin: Option<String>,
    /// The owner's tenant. Only with the internal token; else it is the caller's.
    tenant_id: Option<String>,
    /// The owner: a user of the tenant. Only with the internal token; else it is the caller.
    owner_id: Option<String>,
}

impl JsonBody for OpenBody {
    const LIMIT: &'static Spec = &budgets::CONNECTION_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "pieceName", kind: Kind::Text, required: true },
        Member { name: "externalId", kind: Kind::Text, required: true },
        Member { name: "displayName", kind: Kind::Text, required: false },
        Member { name: "metadata", kind: Kind::Object, required: false },
        Member { name: "fields", kind: Kind::Object, required: false },
        Member { name: "origin", kind: Kind::Text, required: false },
        Member { name: "tenantId", kind: Kind::Text, required: false },
        Member { name: "ownerId", kind: Kind::Text, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"pieceName": "NAME", "externalId": "ID"}"#;
}

/// A link that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenedConnectSession)]
pub(super) struct OpenedView {
    /// Its name here. It does not open the link.
    id: String,
    /// What the link ends with: whoever has it can enter the credentials.
    token: String,
    /// The link, for a browser.
    url: String,
    #[schema(format = "date-time")]
    expires_at: String,
}

/// How far a link is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectSession)]
pub(super) struct SessionView {
    id: String,
    /// `OPEN`, `TAKEN`, `DONE`, or `EXHAUSTED` when too many credentials were refused.
    status: &'static str,
    piece_name: String,
    external_id: String,
    /// The row id of the connection that was made.
    #[schema(required = true)]
    connection_id: Option<String>,
    #[schema(format = "date-time")]
    expires_at: String,
}

impl SessionView {
    fn of(session: ConnectSession) -> Self {
        Self {
            id: session.id().to_owned(),
            status: match session.progress() {
                Progress::Open => "OPEN",
                Progress::Taken => "TAKEN",
                Progress::Done => "DONE",
                Progress::Exhausted => "EXHAUSTED",
            },
            connection_id: session.connection_id().map(str::to_owned),
            expires_at: iso(session.expires_at()),
            piece_name: session.draft.piece_name,
            external_id: session.draft.external_id.to_string(),
        }
    }
}

/// Who makes a link: the user who will own the connection, or a process of the operator for any user.
pub(super) enum Maker {
    User(Caller),
    Internal,
}

impl FromRequestParts<Arc<App>> for Maker {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Rejection> {
        if parts.headers.contains_key(INTERNAL_TOKEN) {
            Internal::from_request_parts(parts, app).await?;
            return Ok(Self::Internal);
        }
        let Authorized(caller) = Authorized::from_request_parts(parts, app).await?;
        require(&caller, Permission::AddConnections)?;
        Ok(Self::User(caller))
    }
}

impl Maker {
    fn payer(&self) -> Payer {
        match self {
            Self::User(caller) => caller.into(),
            Self::Internal => Payer::Operator,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::User(caller) => Owner::from(&caller.actor).actor(),
            Self::Internal => "internal".to_owned(),
        }
    }

    /// Who the connection will belong to. A user makes links for nobody else: the connection would be theirs without their
    /// doing.
    fn owner(&self, tenant: Option<String>, user: Option<String>, faults: &mut Vec<Fault>) -> Option<Owner> {
        match (self, tenant, user) {
            (Self::User(caller), None, None) => Some(Owner::from(&caller.actor)),
            (Self::User(caller), tenant, user) => {
                let owner = Owner::from(&caller.actor);
                let is_own = tenant.is_none_or(|id| id == owner.tenant.as_str())
                    && user.is_none_or(|id| id == owner.user.as_str());
                if !is_own {
                    let words = "names another user; only the operator's own processes make links for others";
                    faults.push(Fault::new("/ownerId", words));
                }
                is_own.then_some(owner)
            }
            (Self::Internal, Some(tenant), Some(user)) if !tenant.is_empty() && !user.is_empty() => {
                Some(Owner { tenant: tenant.into(), user: user.into() })
            }
            (Self::Internal, ..) => {
                faults.push(Fault::new("/ownerId", "send tenantId and ownerId: the internal token names no user"));
                None
            }
        }
    }
}

/// Makes a link to a page of this host where the credentials of one connection are entered.
///
/// The page shows the piece's form, signs in at its provider, tries the credentials, and stores the connection for the owner. The
/// link is good for 30 minutes and for one connection. A page of `origin` may show it in a window or a frame, and gets
/// `{type: "leno:connected", sessionId, connectionId, externalId, pieceName}` by `postMessage`.
#[utoipa::path(
    post,
    path = "/api/connect-sessions",
    operation_id = "openConnectSession",
    tag = "connections",
    security(("bearer" = []), ("internal" = [])),
    request_body = OpenBody,
    responses(
        (status = 201, description = "The link.", body = OpenedView),
        (status = 403, description = "The token does not have the permission that this needs; `WWW-Authenticate` names it."),
        (status = 404, description = "This host does not have the piece."),
        (status = 429, description = "Too many links of the user or the tenant are open."),
    ),
)]
pub(super) async fn open(
    maker: Maker,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<OpenedView>), Rejection> {
    let (body, _memory) = app.bodies.json::<OpenBody>(maker.payer(), request).await?;
    input::sizes(&app, body.fields.as_ref(), body.metadata.as_ref())?;
    let mut faults = Vec::new();
    let owner = maker.owner(body.tenant_id, body.owner_id, &mut faults);
    if let Err(error) = body.piece_name.parse::<PieceName>() {
        faults.push(Fault::new("/pieceName", error.to_string()));
    }
    let external_id = body.external_id.parse::<ExternalId>();
    let external_id = external_id.map_err(|error| faults.push(Fault::new("/externalId", error.to_string()))).ok();
    if body.display_name.as_ref().is_some_and(|name| !input::is_name(name)) {
        faults.push(Fault::new("/displayName", input::NAME));
    }
    let allowed = |origin: &String| *origin == app.public_url.origin() || app.oauth_app.origins.contains(origin);
    if !body.origin.as_ref().is_none_or(allowed) {
        let words = "is not among the origins that the operator allows (LENO_ALLOWED_ORIGINS)";
        faults.push(Fault::new("/origin", words));
    }
    let (Some(owner), Some(external_id), true) = (owner, external_id, faults.is_empty()) else {
        return Err(Rejection::invalid_members(faults));
    };
    let Some(piece) = input::piece(&app, &body.piece_name) else { return Err(piece_unknown(&body.piece_name)) };
    if input::auths(&piece).is_empty() {
        let fault = Fault::new("/pieceName", "the piece takes no connection");
        return Err(Rejection::invalid_members(vec![fault]));
    }
    let draft = ConnectDraft {
        piece_name: body.piece_name,
        display_name: body.display_name.unwrap_or_else(|| external_id.to_string()),
        external_id,
        metadata: body.metadata,
        fields: body.fields.unwrap_or_default(),
        origin: body.origin,
    };
    let made = app.connections.open_session(&owner, &maker.name(), &draft).await.map_err(refused)?;
    let token = made.token.expose_secret().to_owned();
    let url = opened::url(&app, &token);
    Ok((StatusCode::CREATED, Json(OpenedView { id: made.id, token, url, expires_at: iso(made.expires_at) })))
}

/// Returns how far a link of the caller's is.
#[utoipa::path(
    get,
    path = "/api/connect-sessions/{id}",
    operation_id = "getConnectSession",
    tag = "connections",
    params(("id" = String, Path, description = "The session.")),
    responses(
        (status = 200, description = "The session.", body = SessionView),
        (status = 404, description = "The caller has no such session, or it has ended."),
    ),
)]
pub(super) async fn show(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<SessionView>, Rejection> {
    require(&caller, Permission::ViewConnections)?;
    let session = app.connections.session_by_id(&Owner::from(&caller.actor), &id).await.map_err(ended)?;
    Ok(Json(SessionView::of(session)))
}

/// Ends a link of the caller's before its time.
#[utoipa::path(
    delete,
    path = "/api/connect-sessions/{id}",
    operation_id = "closeConnectSession",
    tag = "connections",
    params(("id" = String, Path, description = "The session.")),
    responses(
        (status = 204, description = "The link opens no more."),
        (status = 404, description = "The caller has no such session, or it has ended."),
    ),
)]
pub(super) async fn close(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Rejection> {
    require(&caller, Permission::AddConnections)?;
    app.connections.close_session(&Owner::from(&caller.actor), &id).await.map_err(ended)?;
    Ok(StatusCode::NO_CONTENT)
}

fn ended(error: leno_connections::ConnectionError) -> Rejection {
    match error {
        leno_connections::ConnectionError::NotFound => {
            let detail = "you have no such connect session, or it has ended";
            Rejection::new(StatusCode::NOT_FOUND, "session_not_found", "Connect session not found", detail)
        }
        error => refused(error),
    }
}
