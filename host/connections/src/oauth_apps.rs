//! The OAuth clients that the operator registered (PLATFORM_OAUTH2).

use leno_base::TenantId;
use leno_db::{AuditEntry, OAuthApp, audit_log, oauth_apps};
use leno_metadata::PieceName;
use leno_vault::Place;
use secrecy::SecretString;

use crate::{
    ConnectionError, Connections,
    inner::{Inner, broken, row_id},
    providers::PlatformClient,
};

/// The table's name in the MAC of client secrets.
const TABLE: &str = "platform_oauth_apps";

impl Connections {
    /// The registered clients of a tenant, without their secrets.
    ///
    /// # Errors
    /// The database failed.
    pub async fn platform_apps(&self, tenant: &TenantId) -> Result<Vec<OAuthApp>, ConnectionError> {
        Ok(oauth_apps::list(&self.0.db, tenant).await?)
    }

    /// Whether a client is registered for the piece.
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_platform_app(&self, tenant: &TenantId, piece: &PieceName) -> Result<bool, ConnectionError> {
        Ok(oauth_apps::find(&self.0.db, tenant, piece.short()).await?.is_some())
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
        app.client_secret = in_place(&app, |place| inner.keyring.seal(client_secret, place))?;
        oauth_apps::put(&inner.db, &app).await?;
        inner.note_app(actor, "oauth_app.registered", &app.tenant, piece).await
    }

    /// Removes a client. Returns whether there was one.
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
    pub(crate) async fn platform_app(&self, tenant: &TenantId, piece: &str) -> Result<PlatformClient, ConnectionError> {
        let missing = || ConnectionError::NoPlatformApp(piece.to_owned());
        let name = piece.parse::<PieceName>().map_err(|_| missing())?;
        let found = oauth_apps::find(&self.db, tenant, name.short()).await?;
        let app = found.ok_or_else(missing)?;
        let secret =
            in_place(&app, |place| self.keyring.open(&app.client_secret, place)).map_err(|error| broken(&error))?;
        Ok(PlatformClient { client_id: app.client_id, client_secret: secret })
    }

    async fn note_app(
        &self,
        actor: &str,
        event: &'static str,
        tenant: &TenantId,
        piece: &PieceName,
    ) -> Result<(), ConnectionError> {
        let entry = AuditEntry::new(self.now(), tenant.clone(), actor, event, piece.short());
        Ok(audit_log::record(&self.db, entry).await?)
    }
}

/// Does something with the place of a client's secret: it opens for this piece and client only.
fn in_place<T>(app: &OAuthApp, with: impl FnOnce(Place<'_>) -> T) -> T {
    let facts = [app.piece_name.as_str(), &app.client_id];
    with(Place { table: TABLE, tenant: app.tenant.as_str(), row: &app.id, facts: &facts })
}
