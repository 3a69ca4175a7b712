//! The registry of clients.

use std::time::Duration;

use leno_base::{Owner, TenantId, random};
use leno_db::{
    DbError, audit_log,
    oauth_server::{
        clients::{self, ClientRow},
        grants,
    },
    quota::QuotaError,
};
use leno_vault::Keyring;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    client::{Client, ClientKind, ClientSettings, GrantType, check_redirect_uri},
    error::OAuthError,
    scope,
    secret::{self, SecretHash},
    server::{AuthorizationServer, ms},
    stored_client::{LONGEST_ID, open, place},
};

/// Secrets that a client may have at a time: one to change over from.
const SECRETS: usize = 2;
/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 500;
/// Redirect URIs, and scopes, of one client.
const MOST: usize = 50;

/// A registered client, without anything secret.
#[derive(Debug, Clone)]
pub struct Registered {
    /// What is checked against.
    pub client: Client,
    /// Who registered it.
    pub owner: leno_base::UserId,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// In milliseconds since 1970.
    pub updated_at: i64,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
}

/// A client that is to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What people see.
    pub name: String,
    /// What it may do.
    pub settings: ClientSettings,
    /// The tenant whose users may use it; `None` for all.
    pub tenant: Option<TenantId>,
    /// When it ends by itself: one that nobody asked for does.
    pub life: Option<Duration>,
}

/// What is to be changed of a client; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What people see.
    pub name: Option<String>,
    /// What people read about it.
    pub description: Option<String>,
    /// Where codes may be sent.
    pub redirect_uris: Option<Vec<String>>,
    /// The scopes that it may ask for.
    pub allowed_scopes: Option<Vec<String>>,
    /// The grants that it may use.
    pub allowed_grant_types: Option<Vec<GrantType>>,
    /// Whether its authorization requests need PKCE.
    pub pkce_required: Option<bool>,
    /// How long an access token lives, in seconds.
    pub access_token_ttl: Option<u64>,
    /// How long a refresh token lives, in seconds.
    pub refresh_token_ttl: Option<u64>,
    /// Whether it may do anything.
    pub active: Option<bool>,
}

impl Change {
    fn settings(self, present: ClientSettings) -> ClientSettings {
        ClientSettings {
            description: self.description.unwrap_or(present.description),
            client_type: present.client_type,
            redirect_uris: self.redirect_uris.unwrap_or(present.redirect_uris),
            allowed_scopes: self.allowed_scopes.or(present.allowed_scopes),
            allowed_grant_types: self.allowed_grant_types.unwrap_or(present.allowed_grant_types),
            pkce_required: self.pkce_required.unwrap_or(present.pkce_required),
            access_token_ttl: self.access_token_ttl.unwrap_or(present.access_token_ttl),
            refresh_token_ttl: self.refresh_token_ttl.unwrap_or(present.refresh_token_ttl),
        }
    }
}

/// What the registry does not do.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Members of a registration are wrong: the JSON pointer of each, and how.
    #[error("the client is not valid")]
    Invalid(Vec<(String, String)>),
    /// There are as many clients as there may be.
    #[error(transparent)]
    Full(leno_base::budget::Exhausted),
    /// Somebody else changed the client at the same time.
    #[error("the client was changed at the same time; read it again, then change it")]
    Changed,
    /// This host failed.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

impl From<DbError> for RegistryError {
    fn from(error: DbError) -> Self {
        Self::OAuth(error.into())
    }
}

impl From<leno_base::NoRandomness> for RegistryError {
    fn from(error: leno_base::NoRandomness) -> Self {
        Self::OAuth(error.into())
    }
}

impl From<QuotaError> for RegistryError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exhausted(refusal) => Self::Full(refusal),
            QuotaError::Db(error) => error.into(),
        }
    }
}

impl AuthorizationServer {
    /// Registers a client. Returns it with its secret, which nobody can read again; a public client has none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn register(
        &self,
        owner: &Owner,
        actor: &str,
        registration: Registration,
    ) -> Result<(Registered, Option<SecretString>), RegistryError> {
        let this = &*self.0;
        check(&registration.name, &registration.settings)?;
        let now = this.now();
        let id = format!("gauzy_{}", *random::token()?);
        let secret = match registration.settings.client_type {
            ClientKind::Confidential => Some(secret::generate()?),
            ClientKind::Public => None,
        };
        let hashes = match &secret {
            Some(secret) => vec![hashed(secret.clone(), now).await?],
            None => vec![],
        };
        let tenant = registration.tenant.clone().unwrap_or_else(|| "".into());
        let code_secrets = vec![secret::generate()?];
        let row = ClientRow {
            code_secrets: self.seal(&code_secrets, &tenant, &id)?,
            key_id: this.keyring.active().as_str().to_owned(),
            id,
            tenant: tenant.clone(),
            owner: owner.user.clone(),
            name: registration.name,
            settings: text(&registration.settings),
            secrets: text(&hashes),
            active: true,
            created_at: now,
            updated_at: now,
            expires_at: registration.life.map(|life| now.saturating_add(ms(life))),
        };
        let counted = Owner { tenant: tenant.clone(), user: owner.user.clone() };
        let mut tx = this.db.begin(&tenant).await?;
        clients::insert(&mut tx, &row).await?;
        this.clients.check(&mut tx, &counted).await?;
        let detail = json!({"name": row.name, "redirectUris": registration.settings.redirect_uris});
        let entry = this.entry(&counted, actor.to_owned(), "oauth.client_registered", &row.id, detail);
        audit_log::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok((registered(&this.keyring, &row)?, secret))
    }

    /// Clients of a tenant (`None`: those of all), beyond `skip` of them, and how many there are.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn clients(
        &self,
        tenant: Option<&TenantId>,
        skip: i64,
        limit: i64,
    ) -> Result<(Vec<Registered>, i64), RegistryError> {
        let tenant = tenant.cloned().unwrap_or_else(|| "".into());
        let (rows, total) = clients::page(&self.0.db, &tenant, skip, limit).await?;
        let clients = rows.iter().map(|row| registered(&self.0.keyring, row)).collect::<Result<_, _>>()?;
        Ok((clients, total))
    }

    /// A client of a tenant.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn find_client(&self, tenant: Option<&TenantId>, id: &str) -> Result<Option<Registered>, RegistryError> {
        let row = self.row(tenant, id).await?;
        row.map(|row| registered(&self.0.keyring, &row)).transpose()
    }

    /// Changes a client. `None` if the tenant has no such client. One that is switched off loses what users allowed it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn change_client(
        &self,
        tenant: Option<&TenantId>,
        actor: &str,
        id: &str,
        change: Change,
    ) -> Result<Option<Registered>, RegistryError> {
        let this = &*self.0;
        let Some(mut row) = self.row(tenant, id).await? else { return Ok(None) };
        let read_at = row.updated_at;
        let present = registered(&this.keyring, &row)?;
        row.name = change.name.clone().unwrap_or(row.name);
        row.active = change.active.unwrap_or(row.active);
        let settings = change.settings(present.client.settings);
        check(&row.name, &settings)?;
        row.settings = text(&settings);
        row.updated_at = this.now().max(read_at + 1);
        if !clients::update(&this.db, &row, read_at).await? {
            return Err(RegistryError::Changed);
        }
        let owner = Owner { tenant: row.tenant.clone(), user: row.owner.clone() };
        let detail = json!({"name": row.name, "active": row.active, "redirectUris": settings.redirect_uris});
        this.record(this.entry(&owner, actor.to_owned(), "oauth.client_changed", id, detail)).await;
        if !row.active && present.client.active {
            self.revoke_of_client(id).await?;
        }
        Ok(Some(registered(&this.keyring, &row)?))
    }

    /// Gives a client another secret and another code secret. The ones before stay good until the next time, so that neither a
    /// running client nor a code under way is cut off. Returns the new secret.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn rotate_secret(
        &self,
        tenant: Option<&TenantId>,
        actor: &str,
        id: &str,
    ) -> Result<Option<(Registered, SecretString)>, RegistryError> {
        let this = &*self.0;
        let Some(mut row) = self.row(tenant, id).await? else { return Ok(None) };
        let read_at = row.updated_at;
        let present = registered(&this.keyring, &row)?.client;
        if present.is_public() {
            let fault = ("/clientType".to_owned(), "is public: the client has no secret".to_owned());
            return Err(RegistryError::Invalid(vec![fault]));
        }
        let now = this.now().max(read_at + 1);
        let secret = secret::generate()?;
        let mut hashes = vec![hashed(secret.clone(), now).await?];
        hashes.extend(present.secrets.into_iter().take(SECRETS - 1));
        let mut code_secrets = vec![secret::generate()?];
        code_secrets.extend(present.code_secrets.into_iter().take(SECRETS - 1));
        row.secrets = text(&hashes);
        row.code_secrets = self.seal(&code_secrets, &row.tenant, id)?;
        row.key_id = this.keyring.active().as_str().to_owned();
        row.updated_at = now;
        if !clients::update(&this.db, &row, read_at).await? {
            return Err(RegistryError::Changed);
        }
        let owner = Owner { tenant: row.tenant.clone(), user: row.owner.clone() };
        this.record(this.entry(&owner, actor.to_owned(), "oauth.client_secret_rotated", id, json!({}))).await;
        Ok(Some((registered(&this.keyring, &row)?, secret)))
    }

    /// Removes a client and what users allowed it. Returns whether there was one.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn remove_client(&self, tenant: Option<&TenantId>, actor: &str, id: &str) -> Result<bool, RegistryError> {
        let this = &*self.0;
        let tenant = tenant.cloned().unwrap_or_else(|| "".into());
        let mut tx = this.db.begin(&tenant).await?;
        if !clients::delete(&mut tx, &tenant, id).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        let owner = Owner { tenant, user: "".into() };
        let entry = this.entry(&owner, actor.to_owned(), "oauth.client_removed", id, json!({}));
        audit_log::append(&mut tx, &entry).await?;
        tx.commit().await?;
        self.revoke_of_client(id).await?;
        Ok(true)
    }

    async fn revoke_of_client(&self, id: &str) -> Result<(), DbError> {
        let this = &*self.0;
        let now = this.db.now(&*this.clock).await?;
        let mut tx = this.db.begin(leno_db::Party::Host).await?;
        grants::revoke_of_client(&mut tx, id, now).await?;
        tx.commit().await?;
        self.learn_revocations().await.map(drop)
    }

    async fn row(&self, tenant: Option<&TenantId>, id: &str) -> Result<Option<ClientRow>, DbError> {
        if id.len() > LONGEST_ID || id.contains('\0') {
            return Ok(None);
        }
        let row = clients::find(&self.0.db, id, self.0.now()).await?;
        Ok(row.filter(|row| row.tenant.as_str() == tenant.map_or("", TenantId::as_str)))
    }

    fn seal(&self, secrets: &[SecretString], tenant: &TenantId, id: &str) -> Result<String, RegistryError> {
        let plain: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
        Ok(self.0.keyring.seal(&text(&plain).into(), place(tenant, id))?)
    }
}

/// Texts, numbers and lists of them always serialize.
fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The hash of a secret, made where it holds up nobody.
async fn hashed(secret: SecretString, now: i64) -> Result<SecretHash, RegistryError> {
    let hashing = tokio::task::spawn_blocking(move || SecretHash::of(&secret, now));
    let hash = hashing.await.map_err(|error| OAuthError::internal(error.to_string()))?;
    Ok(hash?)
}

fn registered(keyring: &Keyring, row: &ClientRow) -> Result<Registered, RegistryError> {
    Ok(Registered {
        client: open(keyring, row).map_err(OAuthError::internal)?,
        owner: row.owner.clone(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        expires_at: row.expires_at,
    })
}

/// Everything that is wrong with a client.
fn check(name: &str, settings: &ClientSettings) -> Result<(), RegistryError> {
    let mut faults = Vec::new();
    let mut refuse = |path: String, message: String| faults.push((path, message));
    let plain = |text: &str| !text.chars().any(char::is_control);
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || !plain(name) {
        refuse("/name".into(), format!("must have 1 to {LONGEST_NAME} characters, without control characters"));
    }
    if settings.description.chars().count() > LONGEST_DESCRIPTION || !plain(&settings.description) {
        let words = format!("must have at most {LONGEST_DESCRIPTION} characters, without control characters");
        refuse("/description".into(), words);
    }
    if settings.redirect_uris.is_empty() || settings.redirect_uris.len() > MOST {
        refuse("/redirectUris".into(), format!("must have 1 to {MOST} entries"));
    }
    for (at, uri) in settings.redirect_uris.iter().take(MOST).enumerate() {
        if let Err(wrong) = check_redirect_uri(uri) {
            refuse(format!("/redirectUris/{at}"), wrong.into());
        }
    }
    let scopes = settings.allowed_scopes.as_deref().unwrap_or_default();
    if scopes.len() > MOST {
        refuse("/allowedScopes".into(), format!("must have at most {MOST} entries"));
    }
    for (at, token) in scopes.iter().take(MOST).enumerate() {
        if scope::parse(token).is_none_or(|tokens| tokens.len() != 1) || token.len() > LONGEST_NAME {
            refuse(
                format!("/allowedScopes/{at}"),
                "is not a scope: visible ASCII characters but for quotes and backslashes".into(),
            );
        }
    }
    if settings.allowed_grant_types.is_empty() {
        refuse("/allowedGrantTypes".into(), "must have an entry".into());
    }
    for (path, ttl, range) in [
        ("/accessTokenTtl", settings.access_token_ttl, ClientSettings::ACCESS_TTL),
        ("/refreshTokenTtl", settings.refresh_token_ttl, ClientSettings::REFRESH_TTL),
    ] {
        if !range.contains(&ttl) {
            refuse(path.into(), format!("must be {} to {} seconds", range.start(), range.end()));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(RegistryError::Invalid(faults)) }
}
