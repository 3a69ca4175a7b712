//! The parameters of a request, and the form of refusals.

use axum::{body::Body, extract::Request};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_authorization::{OAuthError, Parameters, Problem};
use serde_json::{Map, Value, json};

use crate::edge::{
    Bodies, Rejection, authorization::quotable, bodies::Payer, budgets::SMALL_BODY_BYTES, rejection::Parts,
};

/// What a body may be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// A form, as RFC 6749 wants it.
    Form,
    /// A form, or an object of texts: Gauzy's own page sends JSON.
    FormOrJson,
}

/// The parameters in the body of a request.
pub(super) async fn parameters(
    bodies: &Bodies,
    payer: impl Into<Payer>,
    written: Written,
    request: Request,
) -> Result<(HeaderMap, Parameters), Rejection> {
    let (parts, body): (_, Body) = request.into_parts();
    if parts.uri.query().is_some_and(|query| query.contains("client_secret") || query.contains("token=")) {
        let words = "secrets and tokens go into the body, not into the address, which is written to logs";
        return Err(Rejection::new(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request", words));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = match (kind.as_str(), written) {
        ("application/x-www-form-urlencoded", _) => false,
        ("application/json", Written::FormOrJson) => true,
        _ => {
            let words = "send the body as Content-Type: application/x-www-form-urlencoded";
            return Err(Rejection::new(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request", words));
        }
    };
    let (bytes, _memory) = bodies.bytes(payer, &parts.headers, body, &SMALL_BODY_BYTES, 0).await?;
    let parameters = match is_json {
        false => Parameters::parse(&bytes),
        true => object(&bytes)?,
    };
    Ok((parts.headers, parameters))
}

fn object(text: &[u8]) -> Result<Parameters, Rejection> {
    let wrong = || {
        let words = "the body must be a JSON object of texts";
        Rejection::new(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request", words)
    };
    let members: Map<String, Value> = serde_json::from_slice(text).map_err(|_| wrong())?;
    let pair = |(name, value): (String, Value)| match value {
        Value::String(value) => Some(Ok((name, value))),
        Value::Null => None,
        _ => Some(Err(wrong())),
    };
    members.into_iter().filter_map(pair).collect::<Result<Parameters, _>>()
}

/// An object without the members that are null: what is absent is left out.
pub(super) fn present(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    object
}

/// A refusal of the authorization server.
pub(super) fn refused(error: OAuthError) -> Rejection {
    let status = match (error.problem, &error.exhausted) {
        (Problem::InvalidClient, _) => StatusCode::UNAUTHORIZED,
        (Problem::TemporarilyUnavailable, Some(_)) => StatusCode::TOO_MANY_REQUESTS,
        (Problem::TemporarilyUnavailable, None) => StatusCode::SERVICE_UNAVAILABLE,
        (Problem::ServerError, _) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let rejection = match (error.problem, &error.cause) {
        (Problem::ServerError, Some(cause)) => Rejection::internal(cause.clone()),
        (_, cause) => {
            if let Some(cause) = cause {
                tracing::warn!(%cause, "the authorization server is not available");
            }
            Rejection::new(status, error.problem.as_str(), "Refused", error.description)
        }
    };
    match error.retry_after {
        Some(wait) => rejection.retry_after(wait),
        None => rejection,
    }
}

/// The form of errors: RFC 6749, section 5.2, with the members of Gauzy's.
pub(super) fn oauth_error(parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let error = match (parts.status, &*parts.code) {
        (_, known) if KNOWN.contains(&known) => known,
        // RFC 6750, section 3.1.
        (StatusCode::UNAUTHORIZED, "token-missing") => "invalid_request",
        (StatusCode::UNAUTHORIZED, _) => "invalid_token",
        (StatusCode::FORBIDDEN, _) => "access_denied",
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => "temporarily_unavailable",
        (status, _) if status.is_server_error() => "server_error",
        _ => "invalid_request",
    };
    let message: String = parts.detail.replace('`', "'").chars().map(quotable).collect();
    let body = json!({
        "statusCode": parts.status.as_u16(), "message": message, "error": error, "error_description": message,
    });
    (HeaderValue::from_static("application/json"), body.to_string().into_bytes())
}

/// What RFC 6749 and RFC 7591 register.
const KNOWN: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
    "temporarily_unavailable",
    "server_error",
    "invalid_redirect_uri",
    "invalid_client_metadata",
];

/// A method that an endpoint does not have; the `Allow` header says which it has.
pub(super) async fn no_method() -> Rejection {
    let words = "this endpoint does not take this method; the Allow header lists those it takes";
    Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "Method not allowed", words)
}
