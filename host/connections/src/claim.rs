//! What providers are asked for: the first tokens of a connection, new ones, and the end of them. Also the OAuth clients that
//! the operator registered (PLATFORM_OAUTH2).

use std::sync::Arc;

use leno_base::{Clock, Owner, TenantId};
use leno_db::{AuditEntry, ConnectionRow, OAuthApp, audit_log, oauth_apps};
use leno_egress::{PrivateGrant, Transport};
use leno_metadata::{ConnectionKind, ConnectionValue, OAuth2, PieceName, Problems};
use leno_oauth2::{PlatformApp, TokenClient, TokenError};
use leno_vault::Place;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::{
    ConnectionError, Connections,
    service::{Inner, broken, row_id},
};

/// The non-public addresses that a piece may reach, its provider's among them.
pub type PrivateFor = Arc<dyn Fn(&PieceName) -> Vec<PrivateGrant> + Send + Sync>;

/// The table of registered clients, as it stands in the MAC of their secrets.
const TABLE: &str = "platform_oauth_apps";

/// The way to providers.
pub(super) struct Providers {
    tokens: TokenClient,
    private: PrivateFor,
}

impl Providers {
    pub(super) fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, private: PrivateFor) -> Self {
        Self { tokens: TokenClient::new(transport, clock), private }
    }

    fn private(&self, piece: &str) -> Vec<PrivateGrant> {
        piece.parse::<PieceName>().map(|name| (self.private)(&name)).unwrap_or_default()
    }
}

/// A client that the operator registered, with its secret.
pub(super) struct PlatformClient {
    pub(super) client_id: String,
    client_secret: SecretString,
}

impl PlatformClient {
    fn as_app(&self) -> PlatformApp<'_> {
        PlatformApp { client_id: &self.client_id, client_secret: &self.client_secret }
    }
}

impl Connections {
    /// The value to store for what an owner sent: with tokens, in place of the code. `oauth2` is how the piece signs in; a
    /// piece that is not here can only have tokens that are there already.
    ///
    /// # Errors
    /// Everything that is missing in the value; [`ConnectionError::NoPlatformApp`]; or why the provider gave no tokens.
    pub async fn claim(
        &self,
        owner: &Owner,
        piece: &str,
        oauth2: Option<&OAuth2>,
        value: ConnectionValue,
    ) -> Result<ConnectionValue, ConnectionError> {
        let Some(oauth2) = oauth2 else { return Ok(value) };
        let code = value.expose().get("code").and_then(Value::as_str).map(SecretString::from);
        let value = match code {
            Some(code) => match self.redeem(owner, code.expose_secret()).await? {
                Some(signed_in) => completed(&signed_in, &value)?,
                None => value,
            },
            None => value,
        };
        let app = self.0.app_for(&owner.tenant, piece, value.kind()).await?;
        let app = app.as_ref().map(PlatformClient::as_app);
        let providers = &self.0.providers;
        Ok(providers.tokens.claim(oauth2, &value, app.as_ref(), &providers.private(piece)).await?)
    }

    /// Checks what [`Connections::claim`] would, up to where the code would be spent.
    ///
    /// # Errors
    /// As there, but nothing that only the provider can tell.
    pub async fn rehearse(
        &self,
        owner: &Owner,
        piece: &str,
        oauth2: &OAuth2,
        value: &ConnectionValue,
    ) -> Result<(), ConnectionError> {
        let app = self.0.app_for(&owner.tenant, piece, value.kind()).await?;
        let app = app.as_ref().map(PlatformClient::as_app);
        let providers = &self.0.providers;
        Ok(providers.tokens.rehearse(oauth2, value, app.as_ref(), &providers.private(piece))?)
    }

    /// Tells the provider that the tokens of a connection that was removed are no longer needed (RFC 7009), if the piece says
    /// how. It is done in the background: the connection is gone whatever the provider answers.
    pub fn revoke(&self, row: ConnectionRow, value: ConnectionValue, oauth2: &OAuth2) {
        if oauth2.revocation_url.is_none() {
            return;
        }
        let (connections, oauth2) = (self.clone(), oauth2.clone());
        drop(self.0.refreshes.spawn(async move {
            let inner = &*connections.0;
            let secret = match inner.app_for(&row.tenant_id, &row.piece_name, value.kind()).await {
                Ok(app) => app.map(|app| app.client_secret),
                Err(_) => None,
            };
            let private = inner.providers.private(&row.piece_name);
            let revoked = inner.providers.tokens.revoke(&oauth2, &value, secret.as_ref(), &private).await;
            let detail = match &revoked {
                Ok(_) => json!({}),
                Err(error) => json!({"error": error.to_string()}),
            };
            let event = if revoked.is_ok() { "connection.revoked" } else { "connection.not_revoked" };
            if let Err(error) = connections.audit(&row, "host", event, detail).await {
                tracing::error!(connection = row.id, %error, "the end of a revocation could not be written down");
            }
        }));
    }

    /// The registered clients of a tenant, without their secrets.
    ///
    /// # Errors
    /// The database failed.
    pub async fn platform_apps(&self, tenant: &TenantId) -> Result<Vec<OAuthApp>, ConnectionError> {
        Ok(oauth_apps::list(&self.0.db, tenant).await?)
    }

    /// Registers a client, in place of the one there.
    ///
    /// # Errors
    /// The database or the operating system failed.
    pub async fn put_platform_app(
        &self,
        actor: &str,
        tenant: TenantId,
        piece: &PieceName,
        client_id: &str,
        client_secret: &SecretString,
    ) -> Result<(), ConnectionError> {
        let inner = &*self.0;
        let now = inner.now();
        let mut app = OAuthApp {
            id: row_id(),
            tenant,
            piece_name: piece.short().to_owned(),
            client_id: client_id.to_owned(),
            client_secret: String::new(),
            key_id: inner.keyring.active().as_str().to_owned(),
            created_at: now,
            updated_at: now,
        };
        app.client_secret = inner.keyring.seal(client_secret, place(&app))?;
        oauth_apps::put(&inner.db, &app).await?;
        inner.note_app(actor, "oauth_app.registered", &app.tenant, piece).await
    }

    /// Removes a client; answers whether there was one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_platform_app(
        &self,
        actor: &str,
        tenant: &TenantId,
        piece: &PieceName,
    ) -> Result<bool, ConnectionError> {
        let inner = &*self.0;
        let removed = oauth_apps::delete(&inner.db, tenant, piece.short()).await?;
        if removed {
            inner.note_app(actor, "oauth_app.removed", tenant, piece).await?;
        }
        Ok(removed)
    }
}

impl Inner {
    /// The registered client of a tenant for a piece.
    pub(super) async fn platform_app(&self, tenant: &TenantId, piece: &str) -> Result<PlatformClient, ConnectionError> {
        let missing = || ConnectionError::NoPlatformApp(piece.to_owned());
        let name = piece.parse::<PieceName>().map_err(|_| missing())?;
        let found = oauth_apps::find(&self.db, tenant, name.short()).await?;
        let app = found.ok_or_else(missing)?;
        let secret = self.keyring.open(&app.client_secret, place(&app)).map_err(|error| broken(&error))?;
        Ok(PlatformClient { client_id: app.client_id, client_secret: secret })
    }

    async fn app_for(
        &self,
        tenant: &TenantId,
        piece: &str,
        kind: &ConnectionKind,
    ) -> Result<Option<PlatformClient>, ConnectionError> {
        match kind {
            ConnectionKind::PlatformOAuth2 => self.platform_app(tenant, piece).await.map(Some),
            _ => Ok(None),
        }
    }

    /// New tokens for a connection.
    pub(super) async fn renew(
        &self,
        row: &ConnectionRow,
        value: &ConnectionValue,
    ) -> Result<ConnectionValue, TokenError> {
        let app = self.app_for(&row.tenant_id, &row.piece_name, value.kind()).await;
        let app = app.map_err(|error| TokenError::Unsent { problem: error.to_string() })?;
        let secret = app.as_ref().map(|app| &app.client_secret);
        self.providers.tokens.refresh(value, secret, &self.providers.private(&row.piece_name)).await
    }

    async fn note_app(
        &self,
        actor: &str,
        event: &'static str,
        tenant: &TenantId,
        piece: &PieceName,
    ) -> Result<(), ConnectionError> {
        let entry = AuditEntry {
            at: self.now(),
            tenant: tenant.clone(),
            actor: actor.to_owned(),
            event,
            subject: piece.short().to_owned(),
            detail: json!({}),
        };
        Ok(audit_log::record(&self.db, &entry).await?)
    }
}

fn place(app: &OAuthApp) -> Place<'_> {
    Place { table: TABLE, tenant: app.tenant.as_str(), row: &app.id }
}

/// What a sign-in knows, with the client's secret from the request if the sign-in had none.
fn completed(signed_in: &ConnectionValue, request: &ConnectionValue) -> Result<ConnectionValue, ConnectionError> {
    let mut members = signed_in.expose().clone();
    if let (Value::Object(members), Some(secret)) = (&mut members, request.expose().get("client_secret")) {
        members.entry("client_secret").or_insert_with(|| secret.clone());
    }
    Ok(ConnectionValue::new(members).map_err(Problems::from)?)
}
