//! Secrets of clients, and their hashes: Gauzy's form of scrypt (RFC 7914).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leno_base::{NoRandomness, random};
use scrypt::{Params, scrypt};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// Gauzy's cost: 2^14 rounds of 8 blocks, 16 MiB of memory.
const LOG_N: u8 = 14;
/// The highest cost that is taken from a stored hash: what a check may take of this host is not for a row to decide.
const MAX_LOG_N: u8 = 16;
const BLOCKS: u32 = 8;
const LANES: u32 = 1;

/// A hash in the form `$scrypt$16384$8$1$SALT$KEY`, salt and key in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash {
    hash: String,
    /// When the secret was made, in milliseconds since 1970.
    pub created_at: i64,
}

impl SecretHash {
    /// The hash of a secret. Takes tens of milliseconds and 16 MiB.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn of(secret: &SecretString, created_at: i64) -> Result<Self, NoRandomness> {
        let salt = random::bytes::<16>()?;
        // A hash of zeros, which no secret has, for parameters that scrypt does not take: these it does.
        let key = params().and_then(|params| derive(secret, &*salt, &params)).unwrap_or([0; 64]);
        let hash = format!("$scrypt${}${BLOCKS}${LANES}${}${}", 1_u32 << LOG_N, hex::encode(*salt), hex::encode(key));
        Ok(Self { hash, created_at })
    }

    /// The hash.
    pub(crate) fn text(&self) -> &str {
        &self.hash
    }

    /// Whether it is the hash of `secret`. Compares in constant time.
    #[must_use]
    pub fn fits(&self, secret: &SecretString) -> bool {
        let Some(stored) = Stored::parse(&self.hash) else { return false };
        derive(secret, &stored.salt, &stored.params).is_some_and(|key| key.as_slice().ct_eq(&stored.key).into())
    }
}

/// Takes as long as the check of a secret, for a client that there is not.
pub(crate) fn check_nothing(secret: &SecretString) {
    std::hint::black_box(params().and_then(|params| derive(secret, &[0; 16], &params)));
}

/// A secret of 384 random bits, as 64 characters that mean the same in a form and in a header.
///
/// # Errors
/// [`NoRandomness`].
pub fn generate() -> Result<SecretString, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(*random::bytes::<48>()?).into())
}

/// Gauzy's cost.
fn params() -> Option<Params> {
    Params::new(LOG_N, BLOCKS, LANES).ok()
}

fn derive(secret: &SecretString, salt: &[u8], params: &Params) -> Option<[u8; 64]> {
    let mut key = [0; 64];
    scrypt(secret.expose_secret().as_bytes(), salt, params, &mut key).ok()?;
    Some(key)
}

/// The parts of a hash.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Stored {
    fn parse(hash: &str) -> Option<Self> {
        let mut parts = hash.strip_prefix("$scrypt$")?.split('$');
        let mut next = || parts.next();
        let n: u32 = next()?.parse().ok()?;
        let (blocks, lanes): (u32, u32) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let (salt, key) = (hex::decode(next()?).ok()?, hex::decode(next()?).ok()?);
        let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
        let sane = n.is_power_of_two() && log_n <= MAX_LOG_N && blocks <= BLOCKS && lanes <= LANES && key.len() == 64;
        let params = (sane && parts.next().is_none()).then(|| Params::new(log_n, blocks, lanes))?.ok()?;
        Some(Self { params, salt, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_gauzys_fits_its_secret_and_no_other() {
        let key = concat!(
            "054bc36b65095c3af77111e63f3ed2fd590df2ddcc6ffe6b1d5262df0b99ead",
            "e8ea0fd0f271c5bae30b6e8ae8133a8f82731679ad8ff65121a3ed",
            "e6c27e39e44"
        );
        let hash = format!("$scrypt$16384$8$1$000102030405060708090a0b0c0d0e0f${key}");
        let stored = SecretHash { hash, created_at: 0 };
        assert!(stored.fits(&"client-secret".into()));
        assert!(!stored.fits(&"client-secreT".into()) && !stored.fits(&"".into()));
        for bad in
            ["", "$scrypt$", "$scrypt$16384$8$1$00$00", "$scrypt$16383$8$1$00$00", "$scrypt$1073741824$8$1$00$00"]
        {
            assert!(!SecretHash { hash: bad.into(), created_at: 0 }.fits(&"client-secret".into()), "{bad}");
        }
    }

    #[test]
    fn a_new_secret_has_384_bits_and_its_hash_fits() {
        let secret = generate().unwrap();
        assert_eq!(secret.expose_secret().len(), 64);
        let (one, two) = (SecretHash::of(&secret, 1).unwrap(), SecretHash::of(&secret, 1).unwrap());
        assert!(one.fits(&secret) && two.fits(&secret) && one != two);
    }
}
