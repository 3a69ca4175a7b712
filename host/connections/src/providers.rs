//! The way to the providers of OAuth 2.0.

use std::sync::Arc;

use leno_base::Clock;
use leno_egress::{PrivateGrant, Transport};
use leno_metadata::{OAuth2, PieceName};
use leno_oauth2::{PlatformApp, TokenClient};
use secrecy::SecretString;

/// The non-public addresses that a piece may reach, its provider's among them.
pub type PrivateFor = Arc<dyn Fn(&PieceName) -> Vec<PrivateGrant> + Send + Sync>;

/// How a piece signs in; `None` when this host does not have it, or it does not use OAuth 2.0.
pub type OAuth2Of = Arc<dyn Fn(&PieceName) -> Option<OAuth2> + Send + Sync>;

/// The way to providers.
pub(crate) struct Providers {
    pub(crate) tokens: TokenClient,
    private: PrivateFor,
    oauth2: OAuth2Of,
}

impl Providers {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        private: PrivateFor,
        oauth2: OAuth2Of,
    ) -> Self {
        Self { tokens: TokenClient::new(transport, clock), private, oauth2 }
    }

    pub(crate) fn oauth2(&self, piece: &str) -> Option<OAuth2> {
        piece.parse::<PieceName>().ok().and_then(|name| (self.oauth2)(&name))
    }

    pub(crate) fn private(&self, piece: &str) -> Vec<PrivateGrant> {
        piece.parse::<PieceName>().map(|name| (self.private)(&name)).unwrap_or_default()
    }
}

/// A client that the operator registered, with its secret.
pub(crate) struct PlatformClient {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
}

impl PlatformClient {
    pub(crate) fn as_app(&self) -> PlatformApp<'_> {
        PlatformApp { client_id: &self.client_id, client_secret: &self.client_secret }
    }
}
