//! Storing a connection.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use leno_base::{ExternalId, budget::Spec};
use leno_connections::{ConnectionError, NewConnection, Replace};
use leno_metadata::{ConnectionKind, ConnectionValue, OAuth2, PieceName, Problem as Fault};
use leno_pieces::Version;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{answer, if_match, input, permitted, refused};
use crate::{
    api::{App, schema},
    edge::{
        Rejection,
        authorization::Authorized,
        budgets,
        extract::{JsonBody, Kind, Member},
    },
    identity::Permission,
};

/// The version of a piece that this host does not have.
const UNKNOWN_VERSION: &str = "0.0.0";

/// What to store.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectionRequest, example = json!({
    "externalId": "crm-main", "displayName": "Main CRM", "pieceName": "crm", "type": "SECRET_TEXT",
    "value": {"type": "SECRET_TEXT", "secret_text": "…"}
}))]
pub(in crate::api) struct UpsertBody {
    /// The stable name that flows refer to. A connection of the caller with this name is replaced.
    external_id: String,
    /// The name shown to users.
    display_name: String,
    /// `slack` or `@activepieces/piece-slack`.
    piece_name: String,
    /// `SECRET_TEXT`, `BASIC_AUTH`, `CUSTOM_AUTH`, `OAUTH2`, `PLATFORM_OAUTH2` or `NO_AUTH`.
    r#type: String,
    /// The credentials; for OAUTH2 the authorization code, or tokens obtained elsewhere.
    #[schema(value_type = Object)]
    value: Value,
    /// The piece's version; the newest that this host has if absent.
    piece_version: Option<String>,
    /// Any JSON object; returned to clients.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Accepted for compatibility and ignored.
    #[expect(dead_code, reason = "connections belong to users")]
    project_id: Option<String>,
}

impl JsonBody for UpsertBody {
    const LIMIT: &'static Spec = &budgets::CONNECTION_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "externalId", kind: Kind::Text, required: true },
        Member { name: "displayName", kind: Kind::Text, required: true },
        Member { name: "pieceName", kind: Kind::Text, required: true },
        Member { name: "type", kind: Kind::Text, required: true },
        Member { name: "value", kind: Kind::Object, required: true },
        Member { name: "pieceVersion", kind: Kind::Text, required: false },
        Member { name: "metadata", kind: Kind::Object, required: false },
        Member { name: "projectId", kind: Kind::Text, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"externalId": "ID", "displayName": "NAME", "pieceName": "NAME", "type": "SECRET_TEXT", "value": {"secret_text": "…"}}"#;
}

/// Stores a connection, new or in place of the caller's connection with the same external id.
///
/// OAUTH2 with a `code` fetches the tokens now; the code, its verifier and the client's secret are used once and only for that.
#[utoipa::path(
    post,
    path = "/api/app-connections",
    operation_id = "putConnection",
    tag = "connections",
    params(
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if no connection has this external id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the present connection must still have."),
    ),
    request_body = UpsertBody,
    responses(
        (status = 201, description = "The stored connection.", body = schema::Connection,
            headers(("ETag" = String, description = "For `If-Match`."))),
        (status = 404, description = "This host does not have the piece, which OAuth 2.0 needs."),
        (status = 409, description = "The caller or the tenant has the maximum number of connections."),
        (status = 412, description = "Another request changed it, or a connection with this external id exists already."),
        (status = 422, description = "The provider refused the code or the client."),
        (status = 502, description = "The provider is unavailable, or its response cannot be used."),
    ),
)]
pub(in crate::api) async fn upsert(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::AddConnections)?;
    let (mut body, _memory) = app.bodies.json::<UpsertBody>(&caller, request).await?;
    input::sizes(&app, Some(&body.value), body.metadata.as_ref())?;
    let replace = replace(&headers)?;
    let Checked { external_id, value } = body.check()?;
    // Everything about the piece comes from one lookup.
    let piece = input::piece(&app, &body.piece_name);
    app.connections.may_put(&owner, &external_id, replace).await.map_err(refused)?;
    let (value, oauth2) = completable(piece.as_deref(), &body.piece_name, value)?;
    let piece_version = body.piece_version.unwrap_or_else(|| version(piece.as_deref()));
    let new = NewConnection {
        external_id,
        display_name: body.display_name,
        piece_name: body.piece_name,
        piece_version,
        value,
        metadata: body.metadata,
        replace,
    };
    let (row, _) = app.connections.connect(owner, oauth2, new).await.map_err(|error| match error {
        ConnectionError::Invalid(problems) => {
            Rejection::invalid_members(problems.into_iter().map(input::below).collect())
        }
        error => refused(error),
    })?;
    Ok(answer(&app, StatusCode::CREATED, &row))
}

/// Checks a value as far as possible before its code is exchanged. Returns it with the OAuth 2.0 schema for the exchange,
/// if the value has a code.
fn completable(
    piece: Option<&Version>,
    name: &str,
    value: ConnectionValue,
) -> Result<(ConnectionValue, Option<OAuth2>), Rejection> {
    let auths = piece.map(input::auths);
    if !matches!(value.kind(), ConnectionKind::OAuth2 | ConnectionKind::PlatformOAuth2) {
        return Ok((input::accept(value, auths).map_err(Rejection::invalid_members)?, None));
    }
    match auths.map(|auths| auths.iter().find_map(input::as_oauth2)) {
        Some(None) => {
            let message = "the piece does not use OAuth 2.0 connections";
            Err(Rejection::invalid_members(vec![Fault::new("/type", message)]))
        }
        None if !has_token(&value) || *value.kind() == ConnectionKind::PlatformOAuth2 => Err(piece_unknown(name)),
        oauth2 => Ok((value, oauth2.flatten().cloned())),
    }
}

/// Whether a value has an access token already, so that no code has to be exchanged for one.
pub(super) fn has_token(value: &ConnectionValue) -> bool {
    value.expose().get("access_token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
}

/// Without the piece, its provider is unknown.
pub(crate) fn piece_unknown(piece: &str) -> Rejection {
    let piece: String = piece.chars().filter(|c| !c.is_control()).take(100).collect();
    let detail =
        format!("this host does not have the piece `{piece}`, so the provider is unknown; install the piece first");
    Rejection::new(StatusCode::NOT_FOUND, "piece_not_found", "Piece metadata not found", detail)
}

/// The version that a connection is stored with when the request names none.
pub(crate) fn version(piece: Option<&Version>) -> String {
    piece.map_or_else(|| UNKNOWN_VERSION.to_owned(), |piece| piece.version().to_string())
}

fn replace(headers: &HeaderMap) -> Result<Replace, Rejection> {
    match headers.get(header::IF_NONE_MATCH).map(|value| value.to_str().unwrap_or_default().trim()) {
        None => Ok(if_match(headers)?.map_or(Replace::Any, Replace::Only)),
        Some("*") => Ok(Replace::Never),
        Some(_) => Err(Rejection::bad_request("invalid_header", "the If-None-Match header must be `*` here")),
    }
}

struct Checked {
    external_id: ExternalId,
    value: ConnectionValue,
}

impl UpsertBody {
    /// Checks what the types do not express, and reads the value.
    fn check(&mut self) -> Result<Checked, Rejection> {
        let mut faults = Vec::new();
        let external_id = self.external_id.parse::<ExternalId>();
        let external_id = external_id.map_err(|error| faults.push(Fault::new("/externalId", error.to_string()))).ok();
        if !input::is_name(&self.display_name) {
            faults.push(Fault::new("/displayName", input::NAME));
        }
        if let Err(error) = self.piece_name.parse::<PieceName>() {
            faults.push(Fault::new("/pieceName", error.to_string()));
        }
        if self.piece_version.as_ref().is_some_and(|version| version.parse::<semver::Version>().is_err()) {
            faults.push(Fault::new("/pieceVersion", "must be an exact version such as 1.2.0"));
        }
        let value = input::value(&self.r#type, self.value.take());
        let value = value.map_err(|mut found| faults.append(&mut found)).ok();
        match (external_id, value) {
            (Some(external_id), Some(value)) if faults.is_empty() => Ok(Checked { external_id, value }),
            _ => Err(Rejection::invalid_members(faults)),
        }
    }
}
