//! What binds a response to its request: `state` (RFC 6749, section 10.12) and PKCE (RFC 7636).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leno_base::{NoRandomness, random};
use leno_metadata::{OAuth2, PkceMethod};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// A verifier that stays with the host, and the challenge that goes to the provider. No `Debug` of the verifier.
#[derive(Debug)]
pub struct Pkce {
    /// Goes into the token request.
    pub verifier: SecretString,
    /// Goes into the authorization request.
    pub challenge: String,
    /// How the one follows from the other.
    pub method: PkceMethod,
}

impl Pkce {
    /// The challenge that belongs to `verifier` (RFC 7636, section 4.2).
    #[must_use]
    pub fn of(verifier: SecretString, method: PkceMethod) -> Self {
        let challenge = match method {
            PkceMethod::Plain => verifier.expose_secret().to_owned(),
            PkceMethod::S256 => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes())),
        };
        Self { verifier, challenge, method }
    }

    /// A fresh pair for a sign-in to `schema`; `None` when the piece sets `pkce: false`. The verifier is 32 random
    /// bytes as 43 characters (RFC 7636, section 4.1).
    ///
    /// On by default, with S256, as RFC 9700 section 2.1.1 wants it.
    ///
    /// # Errors
    ///
    /// When the operating system returns no random bytes.
    pub fn fresh(schema: &OAuth2) -> Result<Option<Self>, NoRandomness> {
        if schema.pkce == Some(false) {
            return Ok(None);
        }
        let verifier = random::token()?.as_str().into();
        Ok(Some(Self::of(verifier, schema.pkce_method.unwrap_or(PkceMethod::S256))))
    }
}

/// The `code_challenge_method` of a method.
pub(super) fn name(method: PkceMethod) -> &'static str {
    match method {
        PkceMethod::Plain => "plain",
        PkceMethod::S256 => "S256",
    }
}

/// A fresh `state`: 24 random bytes as 48 hexadecimal characters.
///
/// # Errors
///
/// When the operating system returns no random bytes.
pub fn state() -> Result<String, NoRandomness> {
    Ok(hex::encode(*random::bytes::<24>()?))
}

#[cfg(test)]
// A `json!` literal reads better without a reference.
#[allow(clippy::needless_pass_by_value)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn schema(members: Value) -> OAuth2 {
        let mut document = json!({"authUrl": "https://p.test/a", "tokenUrl": "https://p.test/t"});
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let pkce = Pkce::of(verifier.into(), PkceMethod::S256);
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(Pkce::of(verifier.into(), PkceMethod::Plain).challenge, verifier);
    }

    #[test]
    fn pkce_is_on_with_s256_unless_the_piece_says_otherwise() {
        for (members, method) in [
            (json!({}), Some(PkceMethod::S256)),
            (json!({"pkce": true}), Some(PkceMethod::S256)),
            (json!({"pkceMethod": "plain"}), Some(PkceMethod::Plain)),
            (json!({"pkce": true, "pkceMethod": "S256"}), Some(PkceMethod::S256)),
            (json!({"pkce": false, "pkceMethod": "S256"}), None),
        ] {
            let pkce = Pkce::fresh(&schema(members.clone())).unwrap();
            assert_eq!(pkce.as_ref().map(|pkce| pkce.method), method, "{members}");
            assert!(pkce.is_none_or(|pkce| pkce.verifier.expose_secret().len() == 43));
        }
    }

    #[test]
    fn states_and_verifiers_never_repeat_and_show_nothing() {
        let (one, two) = (state().unwrap(), state().unwrap());
        assert!(one != two && one.len() == 48 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let fresh = || Pkce::fresh(&schema(json!({}))).unwrap().unwrap();
        let (one, two) = (fresh(), fresh());
        assert_ne!(one.challenge, two.challenge);
        assert!(!format!("{one:?}").contains(one.verifier.expose_secret()));
    }
}
