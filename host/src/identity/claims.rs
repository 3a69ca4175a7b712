//! What an access token says: Gauzy's claims.

use std::time::Duration;

use leno_base::{Actor, Behalf};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthError, Caller};

const ACCESS: &str = "ACCESS_TOKEN_TYPE";
/// The scope of everything that the user may do.
const EVERYTHING: &str = "gauzy:all";
/// The longest life of a token, in seconds: Gauzy's lives for a day, that of a user without an account for 30 days. What leaks
/// must not be good for ever.
pub const LONGEST_LIFE: u64 = 31 * 24 * 3600;
/// How far a clock may be ahead of this host's, in seconds.
const AHEAD: u64 = 300;

/// What to say in a token that this host mints.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The user.
    pub user_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The organization.
    pub organization_id: Option<Uuid>,
    /// The employee.
    pub employee_id: Option<Uuid>,
    /// Role name.
    pub role: Option<String>,
    /// Permission names.
    pub permissions: Vec<String>,
}

impl Claims {
    pub(super) fn wire(&self, now: u64, lifetime: Duration) -> Wire {
        Wire {
            id: self.user_id,
            user_id: Some(self.user_id),
            tenant_id: Some(self.tenant_id),
            organization_id: self.organization_id,
            employee_id: self.employee_id,
            role: self.role.clone(),
            permissions: Some(self.permissions.clone()),
            token_type: Some(ACCESS.to_owned()),
            token_id: Some(Uuid::new_v4().to_string()),
            scope: None,
            client_id: None,
            iat: Some(now),
            nbf: None,
            exp: now.saturating_add(lifetime.as_secs()),
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
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
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

    /// `now` in seconds since 1970. No leeway: Gauzy has none either.
    pub(super) fn check_time(&self, now: u64) -> Result<(), AuthError> {
        if self.exp <= now {
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
        self.nbf.filter(|nbf| *nbf > now).map_or(Ok(()), |nbf| Err(AuthError::NotYet(nbf)))
    }

    /// The caller, and when the token expires.
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
        if self.scope.is_some() || self.client_id.is_some() {
            let scope = self.scope.unwrap_or_default();
            if !scope.split(' ').any(|one| one == EVERYTHING) {
                permissions.retain(|name| scope.split(' ').any(|one| one == name));
            }
        }
        let caller = Caller {
            actor,
            employee_id: self.employee_id.map(|id| id.to_string().into()),
            role: self.role.map(Into::into),
            permissions: permissions.into(),
            expires_at: self.exp,
        };
        Ok((caller, self.exp))
    }
}
