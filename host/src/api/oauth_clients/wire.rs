//! OAuth clients as they travel.

use leno_authorization::{
    ClientKind, ClientSettings, GrantType,
    registry::{Change, Registered, Registration},
};
use leno_base::{TenantId, budget::Spec, iso};
use leno_metadata::Problem as Fault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::{
    Rejection, budgets,
    extract::{JsonBody, Kind, Member},
};

/// A client that is to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OAuthClientRequest, example = json!({"name": "Activepieces", "redirectUris": ["https://cloud.activepieces.com/redirect"]}))]
pub(in crate::api) struct ClientBody {
    /// What people see, up to 100 characters.
    name: String,
    /// What people read about it, up to 500 characters.
    description: Option<String>,
    /// `confidential` or `public`; `confidential` if absent.
    client_type: Option<String>,
    /// Where codes may be sent: https, or http to a loopback address; each by exact match.
    redirect_uris: Vec<String>,
    /// The scopes that it may ask for; any, if absent.
    allowed_scopes: Option<Vec<String>>,
    /// `authorization_code` and `refresh_token`; both if absent.
    allowed_grant_types: Option<Vec<String>>,
    /// Whether it must use PKCE; public clients always must.
    pkce_required: Option<bool>,
    /// How long an access token lives, in seconds: 60 to 604800; a day if absent.
    access_token_ttl: Option<u64>,
    /// How long a refresh token lives, in seconds: 60 to 7776000; 30 days if absent.
    refresh_token_ttl: Option<u64>,
}

impl JsonBody for ClientBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "name", kind: Kind::Text, required: true },
        Member { name: "description", kind: Kind::Text, required: false },
        Member { name: "clientType", kind: Kind::Text, required: false },
        Member { name: "redirectUris", kind: Kind::List, required: true },
        Member { name: "allowedScopes", kind: Kind::List, required: false },
        Member { name: "allowedGrantTypes", kind: Kind::List, required: false },
        Member { name: "accessTokenTtl", kind: Kind::Count, required: false },
        Member { name: "refreshTokenTtl", kind: Kind::Count, required: false },
    ];
    const EXAMPLE: &'static str =
        r#"{"name": "Activepieces", "redirectUris": ["https://cloud.activepieces.com/redirect"]}"#;
}

impl ClientBody {
    /// What to register for the users of `tenant`.
    ///
    /// # Errors
    /// Words that are none: every one is listed. The rest is for the registry to check.
    pub(super) fn check(self, tenant: &TenantId) -> Result<Registration, Rejection> {
        let mut faults = Vec::new();
        let client_type = match self.client_type.as_deref() {
            None | Some("confidential") => ClientKind::Confidential,
            Some("public") => ClientKind::Public,
            Some(_) => {
                faults.push(Fault::new("/clientType", "must be confidential or public"));
                ClientKind::Confidential
            }
        };
        let grants = self.allowed_grant_types.map(|names| grants(&names, &mut faults));
        if !faults.is_empty() {
            return Err(Rejection::invalid_members(faults));
        }
        let usual = ClientSettings::new(client_type, self.redirect_uris);
        Ok(Registration {
            name: self.name,
            settings: ClientSettings {
                description: self.description.unwrap_or_default(),
                allowed_scopes: self.allowed_scopes,
                allowed_grant_types: grants.unwrap_or(usual.allowed_grant_types),
                pkce_required: self.pkce_required.unwrap_or(usual.pkce_required),
                access_token_ttl: self.access_token_ttl.unwrap_or(usual.access_token_ttl),
                refresh_token_ttl: self.refresh_token_ttl.unwrap_or(usual.refresh_token_ttl),
                ..usual
            },
            tenant: Some(tenant.clone()),
            life: None,
        })
    }
}

/// What is to be changed of a client; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OAuthClientChange, example = json!({"isActive": false}))]
pub(in crate::api) struct ChangeBody {
    name: Option<String>,
    description: Option<String>,
    redirect_uris: Option<Vec<String>>,
    allowed_scopes: Option<Vec<String>>,
    allowed_grant_types: Option<Vec<String>>,
    pkce_required: Option<bool>,
    access_token_ttl: Option<u64>,
    refresh_token_ttl: Option<u64>,
    /// Switched off, a client can do nothing, and what users allowed it is revoked.
    is_active: Option<bool>,
}

impl JsonBody for ChangeBody {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "name", kind: Kind::Text, required: false },
        Member { name: "description", kind: Kind::Text, required: false },
        Member { name: "redirectUris", kind: Kind::List, required: false },
        Member { name: "allowedScopes", kind: Kind::List, required: false },
        Member { name: "allowedGrantTypes", kind: Kind::List, required: false },
        Member { name: "accessTokenTtl", kind: Kind::Count, required: false },
        Member { name: "refreshTokenTtl", kind: Kind::Count, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"isActive": false}"#;
}

impl ChangeBody {
    /// What to change.
    ///
    /// # Errors
    /// Words that are none: every one is listed.
    pub(super) fn check(self) -> Result<Change, Rejection> {
        let mut faults = Vec::new();
        let change = Change {
            name: self.name,
            description: self.description,
            redirect_uris: self.redirect_uris,
            allowed_scopes: self.allowed_scopes,
            allowed_grant_types: self.allowed_grant_types.map(|names| grants(&names, &mut faults)),
            pkce_required: self.pkce_required,
            access_token_ttl: self.access_token_ttl,
            refresh_token_ttl: self.refresh_token_ttl,
            active: self.is_active,
        };
        if !faults.is_empty() {
            return Err(Rejection::invalid_members(faults));
        }
        Ok(change)
    }
}

/// A registered client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OAuthClient)]
pub(in crate::api) struct ClientView {
    client_id: String,
    name: String,
    description: String,
    #[schema(example = "confidential")]
    client_type: &'static str,
    redirect_uris: Vec<String>,
    /// `null`: any.
    #[schema(required = true)]
    allowed_scopes: Option<Vec<String>>,
    allowed_grant_types: Vec<&'static str>,
    pkce_required: bool,
    access_token_ttl: u64,
    refresh_token_ttl: u64,
    is_active: bool,
    /// How many secrets are good at present: two while one is changed.
    secrets: usize,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    updated: String,
    /// The secret, in the response to its registration and rotation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// A page of clients.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthClientPage)]
pub(in crate::api) struct Page {
    pub(super) items: Vec<ClientView>,
    pub(super) total: i64,
}

impl ClientView {
    pub(super) fn new(registered: Registered, secret: Option<String>) -> Self {
        let client = registered.client;
        let settings = client.settings;
        Self {
            client_id: client.id,
            name: client.name,
            description: settings.description,
            client_type: settings.client_type.as_str(),
            redirect_uris: settings.redirect_uris,
            allowed_scopes: settings.allowed_scopes,
            allowed_grant_types: settings.allowed_grant_types.iter().map(|grant| grant.as_str()).collect(),
            pkce_required: settings.pkce_required,
            access_token_ttl: settings.access_token_ttl,
            refresh_token_ttl: settings.refresh_token_ttl,
            is_active: client.active,
            secrets: client.secrets.len(),
            created: iso(registered.created_at),
            updated: iso(registered.updated_at),
            client_secret: secret,
        }
    }
}

fn grants(names: &[String], faults: &mut Vec<Fault>) -> Vec<GrantType> {
    let mut known = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match GrantType::parse(name) {
            Some(grant) => known.push(grant),
            None => {
                let path = format!("/allowedGrantTypes/{at}");
                faults.push(Fault::new(path, "must be authorization_code or refresh_token"));
            }
        }
    }
    known
}
