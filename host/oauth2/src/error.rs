//! Why there is no token, in the terms that a refresh acts on.

use std::time::Duration;

use leno_metadata::Problem;

/// Why a token request failed. No message holds a secret, a code or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The provider no longer accepts the code or the refresh token: OAuth error `invalid_grant` (RFC 6749, section 5.2),
    /// or a provider's equivalent. A retry cannot help; the user must connect again.
    #[error("the provider no longer accepts this authorization; connect again: {description}")]
    InvalidGrant {
        /// The provider's words.
        description: String,
    },
    /// The provider, or a proxy in front of it, refused the request. Nothing is lost; the configuration must be
    /// corrected.
    #[error("the provider refused the token request: {description}")]
    Refused {
        /// The HTTP status. An OAuth error can come with 200; a redirect counts as a refusal.
        status: u16,
        /// The OAuth error code; empty when there was none.
        error: String,
        /// The provider's words, else `OAuth2 token exchange failed with STATUS`.
        description: String,
    },
    /// The provider is unavailable. Nothing is lost; try again later.
    #[error("the provider is unavailable (HTTP status {status}); try again later")]
    Unavailable {
        /// 429, 408, 5xx; or the status of a response whose OAuth error means the same.
        status: u16,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing was sent: no connection, or the policy refuses it. Nothing is lost.
    #[error("the token request was not sent: {problem}")]
    Unsent {
        /// Why it was not sent. Names hosts and ports only.
        problem: String,
    },
    /// The request was sent and no complete response came. A refresh token that rotates may be spent.
    #[error("the outcome of the token request is unknown: {problem}")]
    Unknown {
        /// What happened.
        problem: String,
    },
    /// A success that holds no token that can be used. A refresh token that rotates may be spent.
    #[error("the provider's token response cannot be used: {problem}")]
    Malformed {
        /// The problem.
        problem: String,
    },
}

impl TokenError {
    pub(super) fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed { problem: problem.into() }
    }

    /// Whether the provider may have taken the refresh token although no new one arrived.
    #[must_use]
    pub fn may_have_spent(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Malformed { .. })
    }
}

/// Why there is no connection value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The value cannot be exchanged as it was sent: everything that is missing or wrong, as JSON pointers into it.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// The provider gave no token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
