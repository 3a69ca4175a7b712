//! The authorization server.

use std::{fmt, sync::Arc, time::Duration};

use leno_base::{Clock, Owner, budget::Budgets, milliseconds, random};
use leno_db::{
    AuditEntry, Db, DbError, audit_log,
    oauth_server::{clients, grants, sessions},
    quota::{Counted, Quota},
};
use leno_vault::Keyring;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{
    budgets::{AUTHORIZATIONS, PEER_AUTHORIZATIONS, TENANT_CLIENTS, TENANT_GRANTS, USER_CLIENTS, USER_GRANTS},
    client::Client,
    error::OAuthError,
    request::{self, AuthorizationRequest, Parameters, Refused, answer},
    revoked::Revoked,
    secrets::Secrets,
    shelf::{DbShelf, Shelf, hash},
    stored_client,
};

/// How long a user has to decide.
pub(crate) const PENDING: Duration = Duration::from_secs(600);
/// How far the clocks of two hosts, or a transaction and its end, may be apart when revocations are read.
const OVERLAP: i64 = 60_000;

/// What the server is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Seals the code secrets of clients.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Keeps requests and codes; the database, unless there is another.
    pub shelf: Option<Arc<dyn Shelf>>,
    /// The client of the settings.
    pub client: Option<(Client, SecretString)>,
    /// The issuer (RFC 8414): the base URL of this host.
    pub issuer: String,
    /// The resources that a token may be for (RFC 8707).
    pub resources: Vec<String>,
    /// How long a code lives.
    pub code_ttl: Duration,
    /// The list of revoked grants, which whoever verifies tokens shares.
    pub revoked: Revoked,
}

/// The authorization server. Cheap to clone.
#[derive(Clone)]
pub struct AuthorizationServer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) client: Option<(Client, SecretString)>,
    pub(crate) issuer: String,
    pub(crate) resources: Vec<String>,
    pub(crate) code_ttl: Duration,
    pub(crate) revoked: Revoked,
    pub(crate) clients: Quota,
    pub(crate) grants: Quota,
    authorizations: Quota,
    pub(crate) secrets: Secrets,
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

/// A request that waits for a user's decision.
#[derive(Debug)]
pub struct Begun {
    /// The id of the request.
    pub id: String,
    /// What the browser must show again.
    pub browser: SecretString,
}

impl AuthorizationServer {
    /// A server within `budgets`.
    ///
    /// # Errors
    /// [`leno_base::NoRandomness`].
    pub fn new(parts: Parts, budgets: &Budgets) -> Result<Self, leno_base::NoRandomness> {
        let authorizations =
            Quota::new(Counted::OAuthRequests, budgets, &PEER_AUTHORIZATIONS, &AUTHORIZATIONS, Some(PENDING));
        let shelf = parts.shelf.unwrap_or_else(|| Arc::new(DbShelf::new(parts.db.clone(), authorizations.clone())));
        Ok(Self(Arc::new(Inner {
            db: parts.db,
            keyring: parts.keyring,
            clock: parts.clock,
            shelf,
            client: parts.client,
            issuer: parts.issuer,
            resources: parts.resources,
            code_ttl: parts.code_ttl,
            revoked: parts.revoked,
            clients: Quota::new(Counted::OAuthClients, budgets, &USER_CLIENTS, &TENANT_CLIENTS, None),
            grants: Quota::new(Counted::OAuthGrants, budgets, &USER_GRANTS, &TENANT_GRANTS, None),
            authorizations,
            secrets: Secrets::new(budgets)?,
        })))
    }

    /// The issuer (RFC 8414, section 2).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The resources that a token may be for.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.0.resources
    }

    /// Takes an authorization request, sent from the address `peer`, for a user to decide on. `browser` is what the browser
    /// showed, if it is in the midst of another request.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn begin(
        &self,
        peer: &str,
        parameters: &Parameters,
        browser: Option<SecretString>,
    ) -> Result<Begun, Refused> {
        let this = &*self.0;
        let now = this.now();
        let id = parameters.one("client_id")?;
        let id = id.ok_or_else(|| OAuthError::request("Missing OAuth parameters: send client_id"))?;
        // The same words for a client that there is not and one that is switched off.
        let client =
            this.client(id).await?.ok_or_else(|| OAuthError::request("Invalid client_id: there is no such client"))?;
        let redirect_uri = request::trusted(&client, parameters)?;
        // Two states: neither is the client's.
        let state = parameters.one("state");
        let there = |error: OAuthError| -> Refused {
            let told = [("error", error.problem.as_str()), ("error_description", &*error.description)];
            match answer(redirect_uri, state.unwrap_or_default(), &this.issuer, &told) {
                Ok(location) => Refused::There { location, error },
                Err(error) => Refused::Here(error),
            }
        };
        let state = state.map_err(|repeated| there(repeated.into()))?;
        let token = || random::token().map_err(|error| there(error.into()));
        let browser = match browser {
            Some(browser) => browser,
            None => token()?.as_str().into(),
        };
        let draft = AuthorizationRequest {
            request_id: token()?.to_string(),
            client_id: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            scope: None,
            state: state.map(str::to_owned),
            created_at: now,
            code_challenge: None,
            resource: None,
            browser_hash: Some(hash(browser.expose_secret())),
        };
        let request = request::check(&client, parameters, &this.resources, draft).map_err(there)?;
        // Texts and a number always serialize.
        let text = serde_json::to_string(&request).unwrap_or_default();
        let end = now.saturating_add(ms(PENDING));
        this.shelf
            .put_request(&request.request_id, peer, &text, now, end)
            .await
            .map_err(|error| there(error.into()))?;
        Ok(Begun { id: request.request_id, browser })
    }

    /// Reads which grants were revoked, by whichever host. To be called every second.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn learn_revocations(&self) -> Result<usize, DbError> {
        let this = &*self.0;
        let now = this.db.now(&*this.clock).await?;
        let since = this.revoked.seen_at().map_or(0, |seen| seen.saturating_sub(OVERLAP));
        let found = grants::revoked_since(&this.db, since, now).await?;
        let count = found.len();
        // By this host's clock, which is the one that is asked.
        this.revoked.learn(found, this.now());
        Ok(count)
    }

    /// Removes what has ended. Returns how many rows.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn sweep(&self) -> Result<u64, OAuthError> {
        let this = &*self.0;
        let now = this.now();
        let mut removed = this.shelf.sweep(now).await?;
        removed += grants::delete_expired(&this.db, now).await?;
        removed += clients::delete_expired(&this.db, now).await?;
        removed += sessions::delete_expired(&this.db, now).await?;
        Ok(removed)
    }

    /// Shows how much is stored for all owners.
    pub fn observe(&self, counted: Counted, used: u64) {
        match counted {
            Counted::OAuthClients => self.0.clients.observe(used),
            Counted::OAuthRequests => self.0.authorizations.observe(used),
            Counted::OAuthGrants => self.0.grants.observe(used),
            _ => {}
        }
    }
}

impl Inner {
    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        milliseconds(&*self.clock)
    }

    /// A client that may do something: the one of the settings, or a registered one.
    pub(crate) async fn client(&self, id: &str) -> Result<Option<Client>, OAuthError> {
        if let Some((client, _)) = self.client.as_ref().filter(|(client, _)| client.id == id) {
            return Ok(Some(client.clone()));
        }
        if id.len() > stored_client::LONGEST_ID || id.contains('\0') {
            return Ok(None);
        }
        let Some(row) = clients::find(&self.db, id, self.now()).await? else { return Ok(None) };
        let client = stored_client::open(&self.keyring, &row).map_err(OAuthError::internal)?;
        Ok(Some(client).filter(|client| client.active))
    }

    /// An entry of the audit log about what `owner` has.
    pub(crate) fn entry(
        &self,
        owner: &Owner,
        actor: String,
        event: &'static str,
        subject: &str,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry::new(self.now(), owner.tenant.clone(), actor, event, subject).with(detail)
    }

    /// Writes an entry by itself. A failure is logged: it has happened already.
    pub(crate) async fn record(&self, entry: AuditEntry) {
        let event = entry.event;
        if let Err(error) = audit_log::record(&self.db, entry).await {
            tracing::error!(event, %error, "an entry of the audit log was not written");
        }
    }
}

pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
