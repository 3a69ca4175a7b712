//! Authentication: the bearer token of a request (RFC 6750) as a [`Caller`], and the operator's routes.

use std::{fmt, time::Duration};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::{Rejection, rate::Rates};
use crate::{
    audit::Audit,
    identity::{AuthError, Caller, Identity, Permission},
};

/// The header with the internal token of the operator's own processes.
pub(crate) const INTERNAL_TOKEN: HeaderName = HeaderName::from_static("x-internal-token");

/// The challenge for a request without a token.
const CHALLENGE: &str = r#"Bearer realm="leno""#;

/// The user behind the request, who has not sent too many. A route without it is public.
pub(crate) struct Authorized(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Authorized
where
    Identity: FromRef<S>,
    Rates: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let token = bearer(&parts.headers)?;
        let caller = Identity::from_ref(state).verify(token).map_err(|error| {
            if error == AuthError::Unknown {
                let words = "Try again";
                return Rejection::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), words, error.to_string())
                    .retry_after(Duration::from_secs(2));
            }
            let description: String = error.to_string().chars().map(quotable).collect();
            let challenge = format!(r#"Bearer realm="leno", error="invalid_token", error_description="{description}""#);
            unauthorized(error.code(), error.to_string(), &challenge)
        })?;
        Rates::from_ref(state).admit(&caller.actor)?;
        Ok(Self(caller))
    }
}

/// The token of the `Authorization` header. Tokens elsewhere - the query, a form - are ignored: they end up in logs.
fn bearer(headers: &HeaderMap) -> Result<&str, Rejection> {
    let missing = |detail: &'static str| unauthorized("token-missing", detail, CHALLENGE);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(missing("this route needs an access token; send `Authorization: Bearer TOKEN`"));
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

/// A character that an `error_description` may hold (RFC 6749, section 5.2; RFC 6750, section 3): printable ASCII without `"`
/// and `\`.
pub(crate) fn quotable(c: char) -> char {
    match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    }
}

fn unauthorized(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>, challenge: &str) -> Rejection {
    let challenge = HeaderValue::from_str(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Rejection::new(StatusCode::UNAUTHORIZED, code, "Unauthorized", detail)
        .with_header(header::WWW_AUTHENTICATE, challenge)
}

/// A process of the operator, by the internal token alone: no user, whatever their permissions, may do this.
pub(crate) struct Internal;

impl<S: Send + Sync> FromRequestParts<S> for Internal
where
    Identity: FromRef<S>,
    Audit: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        match parts.headers.get(INTERNAL_TOKEN) {
            Some(token) => internal(&Identity::from_ref(state), &Audit::from_ref(state), token).await,
            None => {
                let detail = "this route is for processes of the operator; send the X-Internal-Token header";
                Err(unauthorized("internal-token", detail, CHALLENGE))
            }
        }
    }
}

async fn internal(identity: &Identity, audit: &Audit, token: &HeaderValue) -> Result<Internal, Rejection> {
    if identity.is_internal(token.to_str().unwrap_or_default()) {
        return Ok(Internal);
    }
    audit.internal_refused().await;
    let detail = "the X-Internal-Token header is not this host's INTERNAL_API_TOKEN, or INTERNAL_API_TOKEN is not set";
    Err(unauthorized("internal-token", detail, CHALLENGE))
}

/// A caller who acts for the operator: a user whose token has [`Permission::Admin`], or a process with the internal
/// token.
pub(crate) enum Operator {
    User(Caller),
    Internal,
}

impl<S: Send + Sync> FromRequestParts<S> for Operator
where
    Identity: FromRef<S>,
    Audit: FromRef<S>,
    Rates: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        if let Some(token) = parts.headers.get(INTERNAL_TOKEN) {
            let refused = internal(&Identity::from_ref(state), &Audit::from_ref(state), token).await;
            return refused.map(|Internal| Self::Internal);
        }
        let Authorized(caller) = Authorized::from_request_parts(parts, state).await?;
        if caller.may(Permission::Admin) {
            return Ok(Self::User(caller));
        }
        let permission = Permission::Admin.as_str();
        let detail = format!(
            "this route needs the permission {permission} in the token, or the X-Internal-Token header; a role in a tenant, \
             SUPER_ADMIN included, does not grant it"
        );
        Err(insufficient(Permission::Admin, "admin_required", detail))
    }
}

/// Refuses a caller without a permission (RFC 6750, section 3.1).
///
/// # Errors
/// 403.
pub(crate) fn require(caller: &Caller, permission: Permission) -> Result<(), Rejection> {
    if caller.may(permission) {
        return Ok(());
    }
    let detail = format!(
        "this needs the permission {} in the token; ask the administrator of your tenant for it",
        permission.as_str()
    );
    Err(insufficient(permission, "permission_required", detail))
}

fn insufficient(permission: Permission, code: &'static str, detail: String) -> Rejection {
    let challenge = format!(r#"Bearer realm="leno", error="insufficient_scope", scope="{}""#, permission.as_str());
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Rejection::new(StatusCode::FORBIDDEN, code, "Forbidden", detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(caller) => write!(f, "user {} of tenant {}", caller.actor.user, caller.actor.tenant),
            Self::Internal => f.write_str("internal token"),
        }
    }
}
