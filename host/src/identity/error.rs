//! Why a token is not accepted.

/// The longest accepted token, in bytes. Node, which Gauzy runs on, accepts 16 KiB of headers in all.
pub const MAX_TOKEN: usize = 16 << 10;

/// A token that is not accepted. The text quotes nothing of the token but its expiry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the access token is longer than {} bytes", MAX_TOKEN)]
    TooLarge,
    /// Not a JWT in its compact form (RFC 7519).
    #[error("the access token is malformed: {0}")]
    Malformed(&'static str),
    /// The signature is not HS256 under this host's secret: another key, another algorithm, none, or a changed token.
    #[error("the access token is not signed with this host's JWT_SECRET (HS256); get a new token where you signed in")]
    Signature,
    /// Past its `exp`.
    #[error("the access token expired at {0} (seconds since 1970); sign in again")]
    Expired(u64),
    /// Before its `nbf`.
    #[error("the access token is not valid before {0} (seconds since 1970); check the clocks")]
    NotYet(u64),
    /// It lives longer than any token should.
    #[error("the access token lives longer than {} days; get one that ends sooner", .most / 86_400)]
    TooLong {
        /// The longest life, in seconds.
        most: u64,
    },
    /// A refresh token, or one for another purpose.
    #[error("this is not an access token: its `tokenType` must be \"ACCESS_TOKEN_TYPE\"")]
    NotAnAccessToken,
    /// A claim is missing or has the wrong form.
    #[error("the access token's claims cannot be used: {0}")]
    Claims(String),
    /// Issued by another server, or for another resource.
    #[error("the access token is for another server (`iss`, `aud`); get one for this host")]
    NotForUs,
    /// What the user allowed the client was revoked.
    #[error("the access token was revoked; start a new authorization")]
    Revoked,
    /// This host does not know which tokens were revoked.
    #[error("this host cannot tell at the moment whether the access token was revoked; try again")]
    Unknown,
    /// The user belongs to no tenant yet.
    #[error("the access token names no tenant; finish the registration, then sign in again")]
    NoTenant,
}

impl AuthError {
    /// Stable and machine-readable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::Malformed(_) | Self::Claims(_) => "token-malformed",
            Self::Signature => "token-signature",
            Self::Expired(_) | Self::NotYet(_) => "token-expired",
            Self::TooLong { .. } => "token-lifetime",
            Self::NotAnAccessToken => "token-type",
            Self::NotForUs => "token-audience",
            Self::Revoked => "token-revoked",
            Self::Unknown => "token-unknown",
            Self::NoTenant => "token-no-tenant",
        }
    }
}
