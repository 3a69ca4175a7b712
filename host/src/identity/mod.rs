//! Identification of callers.
//!
//! Ever Gauzy signs access tokens (JWT, HS256) with a secret that it shares with this host; [`Identity::verify`] turns one
//! into a [`Caller`]. A process of the same operator may show the internal token instead, see
//! [`Identity::is_internal`].

mod caller;
mod claims;
mod error;
mod jws;
mod recent;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time, digest};
pub use leno_authorization::Subject;
use leno_authorization::{Issued, Revoked};
use leno_base::{Clock, SystemClock, milliseconds};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::{
    caller::{ActingClient, Caller, Permission},
    claims::LONGEST_LIFE,
    error::{AuthError, MAX_TOKEN},
};
use self::{jws::Signer, recent::Recent};

/// What is trusted besides the secret that signs: several values of a secret let it be changed without downtime.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// Further secrets that access tokens may be signed with.
    pub jwt: Vec<SecretString>,
    /// The internal tokens.
    pub internal: Vec<SecretString>,
    /// This host as an issuer, first, and what else it is as a resource: what `iss` and `aud` may say.
    pub names: Vec<String>,
    /// The grants whose tokens no longer count.
    pub revoked: Revoked,
}

/// Verifies and mints access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    /// Signs, and verifies.
    signer: Signer,
    /// What verifies as well: the secrets before, or after, a change.
    others: Vec<Signer>,
    /// SHA-256 of the internal tokens: all that a comparison needs.
    internal: Vec<[u8; 32]>,
    recent: Recent,
    names: Vec<String>,
    revoked: Revoked,
    clock: Arc<dyn Clock>,
}

impl Identity {
    /// Trusts tokens that are signed with `jwt_secret`, and the bearer of `internal_token`, if there is one.
    #[must_use]
    pub fn new(jwt_secret: &SecretString, internal_token: Option<&SecretString>) -> Self {
        let trusted = Trusted { internal: internal_token.into_iter().cloned().collect(), ..Trusted::default() };
        Self::with_clock(jwt_secret, &trusted, Arc::new(SystemClock))
    }

    /// Signs with `jwt_secret`, and trusts what is signed with it or one of `trusted`. The time is that of `clock`.
    #[must_use]
    pub fn with_clock(jwt_secret: &SecretString, trusted: &Trusted, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            signer: Signer::new(jwt_secret.expose_secret().as_bytes()),
            others: trusted.jwt.iter().map(|secret| Signer::new(secret.expose_secret().as_bytes())).collect(),
            internal: trusted.internal.iter().map(|token| sha256(token.expose_secret().as_bytes())).collect(),
            recent: Recent::default(),
            names: trusted.names.clone(),
            revoked: trusted.revoked.clone(),
            clock,
        }))
    }

    /// Verifies an access token and returns its caller. `bearer` is the token alone, without the word `Bearer`.
    ///
    /// The signature is checked every time; what follows from it - the parsed claims - is remembered until the token
    /// expires.
    ///
    /// # Errors
    /// [`AuthError`]: not a token, not signed by this host's secret with HS256, expired, or no access token of a tenant's
    /// user.
    pub fn verify(&self, bearer: &str) -> Result<Caller, AuthError> {
        let this = &*self.0;
        let now = self.now();
        if bearer.len() > MAX_TOKEN {
            return Err(AuthError::TooLarge);
        }
        let verified = this.signer.verify(bearer).or_else(|error| {
            let others = this.others.iter().map(|signer| signer.verify(bearer));
            others.into_iter().find_map(Result::ok).ok_or(error)
        })?;
        if let Some(found) = this.recent.get(&verified.mac, now) {
            return self.unrevoked(found);
        }
        let claims = claims::Wire::parse(&verified.payload()?)?;
        claims.check_time(now)?;
        claims.check_parties(&this.names)?;
        let (caller, expires) = claims.into_caller()?;
        this.recent.put(verified.mac, caller.clone(), expires, now);
        self.unrevoked(caller)
    }

    /// The caller, unless the grant of the client is revoked.
    fn unrevoked(&self, caller: Caller) -> Result<Caller, AuthError> {
        let grant = caller.client.as_ref().and_then(|client| client.grant.as_deref());
        match grant.map(|grant| self.0.revoked.contains(grant, milliseconds(&*self.0.clock))) {
            None | Some(Some(false)) => Ok(caller),
            Some(Some(true)) => Err(AuthError::Revoked),
            Some(None) => Err(AuthError::Unknown),
        }
    }

    /// Whether `token` is the internal token, compared in constant time. Never so when none is set.
    #[must_use]
    pub fn is_internal(&self, token: &str) -> bool {
        let given = sha256(token.as_bytes());
        // All of them, whichever it is.
        let equal = |expected: &[u8; 32]| constant_time::verify_slices_are_equal(expected, &given).is_ok();
        self.0.internal.iter().fold(false, |found, expected| found | equal(expected))
    }

    /// A signed access token for `user`, which ends after `lifetime`.
    #[must_use]
    pub fn mint(&self, user: &Subject, lifetime: Duration) -> String {
        self.0.signer.sign(&claims::Wire::of(user, self.now(), lifetime))
    }

    /// A signed access token of an OAuth client.
    #[must_use]
    pub fn mint_for_client(&self, issued: &Issued) -> String {
        let issuer = self.0.names.first().map_or("", String::as_str);
        self.0.signer.sign(&claims::of_client(issued, issuer, self.now()))
    }

    /// How long it is until `seconds` since 1970.
    #[must_use]
    pub fn until(&self, seconds: u64) -> Duration {
        (UNIX_EPOCH + Duration::from_secs(seconds)).duration_since(self.0.clock.now()).unwrap_or_default()
    }

    /// Seconds since 1970.
    fn now(&self) -> u64 {
        self.0.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
