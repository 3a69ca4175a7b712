//! The way to the providers of OAuth 2.0.

use std::sync::Arc;

use leno_base::Clock;
use leno_egress::{PrivateGrant, Transport};
use leno_metadata::PieceName;
use leno_oauth2::{PlatformApp, TokenClient};
use secrecy::SecretString;

/// The non-public addresses that a piece may reach, its provider's among them.
pub type PrivateFor = Arc<dyn Fn(&PieceName) -> Vec<PrivateGrant> + Send + Sync>;

/// The way to providers.
pub(crate) struct Providers {
    pub(crate) tokens: TokenClient,
    private: PrivateFor,
}

impl Providers {
    pub(crate) fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, private: PrivateFor) -> Self {
        Self { tokens: TokenClient::new(transport, clock), private }
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
