//! Codes and refresh tokens for access tokens (RFC 6749, sections 4.1.3 and 6).

use std::time::Duration;

use leno_base::{Owner, random};
use leno_db::{
    DbError, audit_log,
    oauth_server::grants::{self, GrantRow, RefreshToken, Spent},
};
use leno_metadata::PkceMethod;
use leno_oauth2::Pkce;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::{
    client::{Client, GrantType},
    code,
    error::{OAuthError, Problem},
    request::{AuthorizationRequest, Parameters, resource},
    scope,
    server::{AuthorizationServer, Inner, ms},
    shelf::hash,
    subject::Subject,
};

/// Requests that may show a code and not fit it, before the code is gone.
const TRIES: u32 = 5;

/// What is kept of a request for its code. Nothing of it can be read from the code.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stored {
    subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(default)]
    scope: String,
}

impl Stored {
    pub(crate) fn new(subject: Subject, request: &AuthorizationRequest) -> Self {
        Self {
            subject,
            code_challenge: request.code_challenge.clone(),
            resource: request.resource.clone(),
            scope: request.scope.clone().unwrap_or_default(),
        }
    }
}

/// What an access token is to be made of.
#[derive(Debug)]
pub struct Issued {
    /// The user.
    pub subject: Subject,
    /// The client.
    pub client_id: String,
    /// The grant: what is revoked.
    pub grant_id: String,
    /// What the token is good for.
    pub scope: String,
    /// The resource that it is for.
    pub resource: Option<String>,
    /// How long it lives.
    pub lifetime: Duration,
    /// Gets the next one.
    pub refresh_token: Option<SecretString>,
}

impl AuthorizationServer {
    /// Answers a request of a client that has proved who it is.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn token(&self, client: &Client, form: &Parameters) -> Result<Issued, OAuthError> {
        let named = form.one("grant_type")?;
        let named = named.ok_or_else(|| OAuthError::request("Missing or unsupported grant_type: send grant_type"))?;
        let grant = GrantType::parse(named).ok_or_else(|| {
            let words = "Missing or unsupported grant_type: use authorization_code or refresh_token";
            OAuthError::new(Problem::UnsupportedGrantType, words)
        })?;
        if !client.may_use(grant) {
            let words = format!("the client may not use the grant {}", grant.as_str());
            return Err(OAuthError::new(Problem::UnauthorizedClient, words));
        }
        match grant {
            GrantType::AuthorizationCode => self.redeem(client, form).await,
            GrantType::RefreshToken => self.refresh(client, form).await,
        }
    }

    async fn redeem(&self, client: &Client, form: &Parameters) -> Result<Issued, OAuthError> {
        let this = &*self.0;
        let missing = |what: &str| OAuthError::request(format!("Missing token request parameters: send {what}"));
        let code = form.one("code")?.ok_or_else(|| missing("code"))?;
        let redirect_uri = form.one("redirect_uri")?.ok_or_else(|| missing("redirect_uri"))?;
        let verifier = form.one("code_verifier")?;
        if !verifier.is_none_or(is_verifier) {
            return Err(OAuthError::request("code_verifier must have 43 to 128 letters, digits, or -._~"));
        }
        let resource = resource(form, &this.resources)?;
        let payload = code::open(code, &client.code_secrets).ok_or_else(OAuthError::grant)?;
        let (now, jti) = (this.now(), payload.jti.as_str());
        if i64::try_from(payload.exp).unwrap_or(i64::MAX) <= now / 1000 {
            return Err(OAuthError::grant());
        }
        let Some(stored) = this.shelf.code(jti, now).await? else {
            return Err(this.replayed(client, jti, &payload.tenant_id, &payload.user_id).await?);
        };
        // Only what this host stored counts, whatever else shares its Redis.
        let stored: Stored = serde_json::from_str(&stored).map_err(|_| OAuthError::grant())?;
        let fits = payload.client_id == client.id
            && payload.redirect_uri == redirect_uri
            && proves(stored.code_challenge.as_deref(), verifier)
            && resource.is_none_or(|resource| stored.resource.as_ref().is_none_or(|own| *own == resource));
        if !fits {
            this.misfits(client, jti, &stored.subject.owner()).await?;
            return Err(OAuthError::grant());
        }
        let owner = stored.subject.owner();
        let access_until = now.saturating_add(ms(client.access_ttl()));
        let refreshes = client.may_use(GrantType::RefreshToken);
        let ends = now.saturating_add(ms(if refreshes { client.refresh_ttl() } else { client.access_ttl() }));
        let grant = GrantRow {
            id: Uuid::now_v7().to_string(),
            owner: owner.clone(),
            client_id: client.id.clone(),
            scope: stored.scope.clone(),
            resource: stored.resource.clone(),
            subject: serde_json::to_string(&stored.subject).unwrap_or_default(),
            code_hash: hash(jti),
            created_at: now,
            used_at: now,
            access_until,
            expires_at: ends,
            revoked_at: None,
        };
        let refresh_token = refreshes.then(random::token).transpose()?;
        let mut tx = this.db.begin(&owner.tenant).await?;
        // The grant is the mark of a code that was used, until the grant ends; the shelf's may be gone.
        if !grants::insert(&mut tx, &grant).await? {
            tx.rollback().await?;
            return Err(this.replayed(client, jti, &payload.tenant_id, &payload.user_id).await?);
        }
        this.grants.check(&mut tx, &owner).await?;
        if let Some(token) = &refresh_token {
            grants::add_token(&mut tx, &grant.id, &RefreshToken { hash: &hash(token), expires_at: ends }).await?;
        }
        let detail = json!({"scope": grant.scope, "grantId": grant.id, "resource": grant.resource});
        let entry = this.entry(&owner, format!("client:{}", client.id), "oauth.granted", &client.id, detail);
        audit_log::append(&mut tx, &entry).await?;
        tx.commit().await?;
        if !this.shelf.take_code(jti, this.now()).await? {
            // It ended meanwhile, or was used on a host with another database.
            this.revoke(&grant.id, "oauth.code_replayed", format!("client:{}", client.id)).await?;
            return Err(OAuthError::grant());
        }
        Ok(Issued {
            subject: stored.subject,
            client_id: client.id.clone(),
            grant_id: grant.id,
            scope: grant.scope,
            resource: grant.resource,
            lifetime: client.access_ttl(),
            refresh_token: refresh_token.map(|token| token.as_str().into()),
        })
    }

    async fn refresh(&self, client: &Client, form: &Parameters) -> Result<Issued, OAuthError> {
        let this = &*self.0;
        let token = form.one("refresh_token")?;
        let token = token.ok_or_else(|| OAuthError::request("Missing token request parameters: send refresh_token"))?;
        let asked = form.one("scope")?;
        let wanted = resource(form, &this.resources)?;
        let now = this.now();
        let mut tx = this.db.begin(leno_db::Party::Host).await?;
        let grant = match grants::spend(&mut tx, &hash(token), &client.id, now).await? {
            Spent::Now(grant) => grant,
            Spent::Unknown => {
                tx.rollback().await?;
                return Err(OAuthError::grant());
            }
            Spent::Before { grant, at } => {
                // Somebody has a copy (RFC 9700, section 4.14.2): neither of them keeps it.
                tx.rollback().await?;
                tracing::warn!(client = client.id, grant = grant.id, used_at = at, "a refresh token was used twice");
                this.revoke(&grant.id, "oauth.refresh_token_reused", format!("client:{}", client.id)).await?;
                return Err(OAuthError::grant());
            }
        };
        let scope = match asked {
            None => grant.scope.clone(),
            Some(asked) if narrows(asked, &grant.scope) => asked.to_owned(),
            Some(_) => {
                return Err(OAuthError::new(Problem::InvalidScope, "the scope is malformed, or more than was granted"));
            }
        };
        if wanted.is_some() && wanted != grant.resource {
            return Err(OAuthError::new(Problem::InvalidTarget, "the resource is not the one that was granted"));
        }
        let subject: Subject = serde_json::from_str(&grant.subject).map_err(|_| OAuthError::grant())?;
        let next = random::token()?;
        let ends = now.saturating_add(ms(client.refresh_ttl()));
        grants::add_token(&mut tx, &grant.id, &RefreshToken { hash: &hash(&next), expires_at: ends }).await?;
        grants::used(&mut tx, &grant.id, now, now.saturating_add(ms(client.access_ttl())), ends).await?;
        tx.commit().await?;
        Ok(Issued {
            subject,
            client_id: client.id.clone(),
            grant_id: grant.id,
            scope,
            resource: grant.resource,
            lifetime: client.access_ttl(),
            refresh_token: Some(next.as_str().into()),
        })
    }
}

impl Inner {
    /// A code that was shown after it was used: what it gave is revoked (RFC 6749, section 4.1.2).
    async fn replayed(&self, client: &Client, jti: &str, tenant: &str, user: &str) -> Result<OAuthError, OAuthError> {
        match grants::of_code(&self.db, &hash(jti)).await? {
            Some(grant) => {
                self.revoke(&grant.id, "oauth.code_replayed", format!("client:{}", client.id)).await?;
            }
            None => {
                let owner = Owner { tenant: tenant.into(), user: user.into() };
                let entry =
                    self.entry(&owner, format!("client:{}", client.id), "oauth.code_refused", &client.id, json!({}));
                self.record(entry).await;
            }
        }
        Ok(OAuthError::grant())
    }

    /// A code that was shown with what it is not bound to.
    async fn misfits(&self, client: &Client, jti: &str, owner: &Owner) -> Result<(), OAuthError> {
        if self.shelf.fail_code(jti, TRIES).await? {
            let entry = self.entry(
                owner,
                format!("client:{}", client.id),
                "oauth.code_exhausted",
                &client.id,
                json!({"tries": TRIES}),
            );
            self.record(entry).await;
        }
        Ok(())
    }

    /// Revokes a grant, and tells this host's list at once.
    pub(crate) async fn revoke(&self, id: &str, event: &'static str, actor: String) -> Result<bool, DbError> {
        let now = self.db.now(&*self.clock).await?;
        let mut tx = self.db.begin(leno_db::Party::Host).await?;
        let Some(grant) = grants::revoke(&mut tx, id, now).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        let entry = self.entry(&grant.owner, actor, event, &grant.client_id, json!({"grantId": grant.id}));
        audit_log::append(&mut tx, &entry).await?;
        tx.commit().await?;
        self.revoked.add(&grant.id, grant.access_until);
        Ok(true)
    }
}

/// Whether a verifier is the one that a challenge was made of (RFC 7636, section 4.6). A verifier without a challenge is a
/// downgrade that somebody made on the way (RFC 9700, section 2.1.1).
fn proves(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let made = Pkce::of(verifier.into(), PkceMethod::S256).challenge;
            made.as_bytes().ct_eq(challenge.as_bytes()).into()
        }
        _ => false,
    }
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Whether every token of a scope is in another.
fn narrows(asked: &str, granted: &str) -> bool {
    scope::parse(asked).is_some_and(|tokens| tokens.iter().all(|token| granted.split(' ').any(|one| one == *token)))
}
