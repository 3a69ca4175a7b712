//! What an access token says: Gauzy's claims.

use std::time::Duration;

use leno_authorization::{Issued, Subject, scope};
use leno_base::{Actor, Behalf};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActingClient, AuthError, Caller};

const ACCESS: &str = "ACCESS_TOKEN_TYPE";
/// The longest life of a token, in seconds: Gauzy's lives for a day, that of a user without an account for 30 days. What leaks
/// must not be good for ever.
pub const LONGEST_LIFE: u64 = 31 * 24 * 3600;
/// How far a clock may be ahead of this host's, in seconds.
const AHEAD: u64 = 300;
/// How far two clocks may be apart where a token begins and where it ends, in seconds.
pub(super) const LEEWAY: u64 = 30;

impl Wire {
    /// The claims of a user's token.
    pub(super) fn of(user: &Subject, now: u64, lifetime: Duration) -> Self {
        Self {
            id: user.user_id,
            user_id: Some(user.user_id),
            tenant_id: Some(user.tenant_id),
            organization_id: user.organization_id,
            employee_id: user.employee_id,
            role: user.role.clone(),
            permissions: Some(user.permissions.clone()),
            token_type: Some(ACCESS.to_owned()),
            token_id: Some(Uuid::new_v4().to_string()),
            jti: None,
            scope: None,
            client_id: None,
            grant_id: None,
            iss: None,
            aud: None,
            iat: Some(now),
            nbf: None,
            exp: now.saturating_add(lifetime.as_secs()),
        }
    }
}

/// The claims of a client's token: Gauzy's, with the permissions that the scope allows, and who it was issued to, by whom.
pub(super) fn of_client(issued: &Issued, issuer: &str, now: u64) -> Wire {
    let mut user = issued.subject.clone();
    user.permissions.retain(|name| scope::allows(&issued.scope, name));
    let wire = Wire::of(&user, now, issued.lifetime);
    Wire {
        jti: wire.token_id.clone(),
        scope: Some(issued.scope.clone()),
        client_id: Some(issued.client_id.clone()),
        grant_id: Some(issued.grant_id.clone()),
        iss: Some(issuer.to_owned()),
        aud: issued.resource.clone().map(Audience::One),
        ..wire
    }
}

/// Who a token is for (RFC 7519, section 4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn includes(&self, own: &[String]) -> bool {
        let same = |one: &String| own.iter().any(|own| own.trim_end_matches('/') == one.trim_end_matches('/'));
        match self {
            Self::One(one) => same(one),
            Self::Several(several) => several.iter().any(same),
        }
    }
}

/// The claims as they travel. Others are ignored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire {
    id: Uuid,
    #[serde(default)]
    user_id: Option<Uuid>,
    #[serde(default)]
    tenant_id: Option<Uuid>,
    #[serde(default)]
    organization_id: Option<Uuid>,
    #[serde(default)]
    employee_id: Option<Uuid>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    token_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(default)]
    iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    exp: u64,
}

impl Wire {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, AuthError> {
        serde_json::from_slice(payload).map_err(|error| AuthError::Claims(error.to_string()))
    }

    /// Whether it was issued by another, or for another: such a token is not for this host, whoever signed it.
    pub(super) fn check_parties(&self, own: &[String]) -> Result<(), AuthError> {
        let issued_here = self.iss.as_ref().is_none_or(|issuer| own.contains(issuer));
        let for_us = self.aud.as_ref().is_none_or(|audience| audience.includes(own));
        if issued_here && for_us { Ok(()) } else { Err(AuthError::NotForUs) }
    }

    /// `now` in seconds since 1970.
    pub(super) fn check_time(&self, now: u64) -> Result<(), AuthError> {
        if self.exp.saturating_add(LEEWAY) <= now {
            return Err(AuthError::Expired(self.exp));
        }
        // Without `iat` it may have been issued long ago, so what is left counts.
        let issued = self.iat.unwrap_or(now);
        if issued > now + AHEAD {
            return Err(AuthError::NotYet(issued));
        }
        if self.exp.saturating_sub(issued) > LONGEST_LIFE {
            return Err(AuthError::TooLong { most: LONGEST_LIFE });
        }
        self.nbf.filter(|nbf| *nbf > now + LEEWAY).map_or(Ok(()), |nbf| Err(AuthError::NotYet(nbf)))
    }

    /// The caller, and until when the token counts.
    pub(super) fn into_caller(self) -> Result<(Caller, u64), AuthError> {
        if self.token_type.as_deref() != Some(ACCESS) {
            return Err(AuthError::NotAnAccessToken);
        }
        if self.user_id.is_some_and(|user| user != self.id) {
            return Err(AuthError::Claims("`id` and `userId` name different users".into()));
        }
        let actor = Actor {
            tenant: self.tenant_id.ok_or(AuthError::NoTenant)?.to_string().into(),
            organization: self.organization_id.map(|id| id.to_string().into()),
            user: self.id.to_string().into(),
            behalf: Behalf::Request,
        };
        let mut permissions = self.permissions.unwrap_or_default();
        // The token of an OAuth client is narrowed to what the user agreed to.
        let client = (self.scope.is_some() || self.client_id.is_some()).then(|| ActingClient {
            id: self.client_id.unwrap_or_default().into(),
            grant: self.grant_id.map(Into::into),
            scope: self.scope.unwrap_or_default().into(),
        });
        if let Some(client) = &client {
            permissions.retain(|name| scope::allows(&client.scope, name));
        }
        let caller = Caller {
            actor,
            employee_id: self.employee_id.map(|id| id.to_string().into()),
            role: self.role.map(Into::into),
            permissions: permissions.into(),
            expires_at: self.exp,
            client,
        };
        Ok((caller, self.exp.saturating_add(LEEWAY)))
    }
}
