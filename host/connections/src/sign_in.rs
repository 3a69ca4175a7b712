//! Signing in at a provider: from the authorization URL to the callback.
//!
//! A sign-in is bound to the browser that started it: the start sets a cookie, and without that cookie the callback
//! finds nothing. Otherwise an attacker could start a sign-in, have a victim finish it, and hold a connection to the
//! victim's account (RFC 6819, section 4.4.1.8; RFC 9700, section 4.7).
//!
//! The code that the provider sends is exchanged here, on the server, when the start said what to make of it. Clients of
//! the older contract make the connection themselves with a second request; what they get in place of the code is a
//! *ticket*, which only the owner can redeem, once. The code itself never passes through a window.

use leno_base::{ExternalId, NoRandomness, Owner, random};
use leno_db::{ConnectionRow, DbError, OAuthSession, connect_sessions, oauth_sessions};
use leno_metadata::{ConnectionValue, OAuth2, Problem, Problems};
use leno_oauth2::{self, Authorization, Pkce, TokenError};
use leno_vault::Place;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{ConnectionError, Connections, NewConnection, Replace};

/// How long a sign-in may take, in milliseconds.
const LIFETIME: i64 = 600_000;
/// The prefix of a ticket.
const TICKET: &str = "leno-ticket-";
/// The table's name in the MAC of drafts.
const TABLE: &str = "oauth_sessions";

/// A sign-in to start.
pub struct SignIn<'a> {
    /// The piece, as the client wrote it.
    pub piece_name: String,
    /// Its version.
    pub piece_version: String,
    /// How it signs in.
    pub oauth2: &'a OAuth2,
    /// The client: the caller's own, or that of the operator.
    pub client: SignInClient,
    /// The redirect URI.
    pub redirect_url: String,
    /// What the user filled in.
    pub props: Map<String, Value>,
    /// The `prompt` and the `access_type` that the user wants.
    pub wishes: Wishes,
    /// What to make of it; without it the client makes the connection itself.
    pub draft: Option<Draft>,
}

/// What a user wants of the provider's pages, where the piece leaves it open.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The `prompt`: `consent`, `login`, …
    pub prompt: Option<String>,
    /// The `access_type`: `offline` or `online`.
    pub access_type: Option<String>,
}

/// How a response of a provider came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The base of this host's redirect URIs.
    pub base: &'a str,
    /// The redirect URI at which it came.
    pub at: &'a str,
    /// Its `iss` (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// The OAuth client of a sign-in.
pub enum SignInClient {
    /// A client of the caller's own. The secret may be missing: the client sends it later.
    Own {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Option<SecretString>,
    },
    /// The client that the operator registered for the piece.
    Platform,
}

/// The connection that a sign-in is to become.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Draft {
    /// The name that flows use.
    pub external_id: ExternalId,
    /// The name shown to users.
    pub display_name: String,
    /// Any JSON object; returned to clients.
    pub metadata: Option<Value>,
    /// The link by which it was begun: see [`ConnectSession`](crate::ConnectSession).
    #[serde(default)]
    pub link: Option<String>,
}

/// A started sign-in.
pub struct Begun {
    /// The URL to send the browser to.
    pub authorization_url: String,
    /// The `state` that comes back with the code.
    pub state: String,
    /// The PKCE verifier; `None` when PKCE is off, or when this host exchanges the code.
    pub verifier: Option<SecretString>,
    /// The PKCE challenge; `None` when PKCE is off.
    pub challenge: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The requested scopes, separated by spaces.
    pub scope: String,
}

/// How a callback ended.
pub enum Finished {
    /// The connection was made.
    Connected(Box<ConnectionRow>),
    /// It was made by this link, where its user goes on.
    ByLink(String),
    /// The client makes the connection, with this in place of the code.
    Ticket(SecretString),
}

/// Why a callback failed, with the error codes of RFC 6749 where they fit.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
pub struct Failed {
    /// For programs.
    pub error: String,
    /// A message for users.
    pub description: String,
    /// The link by which it was begun, where its user goes on.
    pub link: Option<String>,
}

/// What the exchange needs.
#[derive(Serialize, Deserialize)]
struct Pending {
    piece_name: String,
    piece_version: String,
    /// The request form of the value, complete but for the code and, maybe, the secret.
    value: Value,
    draft: Option<Draft>,
}

impl Connections {
    /// Begins a sign-in for the browser that holds `browser`.
    ///
    /// # Errors
    /// [`ConnectionError::NoPlatformApp`], [`ConnectionError::Invalid`], [`ConnectionError::Exhausted`], or the database or the
    /// operating system failed.
    pub async fn sign_in(
        &self,
        owner: &Owner,
        browser: &SecretString,
        begin: SignIn<'_>,
    ) -> Result<Begun, ConnectionError> {
        let (kind, client_id, secret) = match begin.client {
            SignInClient::Own { id, secret } => ("OAUTH2", id, secret),
            SignInClient::Platform => {
                let app = self.0.platform_app(&owner.tenant, &begin.piece_name).await?;
                // Told now, and not when the user is back from the provider.
                leno_oauth2::platform_rule(begin.oauth2, &begin.props).map_err(Problems::from)?;
                ("PLATFORM_OAUTH2", app.client_id, None)
            }
        };
        let state = leno_oauth2::state()?;
        let pkce = Pkce::fresh(begin.oauth2)?;
        let props = Value::Object(begin.props);
        let request = Authorization {
            client_id: &client_id,
            redirect_uri: &begin.redirect_url,
            state: &state,
            pkce: pkce.as_ref(),
            props: Some(&props),
            prompt: begin.wishes.prompt.as_deref(),
            access_type: begin.wishes.access_type.as_deref(),
        };
        let authorization_url = leno_oauth2::authorization_url(begin.oauth2, &request).map_err(Problems::from)?;
        let scope = leno_oauth2::requested_scope(begin.oauth2, Some(&props));
        let mut value = Map::from_iter([
            ("type".to_owned(), kind.into()),
            ("client_id".to_owned(), client_id.as_str().into()),
            ("redirect_url".to_owned(), begin.redirect_url.into()),
            ("scope".to_owned(), scope.as_str().into()),
            ("props".to_owned(), props),
        ]);
        let verifier = pkce.as_ref().map(|pkce| &pkce.verifier);
        for (name, secret) in [("client_secret", secret.as_ref()), ("code_verifier", verifier)] {
            if let Some(secret) = secret {
                value.insert(name.to_owned(), secret.expose_secret().into());
            }
        }
        let exchanged_here = begin.draft.is_some();
        let pending = Pending {
            piece_name: begin.piece_name,
            piece_version: begin.piece_version,
            value: Value::Object(value),
            draft: begin.draft,
        };
        self.keep(owner, &state, Some(browser), &pending).await?;
        let (verifier, challenge) = pkce.map(|pkce| (pkce.verifier, pkce.challenge)).unzip();
        let verifier = verifier.filter(|_| !exchanged_here);
        Ok(Begun { authorization_url: authorization_url.into(), state, verifier, challenge, client_id, scope })
    }

    /// Finishes a sign-in with the callback's parameters, which must come from the browser that started it. `piece`
    /// returns a piece's OAuth 2.0 schema.
    ///
    /// # Errors
    /// [`Failed`], with a text for the page.
    pub async fn signed_in(
        &self,
        state: &str,
        browser: Option<&SecretString>,
        arrival: Arrival<'_>,
        answer: Result<SecretString, Failed>,
        piece: impl Fn(&str) -> Option<OAuth2>,
    ) -> Result<Finished, Failed> {
        let taken = match browser {
            Some(browser) => self.take(state, &hash(browser.expose_secret())).await.map_err(Failed::of)?,
            None => None,
        };
        let Some((owner, pending)) = taken else {
            let description = "this sign-in was started in another browser, is finished already, or took more than 10 minutes; \
                               start again";
            return Err(Failed::new("invalid_state", description));
        };
        let link = pending.draft.as_ref().and_then(|draft| draft.link.clone());
        let finished = self.finish(owner, pending, arrival, answer, piece).await;
        let Some(link) = link else { return finished };
        match finished {
            Ok(_) => Ok(Finished::ByLink(link)),
            Err(failed) => {
                // Its page shows why. A session that has ended meanwhile has none.
                if let Ok(session) = self.session(&link).await {
                    self.say(&session, &failed.description).await.map_err(Failed::of)?;
                }
                Err(Failed { link: Some(link), ..failed })
            }
        }
    }

    async fn finish(
        &self,
        owner: Owner,
        mut pending: Pending,
        arrival: Arrival<'_>,
        answer: Result<SecretString, Failed>,
        piece: impl Fn(&str) -> Option<OAuth2>,
    ) -> Result<Finished, Failed> {
        let oauth2 = piece(&pending.piece_name);
        // Checked only now: a browser that did not start the sign-in cannot end it either.
        arrival.check(&pending.value, oauth2.as_ref())?;
        let code = answer?;
        if let Value::Object(members) = &mut pending.value {
            members.insert("code".into(), code.expose_secret().into());
        }
        let Some(draft) = pending.draft.take() else {
            let ticket = SecretString::from(format!("{TICKET}{}", *random::token().map_err(Failed::of)?));
            self.keep(&owner, ticket.expose_secret(), None, &pending).await.map_err(Failed::of)?;
            return Ok(Finished::Ticket(ticket));
        };
        let Some(oauth2) = oauth2 else {
            return Err(Failed::new("server_error", "the piece was removed during the sign-in"));
        };
        let value = ConnectionValue::new(std::mem::take(&mut pending.value));
        let new = NewConnection {
            external_id: draft.external_id,
            display_name: draft.display_name,
            piece_name: pending.piece_name.clone(),
            piece_version: pending.piece_version.clone(),
            value: value.map_err(|problem| Failed::of(Problems::from(problem)))?,
            metadata: draft.metadata,
            replace: Replace::Any,
        };
        let row = match draft.link {
            None => self.connect(owner, Some(oauth2), new).await.map(|(row, _)| row).map_err(Failed::of),
            Some(link) => {
                let session = self.session(&link).await.map_err(Failed::of)?;
                let made = self.connect_by_session(&session, Some(oauth2), new).await;
                made.map_err(|error| match error {
                    ConnectionError::NotFound => {
                        Failed::new("invalid_request", "the link was used already, or has ended")
                    }
                    error => Failed::of(error),
                })
            }
        };
        Ok(Finished::Connected(Box::new(row?)))
    }

    /// Redeems a ticket, once: returns the request form of a value, with code and verifier. `None` when `code` is no
    /// ticket.
    ///
    /// # Errors
    /// [`ConnectionError::Invalid`]: the ticket belongs to another user, was redeemed already, or is too old.
    pub(super) async fn redeem(&self, owner: &Owner, code: &str) -> Result<Option<ConnectionValue>, ConnectionError> {
        if !code.starts_with(TICKET) {
            return Ok(None);
        }
        let refused = || {
            let message = "is not valid: a code works once, within 10 minutes, and only for the user who started the sign-in; start again";
            ConnectionError::Invalid(Problem::new("/code", message).into())
        };
        let (whose, mut pending) = self.take(code, "").await?.ok_or_else(refused)?;
        if whose != *owner {
            return Err(refused());
        }
        let value = std::mem::take(&mut pending.value);
        Ok(Some(ConnectionValue::new(value).map_err(Problems::from)?))
    }

    /// Removes expired sign-ins and links. Returns their number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sweep(&self) -> Result<u64, ConnectionError> {
        let (db, now) = (&self.0.db, self.0.now());
        Ok(oauth_sessions::delete_expired(db, now).await? + connect_sessions::delete_expired(db, now).await?)
    }

    async fn keep(
        &self,
        owner: &Owner,
        key: &str,
        browser: Option<&SecretString>,
        pending: &Pending,
    ) -> Result<(), ConnectionError> {
        let inner = &*self.0;
        let now = inner.now();
        let text = Zeroizing::new(serde_json::to_string(pending).unwrap_or_default());
        let mut session = OAuthSession {
            draft: String::new(),
            state_hash: hash(key),
            tenant: owner.tenant.clone(),
            owner: owner.user.clone(),
            browser_hash: browser.map(|browser| hash(browser.expose_secret())).unwrap_or_default(),
            key_id: inner.keyring.active().as_str().to_owned(),
            expires_at: now + LIFETIME,
        };
        session.draft = in_place(&session, |place| inner.keyring.seal(&text.as_str().into(), place))?;
        let mut tx = inner.db.begin(&owner.tenant).await?;
        oauth_sessions::insert(&mut tx, &session, now).await?;
        inner.quotas.sign_ins.check(&mut tx, owner).await?;
        Ok(tx.commit().await?)
    }

    async fn take(&self, key: &str, browser_hash: &str) -> Result<Option<(Owner, Pending)>, ConnectionError> {
        let inner = &*self.0;
        let found = oauth_sessions::take(&inner.db, &hash(key), browser_hash, inner.now()).await?;
        let Some(session) = found else { return Ok(None) };
        let text = in_place(&session, |place| inner.keyring.open(&session.draft, place))
            .map_err(|error| crate::inner::broken(&error))?;
        let pending = serde_json::from_str(text.expose_secret())
            .map_err(|_| ConnectionError::Broken { reason: "the sign-in cannot be read".into() })?;
        Ok(Some((Owner { tenant: session.tenant, user: session.owner }, pending)))
    }
}

impl Arrival<'_> {
    /// Refuses the response of another provider than the one that was asked: its code would be sent to that one (RFC 9207; RFC
    /// 9700, section 4.4).
    fn check(&self, value: &Value, oauth2: Option<&OAuth2>) -> Result<(), Failed> {
        let refused = |description: &str| Err(Failed::new("invalid_request", description));
        // A page of the client's own passes on what came there.
        let asked = value.get("redirect_url").and_then(Value::as_str).unwrap_or_default();
        if asked.starts_with(self.base) && asked != self.at {
            return refused("the response came to the redirect URI of another piece; start again");
        }
        let expected = oauth2.and_then(|oauth2| leno_oauth2::issuer(oauth2, value.get("props")));
        match (expected, self.issuer) {
            (Some(expected), Some(issuer)) if expected != issuer => {
                refused("the response came from another provider than the one that was asked; start again")
            }
            (Some(_), None) => refused("the response does not say which provider it came from; start again"),
            _ => Ok(()),
        }
    }
}

/// Does something with the place of a draft: it opens for this owner and browser only.
fn in_place<T>(session: &OAuthSession, with: impl FnOnce(Place<'_>) -> T) -> T {
    let facts = [session.owner.as_str(), &session.browser_hash];
    with(Place { table: TABLE, tenant: session.tenant.as_str(), row: &session.state_hash, facts: &facts })
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Overwrites what it holds.
        drop(ConnectionValue::new(std::mem::take(&mut self.value)));
    }
}

impl Failed {
    /// A failure, for programs and for users.
    #[must_use]
    pub fn new(error: impl Into<String>, description: impl Into<String>) -> Self {
        Self { error: error.into(), description: description.into(), link: None }
    }

    /// The error as the page shows it: without internals of this host.
    fn of(error: impl Into<ConnectionError>) -> Self {
        let error = error.into();
        let (code, description) = match &error {
            ConnectionError::Db(DbError::Busy(_)) => {
                tracing::warn!(%error, "a sign-in could not be finished");
                ("temporarily_unavailable", "this host's database is busy; try again".to_owned())
            }
            ConnectionError::Db(_) | ConnectionError::Randomness(_) | ConnectionError::Panicked => {
                tracing::error!(%error, "a sign-in failed");
                ("server_error", "this host failed; try again later".to_owned())
            }
            ConnectionError::Provider(TokenError::InvalidGrant { .. }) => ("invalid_grant", error.to_string()),
            ConnectionError::Provider(TokenError::Refused { .. }) => ("access_denied", error.to_string()),
            ConnectionError::Provider(_) => ("temporarily_unavailable", error.to_string()),
            error => ("server_error", error.to_string()),
        };
        Self::new(code, description)
    }
}

/// SHA-256 in hexadecimal: the stored form of `state`, of tickets and of links.
pub(crate) fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// A new value for the cookie of a browser that has none.
///
/// # Errors
/// The operating system returns no random bytes.
pub fn new_browser() -> Result<SecretString, NoRandomness> {
    Ok(random::token()?.as_str().into())
}
