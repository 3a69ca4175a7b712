//! Compact JWS (RFC 7515, section 7.1) with the one algorithm that is accepted: HMAC with SHA-256 (RFC 7518, section
//! 3.2).
//!
//! Nothing of a token is parsed before its signature is verified, so a header cannot choose how that is done.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::AuthError;

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Signs and verifies with one secret.
pub(super) struct Signer(hmac::Key);

/// A token with a valid signature.
pub(super) struct Verified<'a> {
    /// The signature: under one secret, as good as the text that it was made of.
    pub(super) mac: [u8; 32],
    /// Header and payload, still encoded.
    signed: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl Signer {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub(super) fn verify<'a>(&self, token: &'a str) -> Result<Verified<'a>, AuthError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed("it has no signature"))?;
        let mut mac = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(signature, &mut mac) {
            Ok(32) => {}
            // Another algorithm's signature, or none.
            _ => return Err(AuthError::Signature),
        }
        hmac::verify(&self.0, signed.as_bytes(), &mac).map_err(|_| AuthError::Signature)?;
        Ok(Verified { mac, signed })
    }

    pub(super) fn sign(&self, payload: &impl Serialize) -> String {
        // The payload is a plain struct of this crate, which always serializes.
        let payload = serde_json::to_vec(payload).unwrap_or_default();
        let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
        let mac = hmac::sign(&self.0, token.as_bytes());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(mac));
        token
    }
}

impl Verified<'_> {
    /// The payload's bytes, once the header is known to be one of ours.
    pub(super) fn payload(&self) -> Result<Vec<u8>, AuthError> {
        let (header, payload) = self.signed.split_once('.').ok_or(AuthError::Malformed("it has no payload"))?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::Malformed("it is not base64url"));
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| AuthError::Malformed("its header is not a JSON object with an `alg`"))?;
        if header.alg != "HS256" {
            return Err(AuthError::Malformed("its algorithm is not HS256"));
        }
        if header.crit.is_some() {
            // RFC 7515, section 4.1.11: extensions that are not understood must be refused.
            return Err(AuthError::Malformed("its header requires extensions (`crit`)"));
        }
        decode(payload)
    }
}
