//! Why the authorization server refuses a request, in the words of RFC 6749.

use std::{borrow::Cow, time::Duration};

use leno_base::{NoRandomness, budget::Exhausted};
use leno_db::{DbError, quota::QuotaError};

use crate::shelf::ShelfError;

/// A refusal (RFC 6749, sections 4.1.2.1 and 5.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {description}")]
pub struct OAuthError {
    /// What a program reads.
    pub problem: Problem,
    /// What a developer reads. Quotes nothing of the request.
    pub description: Cow<'static, str>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The budget that is exhausted.
    pub exhausted: Option<Exhausted>,
    /// The cause inside this host: for its log only.
    pub cause: Option<String>,
}

/// The `error` of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The request is malformed.
    InvalidRequest,
    /// The client is not known, or did not prove who it is.
    InvalidClient,
    /// The code or refresh token is not good.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// There is no such response here.
    UnsupportedResponseType,
    /// The scope is not one that the client may ask for.
    InvalidScope,
    /// The resource is not one of this host (RFC 8707).
    InvalidTarget,
    /// The user refused.
    AccessDenied,
    /// Too much at once, or a store that does not respond: the same request works later.
    TemporarilyUnavailable,
    /// This host failed.
    ServerError,
}

impl Problem {
    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl OAuthError {
    pub(crate) fn new(problem: Problem, description: impl Into<Cow<'static, str>>) -> Self {
        Self { problem, description: description.into(), retry_after: None, exhausted: None, cause: None }
    }

    pub(crate) fn request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Problem::InvalidRequest, description)
    }

    /// The one answer to every code and refresh token that is not good: it does not tell how near a guess was.
    pub(crate) fn grant() -> Self {
        Self::new(
            Problem::InvalidGrant,
            "the code or refresh token is not valid: it was used, has ended, was revoked, or is not for this client and \
             redirect_uri; start a new authorization",
        )
    }

    /// The one answer to a client that is not known, and to one with a wrong secret.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Problem::InvalidClient, "the client is not known, or its secret is wrong")
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let words = "this host failed; its log has the cause under the id in the X-Request-Id header";
        Self { cause: Some(cause.into()), ..Self::new(Problem::ServerError, words) }
    }

    pub(crate) fn exhausted(refusal: Exhausted) -> Self {
        Self {
            retry_after: Some(refusal.retry_after.unwrap_or(Duration::from_secs(1))),
            description: refusal.to_string().into(),
            exhausted: Some(refusal),
            ..Self::new(Problem::TemporarilyUnavailable, "")
        }
    }

    fn unavailable(cause: String, retry_after: Duration) -> Self {
        let words = "the store of this host does not respond; try again";
        let retry_after = Some(retry_after);
        Self { cause: Some(cause), retry_after, ..Self::new(Problem::TemporarilyUnavailable, words) }
    }
}

impl From<DbError> for OAuthError {
    fn from(error: DbError) -> Self {
        match &error {
            DbError::Busy(busy) => Self::unavailable(error.to_string(), busy.retry_after()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<ShelfError> for OAuthError {
    fn from(error: ShelfError) -> Self {
        match error {
            ShelfError::Db(error) => error.into(),
            ShelfError::Full(refusal) => Self::exhausted(refusal),
            ShelfError::Redis(_) => Self::unavailable(error.to_string(), Duration::from_secs(1)),
        }
    }
}

impl From<QuotaError> for OAuthError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exhausted(refusal) => Self::exhausted(refusal),
            QuotaError::Db(error) => error.into(),
        }
    }
}

impl From<NoRandomness> for OAuthError {
    fn from(error: NoRandomness) -> Self {
        Self::internal(error.to_string())
    }
}
