//! The signature of a lock file: Ed25519 (RFC 8032), in its last line.
//!
//! What is signed is every byte before that line, so that one rename replaces lock and signature together. The keys have the
//! form that OpenSSL gives them:
//!
//! ```console
//! $ openssl genpkey -algorithm ed25519 -out lock-key.pem
//! $ openssl pkey -in lock-key.pem -pubout
//! ```

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a signature's line begins with. A comment to TOML.
const LINE: &str = "# signature: ";
/// What stands before the 32 bytes of a public key in its DER form (RFC 8410, section 4).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The public key that a lock file is signed for. Written in base64 as `openssl pkey -pubout` does, on one line.
#[derive(Clone, PartialEq, Eq)]
pub struct LockKey([u8; 32]);

/// The key that signs lock files.
pub struct SigningKey(Ed25519KeyPair);

/// A text that is no key of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a public key.
    #[error(
        "this is no Ed25519 public key; expected is what `openssl pkey -in KEYFILE -pubout` prints between its first and last line"
    )]
    Public,
    /// Not a private key.
    #[error("this is no Ed25519 private key in PKCS #8; make one with `openssl genpkey -algorithm ed25519`")]
    Private,
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is none.
    #[error("it is not signed")]
    Missing,
    /// It is of other content, or by another key.
    #[error("its signature is not by LENO_LOCK_KEY, or it was changed since")]
    Wrong,
}

impl FromStr for LockKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).map_err(|_| InvalidKey::Public)?;
        let key = der.strip_prefix(&PREFIX).and_then(|key| key.try_into().ok()).ok_or(InvalidKey::Public)?;
        Ok(Self(key))
    }
}

impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([&PREFIX[..], &self.0].concat()))
    }
}

impl fmt::Debug for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockKey({self})")
    }
}

impl LockKey {
    /// Checks the signature of a lock file's content.
    pub(crate) fn check(&self, content: &str) -> Result<(), BadSignature> {
        let at = content.rfind(LINE).ok_or(BadSignature::Missing)?;
        let (signed, line) = content.split_at_checked(at).ok_or(BadSignature::Missing)?;
        let encoded = line.strip_prefix(LINE).and_then(|line| line.strip_suffix('\n')).ok_or(BadSignature::Wrong)?;
        let signature = STANDARD.decode(encoded).map_err(|_| BadSignature::Wrong)?;
        // Nothing stands beside the signature: neither before it in its line, nor after it.
        if !(signed.is_empty() || signed.ends_with('\n')) {
            return Err(BadSignature::Wrong);
        }
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(signed.as_bytes(), &signature).map_err(|_| BadSignature::Wrong)
    }
}

impl SigningKey {
    /// The key in a PEM file (`-----BEGIN PRIVATE KEY-----`).
    ///
    /// # Errors
    /// [`InvalidKey::Private`].
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let body = pem
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
            .map(|(body, _)| body.split_whitespace().collect::<String>());
        let der = body.and_then(|body| STANDARD.decode(body).ok()).ok_or(InvalidKey::Private)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Self).map_err(|_| InvalidKey::Private)
    }

    /// The key that its signatures are checked with.
    #[must_use]
    pub fn public(&self) -> LockKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        LockKey(key)
    }

    /// The line to add to a lock file's content.
    pub(crate) fn line(&self, content: &str) -> String {
        format!("{LINE}{}\n", STANDARD.encode(self.0.sign(content.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl genpkey -algorithm ed25519`, for these tests only.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDz3qeiIn41eoqONZHwBFEBBUIkVIzMAqOEB88zD7hXz\n-----END PRIVATE KEY-----\n";
    /// RFC 8032, section 7.1, test 2, has this key.
    const RFC: &str = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

    #[test]
    fn only_the_signed_content_by_the_right_key_counts() {
        let key = SigningKey::from_pem(PRIVATE).unwrap();
        let public = key.public();
        let content = "# pins\n[[piece]]\n";
        let signed = format!("{content}{}", key.line(content));
        assert_eq!(public.check(&signed), Ok(()));
        assert_eq!(public.check(content), Err(BadSignature::Missing));
        for tampered in [
            signed.replace("pins", "bins"),
            format!("{signed}\n"),
            format!("{signed}[[piece]]\n"),
            format!("{signed}{}", key.line("")),
            signed.trim_end().to_owned(),
            format!("{content}x {}", key.line(content)),
            key.line(content),
        ] {
            assert_eq!(public.check(&tampered), Err(BadSignature::Wrong), "{tampered}");
        }
        assert_eq!(RFC.parse::<LockKey>().unwrap().check(&signed), Err(BadSignature::Wrong));
    }

    #[test]
    fn a_public_key_is_read_with_or_without_its_frame_and_others_are_refused() {
        let key: LockKey = RFC.parse().unwrap();
        assert_eq!(key.to_string(), RFC);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{RFC}\n-----END PUBLIC KEY-----\n");
        assert_eq!(pem.parse::<LockKey>().unwrap(), key);
        for text in ["", "x", "AAAA", &RFC[..40], PRIVATE] {
            assert_eq!(text.parse::<LockKey>(), Err(InvalidKey::Public), "{text}");
        }
        for text in ["", RFC, &PRIVATE.replace("MC4C", "MC4D"), &PRIVATE.replace("PRIVATE", "EC PRIVATE")] {
            assert!(SigningKey::from_pem(text).is_err(), "{text}");
        }
    }
}
