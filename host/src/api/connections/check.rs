//! Trying a connection out: the piece itself says whether it works.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use leno_base::{Actor, budget::Spec};
use leno_connections::ConnectionError;
use leno_metadata::{Connection, ConnectionKind, PieceName, Problem as Fault, VersionReq};
use leno_pieces::StepRequest;
use leno_sandbox::{Failure, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    input, permitted, refused,
    upsert::{has_token, piece_unknown},
};
use crate::{
    api::{App, failure},
    edge::{
        Rejection,
        authorization::Authorized,
        budgets,
        extract::{JsonBody, Kind, Member, Path},
    },
    identity::{Caller, Permission},
};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ConnectionTestStatus, rename_all = "lowercase")]
pub(in crate::api) enum Verdict {
    /// Every check passed.
    Success,
    /// A check failed.
    Error,
}

/// What a test found.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionTest)]
pub(in crate::api) struct Found {
    status: Verdict,
    /// A message for users.
    message: String,
}

/// What to try.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectionTestRequest, example = json!({
    "pieceName": "crm", "type": "SECRET_TEXT", "value": {"secret_text": "…"}
}))]
pub(in crate::api) struct TestBody {
    /// `slack` or `@activepieces/piece-slack`.
    piece_name: String,
    /// As for storing.
    r#type: String,
    /// As for storing. An authorization code is not exchanged.
    #[schema(value_type = Object)]
    value: Value,
    /// The piece's version; the newest if absent.
    piece_version: Option<String>,
    /// Accepted for compatibility, as are the other members of a connection.
    #[expect(dead_code, reason = "a test stores nothing")]
    external_id: Option<String>,
    #[expect(dead_code, reason = "a test stores nothing")]
    display_name: Option<String>,
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "a test stores nothing")]
    metadata: Option<Value>,
    #[expect(dead_code, reason = "a test stores nothing")]
    project_id: Option<String>,
}

impl JsonBody for TestBody {
    const LIMIT: &'static Spec = &budgets::CONNECTION_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "pieceName", kind: Kind::Text, required: true },
        Member { name: "type", kind: Kind::Text, required: true },
        Member { name: "value", kind: Kind::Object, required: true },
        Member { name: "pieceVersion", kind: Kind::Text, required: false },
        Member { name: "externalId", kind: Kind::Text, required: false },
        Member { name: "displayName", kind: Kind::Text, required: false },
        Member { name: "metadata", kind: Kind::Object, required: false },
        Member { name: "projectId", kind: Kind::Text, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"pieceName": "NAME", "type": "SECRET_TEXT", "value": {"secret_text": "…"}}"#;
}

/// Tests credentials before they are stored.
///
/// The piece checks them in its sandbox. Of an OAuth 2.0 request with a `code`, only the members are checked: the code is
/// not exchanged.
#[utoipa::path(
    post,
    path = "/api/app-connections/test",
    operation_id = "testNewConnection",
    tag = "connections",
    request_body = TestBody,
    responses(
        (status = 200, description = "The connection works.", body = Found),
        (status = 400, description = "The test failed, or the request is invalid.",
            content((Found = "application/json"), (crate::api::problem::Members<'static> = "application/problem+json"))),
        (status = 404, description = "This host does not have the piece."),
        (status = 429, description = "Too many calls; `Retry-After` says when to retry."),
    ),
)]
pub(in crate::api) async fn new(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::AddConnections)?;
    let _trial = app.connections.trial(&owner).map_err(refused)?;
    let (body, _memory) = app.bodies.json::<TestBody>(&caller, request).await?;
    input::sizes(&app, Some(&body.value), None)?;
    let mut faults = Vec::new();
    let piece = body.piece_name.parse::<PieceName>();
    let piece = piece.map_err(|error| faults.push(Fault::new("/pieceName", error.to_string()))).ok();
    let version = body.piece_version.as_deref().unwrap_or_default().parse::<VersionReq>();
    let version = version.map_err(|error| faults.push(Fault::new("/pieceVersion", error.to_string()))).ok();
    let value = input::value(&body.r#type, body.value).map_err(|mut found| faults.append(&mut found)).ok();
    let (Some(piece), Some(version), Some(value), true) = (piece, version, value, faults.is_empty()) else {
        return Err(Rejection::invalid_members(faults));
    };
    let Some(newest) = input::piece(&app, piece.short()) else { return Err(piece_unknown(piece.short())) };
    let auths = input::auths(&newest);
    if matches!(value.kind(), ConnectionKind::OAuth2 | ConnectionKind::PlatformOAuth2) && !has_token(&value) {
        let Some(oauth2) = auths.iter().find_map(input::as_oauth2) else {
            return Ok(failed("the piece does not use OAuth 2.0 connections".into()));
        };
        return Ok(match app.connections.rehearse(&owner, piece.short(), oauth2, &value).await {
            Ok(()) => worked("the request is valid; the code is not exchanged in a test".into()),
            Err(error) => failed(error.to_string()),
        });
    }
    let value = match input::accept(value, Some(auths)) {
        Ok(value) => value,
        Err(faults) => return Ok(failed(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))),
    };
    let value: Arc<dyn Connection> = Arc::new(Arc::new(value));
    verdict(&app, &caller, &piece, &version, value, false).await
}

/// Tests a stored connection: it decrypts, its token can be renewed, and the piece reports that it works.
///
/// Of a piece that sends no request for it, the message says that the connection was not tried.
#[utoipa::path(
    post,
    path = "/api/app-connections/{id}/test",
    operation_id = "testConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The row id.")),
    responses(
        (status = 200, description = "The connection works.", body = Found),
        (status = 400, description = "The test failed.", body = Found),
        (status = 404, description = "The caller has no such connection."),
        (status = 429, description = "Too many calls; `Retry-After` says when to retry."),
    ),
)]
pub(in crate::api) async fn stored(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::ViewConnections)?;
    let _trial = app.connections.trial(&owner).map_err(refused)?;
    let stored = app.connections.find_by_id(&owner, &id).await.map_err(refused)?;
    if let Err(error) = stored.value().await {
        return match error {
            error @ (ConnectionError::Db(_) | ConnectionError::Randomness(_) | ConnectionError::Exhausted(_)) => {
                Err(refused(error))
            }
            error => Ok(failed(error.to_string())),
        };
    }
    let piece = stored.row().piece_name.parse::<PieceName>();
    let (Ok(piece), true) = (piece, input::piece(&app, &stored.row().piece_name).is_some()) else {
        let message = "stored, not tried: this host does not have the piece";
        return Ok(worked(message.into()));
    };
    verdict(&app, &caller, &piece, &VersionReq::default(), Arc::new(stored), true).await
}

/// Asks the piece, as a response.
async fn verdict(
    app: &App,
    caller: &Caller,
    piece: &PieceName,
    version: &VersionReq,
    connection: Arc<dyn Connection>,
    stored: bool,
) -> Result<Response, Rejection> {
    Ok(match try_out(app, &caller.actor, piece, version, connection).await? {
        Ok(Tried::Worked) => worked("the piece reports that the connection works".into()),
        Ok(Tried::Not) => {
            let said = if stored { "stored, not tried" } else { "complete, not tried" };
            worked(format!("{said}: the piece sends no request to check its connections"))
        }
        Err(message) => failed(message),
    })
}

/// What a piece did to check a connection that it says nothing against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It asked the service.
    Worked,
    /// It asked nobody, so it cannot know.
    Not,
}

/// Asks the piece whether a connection works. What it says against it is the inner error.
///
/// # Errors
/// The piece could not be asked.
pub(crate) async fn try_out(
    app: &App,
    actor: &Actor,
    piece: &PieceName,
    version: &VersionReq,
    connection: Arc<dyn Connection>,
) -> Result<Result<Tried, String>, Rejection> {
    let mut request = StepRequest::new(piece.clone(), version.clone(), Step::Validate);
    request.connection = Some(connection);
    let run = app.runs.run(actor, request).await;
    let run = run.map_err(|refusal| failure::refused(&app.registry, refusal))?;
    match run.report.result {
        Ok(_) if run.report.usage.http_requests == 0 => Ok(Ok(Tried::Not)),
        Ok(_) => Ok(Ok(Tried::Worked)),
        Err(Failure::Piece(error)) => Ok(Err(error.message)),
        Err(failure @ Failure::Overloaded { .. }) => Err(failure::overloaded(&failure)),
        Err(Failure::Host(cause)) => Err(Rejection::internal(cause)),
        Err(failure) => Ok(Err(format!("the piece could not check it: {failure}"))),
    }
}

fn worked(message: String) -> Response {
    Json(Found { status: Verdict::Success, message }).into_response()
}

fn failed(message: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(Found { status: Verdict::Error, message })).into_response()
}
