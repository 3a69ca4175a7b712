//! Callers, as Ever Gauzy's JSON Web Tokens describe them.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use uuid::Uuid;

/// A caller, and their permissions. The claims are those that Gauzy's `AuthService` mints.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// The user.
    pub id: Uuid,
    user_id: Uuid,
    /// The tenant, which owns everything the user makes.
    pub tenant_id: Option<Uuid>,
    /// The organization.
    pub organization_id: Option<Uuid>,
    /// The employee that the user is.
    pub employee_id: Option<Uuid>,
    /// The role's name.
    pub role: Option<String>,
    /// Names of the permissions that the role has.
    pub permissions: Option<Vec<String>>,
    token_type: &'static str,
    token_id: Uuid,
    iat: u64,
    exp: u64,
}

/// What a user needs for connections.
const CONNECTIONS: [&str; 4] = ["INTEGRATION_VIEW", "INTEGRATION_ADD", "INTEGRATION_EDIT", "INTEGRATION_DELETE"];

impl Caller {
    /// The operator, in a separate tenant, with every permission.
    #[must_use]
    pub fn operator() -> Self {
        Self::with("SUPER_ADMIN", &[&CONNECTIONS[..], &["LENO_ADMIN"]].concat())
    }

    /// A user of a separate tenant who may have connections of their own.
    #[must_use]
    pub fn user() -> Self {
        Self::with("EMPLOYEE", &CONNECTIONS)
    }

    /// A user of a separate tenant with these permissions.
    #[must_use]
    pub fn with(role: &str, permissions: &[&str]) -> Self {
        let id = Uuid::new_v4();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Self {
            id,
            user_id: id,
            tenant_id: Some(Uuid::new_v4()),
            organization_id: Some(Uuid::new_v4()),
            employee_id: Some(Uuid::new_v4()),
            role: Some(role.to_owned()),
            permissions: Some(permissions.iter().map(|&name| name.to_owned()).collect()),
            token_type: "ACCESS_TOKEN_TYPE",
            token_id: Uuid::new_v4(),
            iat: now,
            exp: now + 86_400,
        }
    }

    /// The same caller with a token that ended `seconds` ago.
    #[must_use]
    pub fn expired(mut self, seconds: u64) -> Self {
        self.exp = self.iat.saturating_sub(seconds);
        self
    }

    /// The token, signed with HS256.
    ///
    /// # Panics
    /// Never for these claims.
    #[must_use]
    pub fn token(&self, secret: &str) -> String {
        jsonwebtoken::encode(&Header::default(), self, &EncodingKey::from_secret(secret.as_bytes()))
            .expect("the claims are plain JSON")
    }
}
