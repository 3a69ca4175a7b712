//! What users allowed, and how it ends: by the user, by the client (RFC 7009), or by an operator. And what a token is good for
//! (RFC 7662).

use std::collections::BTreeMap;

use leno_base::Owner;
use leno_db::oauth_server::grants::{self, GrantRow};

use crate::{client::Client, error::OAuthError, server::AuthorizationServer, shelf::hash};

/// The most grants that a user is shown.
const SHOWN: i64 = 1_000;

/// What a user allowed a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The user.
    pub owner: Owner,
    /// The client.
    pub client_id: String,
    /// What people see of the client; `None` if it is gone.
    pub client_name: Option<String>,
    /// What was allowed.
    pub scope: String,
    /// For which resource.
    pub resource: Option<String>,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// When a token was last issued.
    pub used_at: i64,
    /// When it ends, or the refresh token that was asked about.
    pub expires_at: i64,
}

impl AuthorizationServer {
    /// What a user allows at present, the latest first.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn grants_of(&self, owner: &Owner) -> Result<Vec<Grant>, OAuthError> {
        let this = &*self.0;
        let rows = grants::of_owner(&this.db, owner, this.now(), SHOWN).await?;
        // One client has many of them.
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            if !names.contains_key(&row.client_id) {
                let name = this.client(&row.client_id).await?.map(|client| client.name);
                names.insert(row.client_id.clone(), name);
            }
            let (name, ends) = (names.get(&row.client_id).cloned().flatten(), row.expires_at);
            shown.push(view(row, name, ends));
        }
        Ok(shown)
    }

    /// Revokes what a user allowed. Returns whether there was such a grant.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn revoke_own(&self, owner: &Owner, id: &str) -> Result<bool, OAuthError> {
        let this = &*self.0;
        match grants::find(&this.db, id).await? {
            Some(grant) if grant.owner == *owner => Ok(this.revoke(id, "oauth.revoked", owner.actor()).await?),
            _ => Ok(false),
        }
    }

    /// Revokes the grant of a refresh token, for the client that it was issued to (RFC 7009). A token of another client, or of
    /// nobody, changes nothing. Returns whether it was one of the client's.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn revoke_refresh_token(&self, client: &Client, token: &str) -> Result<bool, OAuthError> {
        let this = &*self.0;
        match grants::of_token(&this.db, &hash(token), this.now()).await? {
            Some((grant, _)) => self.revoke_for(client, &grant).await,
            None => Ok(false),
        }
    }

    /// Revokes a grant, whose id an access token named, for the client that it was issued to.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn revoke_grant(&self, client: &Client, id: &str) -> Result<bool, OAuthError> {
        match grants::find(&self.0.db, id).await? {
            Some(grant) => self.revoke_for(client, &grant).await,
            None => Ok(false),
        }
    }

    async fn revoke_for(&self, client: &Client, grant: &GrantRow) -> Result<bool, OAuthError> {
        if grant.client_id != client.id {
            return Ok(false);
        }
        self.0.revoke(&grant.id, "oauth.revoked", format!("client:{}", client.id)).await?;
        Ok(true)
    }

    /// The grant of a refresh token that is good, if it is one of the client's.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn of_refresh_token(&self, client: &Client, token: &str) -> Result<Option<Grant>, OAuthError> {
        let this = &*self.0;
        let found = grants::of_token(&this.db, &hash(token), this.now()).await?;
        Ok(found
            .filter(|(grant, _)| grant.client_id == client.id && grant.revoked_at.is_none())
            .map(|(grant, ends)| view(grant, Some(client.name.clone()), ends)))
    }

    /// The grant with this id that an access token named, if it is one of the client's and was not revoked.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn grant(&self, client: &Client, id: &str) -> Result<Option<Grant>, OAuthError> {
        let found = grants::find(&self.0.db, id).await?;
        Ok(found.filter(|grant| grant.client_id == client.id && grant.revoked_at.is_none()).map(|grant| {
            let ends = grant.access_until;
            view(grant, Some(client.name.clone()), ends)
        }))
    }
}

fn view(row: GrantRow, client_name: Option<String>, expires_at: i64) -> Grant {
    Grant {
        id: row.id,
        owner: row.owner,
        client_id: row.client_id,
        client_name,
        scope: row.scope,
        resource: row.resource,
        created_at: row.created_at,
        used_at: row.used_at,
        expires_at,
    }
}
