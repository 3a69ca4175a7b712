//! Where the endpoints and pages of the OAuth app are, and how they are set.

use std::time::Duration;

use leno_authorization::{Client, RedisUrl};
use secrecy::SecretString;

/// Where Gauzy has these endpoints.
pub(crate) const PREFIX: &str = "/api/integration/ever-gauzy/oauth";
/// The page where users decide.
pub(crate) const CONSENT: &str = "/pages/auth/oauth/authorize";

/// The settings of this surface.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where users decide, with `{request_id}` in it; the page of this host if there is none.
    pub consent: Option<String>,
    /// Origins whose pages may sign users in here.
    pub origins: Vec<String>,
    /// Whether clients may register themselves (RFC 7591).
    pub registration: bool,
}

/// The OAuth app, as it is opened.
#[derive(Debug, Clone)]
pub struct OAuthApp {
    /// The client of the settings, and its secret.
    pub client: Option<(Client, SecretString)>,
    /// How its endpoints and pages are set.
    pub settings: Settings,
    /// How long a code lives.
    pub code_ttl: Duration,
    /// Where requests and codes are kept, if not in the database.
    pub redis: Option<RedisUrl>,
}
