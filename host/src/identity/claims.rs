//! What an access token says: Gauzy's claims.

use std::time::Duration;

use leno_base::{Actor, Behalf};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthError, Caller};

const ACCESS: &str = "ACCESS_TOKEN_TYPE";

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
        self.nbf.filter(|nbf| *nbf > now).map_or(Ok(()), |nbf| Err(AuthError::NotYet(nbf)))
    }

    /// The caller, and when the token expires.
    pub(super) fn into_caller(self) -> Result<(Caller, u64), AuthError> {
        if self.token_type.is_some_and(|kind| kind != ACCESS) {
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
        let caller = Caller {
            actor,
            employee_id: self.employee_id.map(|id| id.to_string().into()),
            role: self.role.map(Into::into),
            permissions: self.permissions.unwrap_or_default().into(),
            expires_at: self.exp,
        };
        Ok((caller, self.exp))
    }
}
