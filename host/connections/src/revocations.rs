//! Revoking tokens that connections no longer need (RFC 7009), where the piece says how.
//!
//! That a token is to be revoked is written in the transaction in which its connection loses it, so it is not forgotten when
//! the provider, or this host, is not there at the moment.

use leno_db::{AuditEntry, ConnectionRow, Revocation, Tx, audit_log, revocations};
use leno_metadata::ConnectionValue;
use leno_oauth2::TokenError;
use leno_vault::Place;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{ConnectionError, Connections, inner::Inner, providers::PlatformClient};

/// The table's name in the MAC.
const TABLE: &str = "token_revocations";
/// Revocations of one pass.
const AT_ONCE: i64 = 50;
/// How long a host may take for one, in milliseconds: a token request ends after 20 s.
const CLAIM: i64 = 60_000;
/// The pause after the first failure, in milliseconds; doubled with each further one.
const PAUSE: i64 = 30_000;
/// How often it is tried: for a bit more than a day.
const TRIES: i64 = 12;

impl Connections {
    /// Revokes what is due. Returns how many tokens that were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revoke_due(&self) -> Result<usize, ConnectionError> {
        let (inner, now) = (&*self.0, self.0.now());
        let due = revocations::claim(&inner.db, now, now + CLAIM, AT_ONCE).await?;
        let count = due.len();
        for revocation in due {
            inner.revoke(&revocation).await?;
        }
        Ok(count)
    }

    /// Begins to revoke what is due, in the background.
    pub(crate) fn begin_revoking(&self) {
        let connections = self.clone();
        drop(self.0.tasks.spawn(async move {
            if let Err(error) = connections.revoke_due().await {
                tracing::warn!(%error, "tokens are not revoked yet");
            }
        }));
    }
}

impl Inner {
    /// Notes that the tokens of `value` are to be revoked, if the piece says how. Returns whether it does.
    pub(crate) async fn to_be_revoked(
        &self,
        tx: &mut Tx,
        row: &ConnectionRow,
        value: &ConnectionValue,
    ) -> Result<bool, ConnectionError> {
        let revocable = self.providers.oauth2(&row.piece_name).is_some_and(|oauth2| oauth2.revocation_url.is_some());
        let token =
            |name: &str| value.expose().get(name).and_then(Value::as_str).is_some_and(|token| !token.is_empty());
        if value.kind().auth_name() != Some("OAUTH2")
            || !revocable
            || !(token("refresh_token") || token("access_token"))
        {
            return Ok(false);
        }
        let now = self.now();
        let mut revocation = Revocation {
            id: Uuid::now_v7().to_string(),
            tenant: row.tenant_id.clone(),
            connection_id: row.id.clone(),
            piece_name: row.piece_name.clone(),
            value: String::new(),
            key_id: self.keyring.active().as_str().to_owned(),
            attempts: 0,
            next_at: now,
        };
        revocation.value = in_place(&revocation, |place| self.keyring.seal(&value.to_json(), place))?;
        revocations::insert(tx, &revocation, now).await?;
        Ok(true)
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), ConnectionError> {
        let problem = match self.try_to_revoke(revocation).await {
            Ok(()) => None,
            Err(error) if revocation.attempts < TRIES && passes(&error) => {
                let pause = PAUSE.saturating_mul(1 << revocation.attempts.clamp(0, 12));
                tracing::info!(connection = revocation.connection_id, %error, "a token is not revoked yet");
                return Ok(revocations::again(&self.db, revocation, self.now() + pause).await?);
            }
            Err(error) => Some(error.to_string()),
        };
        let (event, detail) = match problem {
            None => ("connection.revoked", json!({})),
            Some(problem) => ("connection.not_revoked", json!({"error": problem})),
        };
        let entry = AuditEntry::new(self.now(), revocation.tenant.clone(), "host", event, &revocation.connection_id);
        let mut tx = self.db.begin(&revocation.tenant).await?;
        revocations::delete(&mut tx, &revocation.id).await?;
        audit_log::append(&mut tx, &entry.with(detail)).await?;
        Ok(tx.commit().await?)
    }

    async fn try_to_revoke(&self, revocation: &Revocation) -> Result<(), TokenError> {
        let unsent = |problem: String| TokenError::Unsent { problem };
        let text = in_place(revocation, |place| self.keyring.open(&revocation.value, place));
        let text = text.map_err(|error| unsent(error.to_string()))?;
        let value = ConnectionValue::parse(text.expose_secret()).map_err(|error| unsent(error.to_string()))?;
        let piece = &revocation.piece_name;
        let oauth2 =
            self.providers.oauth2(piece).ok_or_else(|| unsent(format!("this host does not have piece {piece}")))?;
        let app = self.app_for(&revocation.tenant, piece, value.kind()).await;
        let app: Option<PlatformClient> = app.map_err(|error| unsent(error.to_string()))?;
        let secret = app.as_ref().map(|app| &app.client_secret);
        self.providers.tokens.revoke(&oauth2, &value, secret, &self.providers.private(piece)).await.map(drop)
    }
}

/// Whether the same request may succeed later.
fn passes(error: &TokenError) -> bool {
    !matches!(error, TokenError::InvalidGrant { .. } | TokenError::Refused { .. })
}

/// Does something with the place of a value: it opens for this connection and piece only.
fn in_place<T>(revocation: &Revocation, with: impl FnOnce(Place<'_>) -> T) -> T {
    let facts = [revocation.connection_id.as_str(), &revocation.piece_name];
    with(Place { table: TABLE, tenant: revocation.tenant.as_str(), row: &revocation.id, facts: &facts })
}
