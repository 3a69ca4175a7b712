//! The connections of the caller.
//!
//! | File | Holds |
//! | --- | --- |
//! | `list` | `GET /api/app-connections` |
//! | `upsert` | `POST /api/app-connections` |
//! | `one` | `GET`, `POST`, `DELETE /api/app-connections/{id}`, its renewal, and where it is used |
//! | `check` | `POST /api/app-connections/test`, `POST /api/app-connections/{id}/test` |
//! | `sign_in` | `POST /api/app-connections/oauth2/start`, `GET /api/app-connections/oauth2/callback` |
//! | `decrypt` | `GET /api/internal/connections/{externalId}/decrypt` |
//! | `input` | what a client sends as the value of a connection |

pub(crate) mod check;
pub(super) mod decrypt;
pub(crate) mod input;
pub(super) mod list;
pub(super) mod one;
pub(crate) mod sign_in;
pub(crate) mod upsert;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_base::Owner;
use leno_connections::{ConnectionError, Edition};
use leno_db::ConnectionRow;
use leno_oauth2::TokenError;

use crate::{
    api::App,
    edge::{Rejection, authorization::require},
    identity::{Caller, Permission},
};

/// The caller as an owner of connections.
pub(super) fn owner(caller: &Caller) -> Owner {
    Owner::from(&caller.actor)
}

/// The caller as an owner who may do something with connections.
///
/// # Errors
/// The token does not have the permission.
fn permitted(caller: &Caller, permission: Permission) -> Result<Owner, Rejection> {
    require(caller, permission)?;
    Ok(owner(caller))
}

/// A connection as a response, with its edition as the entity tag.
fn answer(app: &App, status: StatusCode, row: &ConnectionRow) -> Response {
    let mut response = (status, Json(app.connections.view(row))).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", row.edition)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The edition that `If-Match` names (RFC 9110, section 13.1.1); `None` when it is absent or `*`.
fn if_match(headers: &HeaderMap) -> Result<Option<Edition>, Rejection> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(|number| Some(Edition(number))).ok_or_else(|| {
        let detail =
            "the If-Match header is not an entity tag of this host; send the ETag of the connection's last response";
        Rejection::bad_request("invalid_header", detail)
    })
}

/// The rejection for an error of a connection.
pub(crate) fn refused(error: ConnectionError) -> Rejection {
    let said = error.to_string();
    match error {
        ConnectionError::NotFound => not_found(),
        ConnectionError::Exists => Rejection::new(
            StatusCode::PRECONDITION_FAILED,
            "connection_exists",
            "The connection exists",
            "a connection with this external id exists already, and `If-None-Match: *` forbids replacing it; choose another external id",
        ),
        ConnectionError::Changed => {
            Rejection::new(StatusCode::PRECONDITION_FAILED, "connection_changed", "The connection was changed", said)
        }
        ConnectionError::InUse(uses) => {
            let steps: Vec<String> =
                uses.iter().take(20).map(|used| format!("{} of workflow {}", used.node_id, used.workflow_id)).collect();
            let detail = format!(
                "{} step(s) use the connection: {}; change these steps, or send `force=true`",
                uses.len(),
                steps.join(", ")
            );
            Rejection::new(StatusCode::CONFLICT, "connection_in_use", "The connection is in use", detail)
        }
        ConnectionError::Invalid(problems) => Rejection::invalid_members(problems.into_iter().collect()),
        ConnectionError::Broken { .. } => {
            Rejection::new(StatusCode::FAILED_DEPENDENCY, "connection_broken", "The connection does not work", said)
        }
        ConnectionError::Refused { .. } => {
            let title = "The token was not renewed";
            Rejection::new(StatusCode::FAILED_DEPENDENCY, "connection_refused", title, said)
        }
        ConnectionError::NotRenewable => {
            let title = "The connection cannot be renewed";
            Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, "connection_not_renewable", title, said)
        }
        ConnectionError::OtherPiece { .. } => Rejection::new(
            StatusCode::FORBIDDEN,
            "connection_of_other_piece",
            "The connection is for another piece",
            said,
        ),
        ConnectionError::NotYet { retry_after, .. } => {
            Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "connection_not_ready", "The connection is not ready", said)
                .retry_after(retry_after)
        }
        ConnectionError::Provider(error) => provider(&error),
        ConnectionError::NoPlatformApp(_) => {
            Rejection::new(StatusCode::BAD_REQUEST, "no_oauth_app", "No OAuth app is registered", said)
        }
        ConnectionError::Exhausted(refusal) if refusal.retry_after.is_some() => Rejection::exhausted(&refusal),
        ConnectionError::Exhausted(refusal) => {
            let detail = format!("{refusal}; remove one of them first");
            Rejection::full(&refusal, "too_many_connections", "Too many connections", detail)
        }
        ConnectionError::Db(error) => error.into(),
        ConnectionError::Randomness(_) | ConnectionError::Panicked => Rejection::internal(said),
    }
}

/// The rejection for an error of a provider.
fn provider(error: &TokenError) -> Rejection {
    let said = error.to_string();
    match error {
        TokenError::InvalidGrant { .. } | TokenError::Refused { .. } => {
            Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, "oauth2_refused", "The provider refused", said)
        }
        _ => Rejection::new(StatusCode::BAD_GATEWAY, "oauth2_unavailable", "The provider returned no token", said),
    }
}

fn not_found() -> Rejection {
    let detail = "you have no such connection; GET /api/app-connections lists your connections";
    Rejection::new(StatusCode::NOT_FOUND, "connection_not_found", "Connection not found", detail)
}
