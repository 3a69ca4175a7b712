//! Signatures of deliveries, as Standard Webhooks defines them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_base::{NoRandomness, TenantId, random};
use leno_vault::Place;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The prefix of a secret.
const PREFIX: &str = "whsec_";

/// The row of an endpoint's secret, for its MAC.
pub(crate) fn place<'a>(tenant: &'a TenantId, id: &'a str) -> Place<'a> {
    Place { table: "webhook_endpoints", tenant: tenant.as_str(), row: id, facts: &[] }
}

/// A new secret: 32 random bytes.
pub(crate) fn new_secret() -> Result<SecretString, NoRandomness> {
    let text = Zeroizing::new(BASE64.encode(*random::bytes::<32>()?));
    Ok(format!("{PREFIX}{}", *text).into())
}

/// The signature over id, time (seconds since 1970) and body.
pub(crate) fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &str) -> String {
    let text = secret.expose_secret();
    // A secret that this host made always decodes.
    let key = Zeroizing::new(BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text)).unwrap_or_default());
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with npm `standardwebhooks` 1.1.1.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
