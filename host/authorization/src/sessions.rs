//! Users who are signed in to the pages of this host.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_base::random;
use leno_db::oauth_server::sessions;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::{error::OAuthError, server::AuthorizationServer, shelf::hash, subject::Subject};

impl AuthorizationServer {
    /// Signs a user in until `end` (milliseconds since 1970). Returns what the browser keeps.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn sign_in(&self, subject: &Subject, end: i64) -> Result<SecretString, OAuthError> {
        let token: SecretString = random::token()?.as_str().into();
        let text = serde_json::to_string(subject).unwrap_or_default();
        sessions::insert(&self.0.db, &hash(token.expose_secret()), &subject.owner(), &text, end).await?;
        Ok(token)
    }

    /// The user who is signed in, if the session has not ended.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn signed_in(&self, token: &SecretString) -> Result<Option<Subject>, OAuthError> {
        let found = sessions::find(&self.0.db, &hash(token.expose_secret()), self.0.now()).await?;
        Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Signs a user out.
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn sign_out(&self, token: &SecretString) -> Result<(), OAuthError> {
        Ok(sessions::delete(&self.0.db, &hash(token.expose_secret())).await?)
    }
}

/// What a form of this host's pages carries in a session: no other site can know it.
#[must_use]
pub fn csrf_token(session: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(csrf_mac(session).finalize().into_bytes())
}

/// Whether a form is one of this host's pages, made in this session. Compares in constant time.
#[must_use]
pub fn is_csrf_token(session: &SecretString, token: &str) -> bool {
    URL_SAFE_NO_PAD.decode(token).is_ok_and(|token| csrf_mac(session).verify_slice(&token).is_ok())
}

fn csrf_mac(session: &SecretString) -> Hmac<Sha256> {
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(session.expose_secret().as_bytes()).unwrap_or_else(|_| unreachable!());
    mac.update(b"leno form");
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_one_session_is_none_of_another() {
        let (one, other) = (SecretString::from("a"), SecretString::from("b"));
        let token = csrf_token(&one);
        assert!(is_csrf_token(&one, &token) && !is_csrf_token(&other, &token));
        for bad in ["", "x", &token[1..], &format!("{token}A")] {
            assert!(!is_csrf_token(&one, bad), "{bad}");
        }
    }
}
