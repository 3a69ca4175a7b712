//! Tokens from providers: the first ones of a connection, and new ones.

use leno_base::{Owner, TenantId};
use leno_db::ConnectionRow;
use leno_metadata::{ConnectionKind, ConnectionValue, OAuth2, Problems};
use leno_oauth2::TokenError;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{ConnectionError, Connections, inner::Inner, providers::PlatformClient};

impl Connections {
    /// Returns the value to store: with tokens in place of the code, if the request has one. `oauth2` is the piece's OAuth
    /// 2.0 schema; `None` for other types, and for a piece that this host does not have, whose value must have its tokens.
    ///
    /// # Errors
    /// Everything that is missing in the value; [`ConnectionError::NoPlatformApp`]; or why the provider gave no tokens.
    pub async fn exchange(
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
        Ok(providers.tokens.exchange(oauth2, &value, app.as_ref(), &providers.private(piece)).await?)
    }

    /// Checks what [`Connections::exchange`] checks before the code is spent.
    ///
    /// # Errors
    /// As there, except those that only the provider finds.
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
}

impl Inner {
    pub(crate) async fn app_for(
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

    /// Refreshes the tokens of a connection at its provider.
    pub(crate) async fn request_tokens(
        &self,
        row: &ConnectionRow,
        value: &ConnectionValue,
    ) -> Result<ConnectionValue, TokenError> {
        let app = self.app_for(&row.tenant_id, &row.piece_name, value.kind()).await;
        let app = app.map_err(|error| TokenError::Unsent { problem: error.to_string() })?;
        let secret = app.as_ref().map(|app| &app.client_secret);
        let (oauth2, private) = (self.providers.oauth2(&row.piece_name), self.providers.private(&row.piece_name));
        self.providers.tokens.refresh(oauth2.as_ref(), value, secret, &private).await
    }
}

/// The value of a sign-in, with the client's secret from the request if the sign-in had none.
fn completed(signed_in: &ConnectionValue, request: &ConnectionValue) -> Result<ConnectionValue, ConnectionError> {
    let mut members = signed_in.expose().clone();
    if let (Value::Object(members), Some(secret)) = (&mut members, request.expose().get("client_secret")) {
        members.entry("client_secret").or_insert_with(|| secret.clone());
    }
    Ok(ConnectionValue::new(members).map_err(Problems::from)?)
}
