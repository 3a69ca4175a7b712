//! Who may enter: the bearer token of a request (RFC 6750) as a [`Caller`], and the operator's routes.

use std::{fmt, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::{App, Problem};
use crate::identity::{Caller, Permission};

/// Where a process of the operator shows the internal token.
const INTERNAL_TOKEN: HeaderName = HeaderName::from_static("x-internal-token");

/// What a request without a token is told to bring.
const CHALLENGE: &str = r#"Bearer realm="leno""#;

/// The user behind the request. A route without it is open to everybody.
pub(super) struct Authorized(pub(super) Caller);

impl FromRequestParts<Arc<App>> for Authorized {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        app.identity.verify(token).map(Self).map_err(|error| {
            let description: String = error.to_string().chars().map(quotable).collect();
            let challenge = format!(r#"Bearer realm="leno", error="invalid_token", error_description="{description}""#);
            unauthorized(error.code(), error.to_string(), &challenge)
        })
    }
}

/// The token of the `Authorization` header. Tokens elsewhere - the query, a form - are not looked at: they end up in
/// other people's logs.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = |detail: &'static str| unauthorized("token-missing", detail, CHALLENGE);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(missing("this address needs an access token; send `Authorization: Bearer TOKEN`"));
    };
    if values.next().is_some() {
        return Err(missing("the request has several Authorization headers; send one"));
    }
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
    });
    match token {
        Some(token) if !token.is_empty() => Ok(token),
        _ => Err(missing("the Authorization header holds no bearer token; send `Authorization: Bearer TOKEN`")),
    }
}

/// A character that an `error_description` may hold (RFC 6750, section 3): printable ASCII without `"` and `\`.
fn quotable(c: char) -> char {
    match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    }
}

fn unauthorized(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>, challenge: &str) -> Problem {
    let challenge = HeaderValue::from_str(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::new(StatusCode::UNAUTHORIZED, code, "Unauthorized", detail)
        .with_header(header::WWW_AUTHENTICATE, challenge)
}

/// A process of the operator, by the internal token alone: no user, whatever their permissions, may do this.
pub(super) struct Internal;

impl FromRequestParts<Arc<App>> for Internal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match parts.headers.get(INTERNAL_TOKEN) {
            Some(token) => internal(app, token),
            None => {
                let detail = "this address is for processes of the operator; send the X-Internal-Token header";
                Err(unauthorized("internal-token", detail, CHALLENGE))
            }
        }
    }
}

fn internal(app: &App, token: &HeaderValue) -> Result<Internal, Problem> {
    if app.identity.is_internal(token.to_str().unwrap_or_default()) {
        return Ok(Internal);
    }
    let detail = "the X-Internal-Token header is not this host's INTERNAL_API_TOKEN, or that is not set";
    Err(unauthorized("internal-token", detail, CHALLENGE))
}

/// Who acts for the operator: somebody whose token has [`Permission::Admin`], or a process with the internal token.
pub(super) enum Operator {
    User(Caller),
    Internal,
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if let Some(token) = parts.headers.get(INTERNAL_TOKEN) {
            return internal(app, token).map(|Internal| Self::Internal);
        }
        let Authorized(caller) = Authorized::from_request_parts(parts, app).await?;
        if caller.may(Permission::Admin) {
            return Ok(Self::User(caller));
        }
        let permission = Permission::Admin.as_str();
        let detail = format!(
            "changing what this host serves needs {permission} among the token's permissions, or the X-Internal-Token \
             header; a role in a tenant, SUPER_ADMIN too, does not include it"
        );
        let challenge = format!(r#"Bearer realm="leno", error="insufficient_scope", scope="{permission}""#);
        let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
        Err(Problem::new(StatusCode::FORBIDDEN, "admin_required", "Forbidden", detail)
            .with_header(header::WWW_AUTHENTICATE, challenge))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(caller) => write!(f, "user {} of tenant {}", caller.user_id, caller.tenant_id),
            Self::Internal => f.write_str("internal token"),
        }
    }
}
