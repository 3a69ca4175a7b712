//! The form of codes: Gauzy's `v1.{payload}.{signature}`.
//!
//! The payload is compact JSON in base64url without padding; the signature is HMAC-SHA256 over the ASCII characters of the
//! payload, keyed with the client's code secret, in the same encoding. It is verified before the payload is decoded.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The longest code that is looked at, in bytes. The longest redirect URI and scope make one of half as much.
pub const LONGEST: usize = 16 << 10;

/// What a code says. Anybody who sees the code can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// The one thing that no other code has: 256 random bits.
    pub jti: String,
    /// The user.
    pub user_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The client.
    pub client_id: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The scope; may be empty.
    #[serde(default)]
    pub scope: String,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
}

/// A signed code.
#[must_use]
pub fn sign(payload: &Payload, secret: &SecretString) -> String {
    // Texts and a number always serialize.
    let encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(payload).unwrap_or_default());
    let signature = URL_SAFE_NO_PAD.encode(mac(secret, &encoded).finalize().into_bytes());
    format!("v1.{encoded}.{signature}")
}

/// The payload of a code that is signed with one of `secrets`. `None` for every other text: a caller is not told why.
#[must_use]
pub fn open<'s>(code: &str, secrets: impl IntoIterator<Item = &'s SecretString>) -> Option<Payload> {
    if code.len() > LONGEST {
        return None;
    }
    let (encoded, signature) = code.strip_prefix("v1.")?.split_once('.')?;
    // The engine takes neither padding nor a second spelling of the last bits, and no dot.
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let verified = |secret: &SecretString| mac(secret, encoded).verify_slice(&signature).is_ok();
    // All of them, whichever it is.
    let good = secrets.into_iter().fold(false, |good, secret| good | verified(secret));
    good.then(|| URL_SAFE_NO_PAD.decode(encoded).ok()).flatten().and_then(|json| serde_json::from_slice(&json).ok())
}

fn mac(secret: &SecretString, encoded: &str) -> Hmac<Sha256> {
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).unwrap_or_else(|_| unreachable!());
    mac.update(encoded.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> Payload {
        Payload {
            jti: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".into(),
            user_id: "11111111-1111-4111-8111-111111111111".into(),
            tenant_id: "22222222-2222-4222-8222-222222222222".into(),
            client_id: "client-1".into(),
            redirect_uri: "https://cloud.activepieces.com/redirect".into(),
            scope: "gauzy:all".into(),
            exp: 1_900_000_000,
        }
    }

    fn secret() -> SecretString {
        "code-secret".into()
    }

    #[test]
    fn a_code_is_the_one_that_gauzy_makes() {
        let code = sign(&payload(), &secret());
        assert!(code.ends_with(".Q6BDGu8PlcMEMtdTOgk_NiGvD0Ig8nxQdBelE0HGvw0"), "{code}");
        assert_eq!(open(&code, [&secret()]), Some(payload()));
        assert_eq!(open(&code, [&"another".into(), &secret()]), Some(payload()));
        assert_eq!(open(&code, [&"another".into()]), None);
        assert_eq!(open(&code, []), None);
    }

    #[test]
    fn every_byte_and_every_other_form_is_refused() {
        let code = sign(&payload(), &secret());
        for at in 0..code.len() {
            let mut bytes = code.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert_eq!(open(&tampered, [&secret()]), None, "byte {at}");
        }
        let (encoded, signature) = code.strip_prefix("v1.").unwrap().split_once('.').unwrap();
        // The last character of 32 bytes carries two bits that mean nothing.
        let other = signature.replace("vw0", "vw1");
        let standard = signature.replace('_', "/").replace('-', "+");
        for form in [
            format!("v2.{encoded}.{signature}"),
            format!("{encoded}.{signature}"),
            format!("v1.{encoded}"),
            format!("v1.{encoded}.{signature}."),
            format!("v1.{encoded}.{signature}.x"),
            format!("v1.{encoded}.{signature}="),
            format!("v1.{encoded}.{other}"),
            format!("v1.{encoded}.{standard}"),
            format!("v1..{signature}"),
            format!("v1.{encoded}."),
            format!(" {code}"),
            "x".repeat(1 << 20),
            String::new(),
        ] {
            assert_eq!(open(&form, [&secret()]), None, "{}", &form[..form.len().min(80)]);
        }
    }

    #[test]
    fn a_signed_text_that_is_no_payload_is_refused() {
        for text in
            ["not json", "{}", "[]", r#"{"jti":"a","userId":"u","tenantId":"t","clientId":"c","redirectUri":"r"}"#]
        {
            let encoded = URL_SAFE_NO_PAD.encode(text);
            let signature = URL_SAFE_NO_PAD.encode(mac(&secret(), &encoded).finalize().into_bytes());
            assert_eq!(open(&format!("v1.{encoded}.{signature}"), [&secret()]), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            prop_assert_eq!(open(&text, [&secret()]), None);
            prop_assert_eq!(open(&format!("v1.{text}"), [&secret()]), None);
        }
    }
}
