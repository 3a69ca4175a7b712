//! Random bytes from the operating system.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::TryRngCore as _;
use zeroize::Zeroizing;

/// The operating system returns no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub struct NoRandomness;

/// `N` random bytes, overwritten on drop.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::rngs::OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// 256 random bits as 43 characters that a URL, a cookie and a header can hold (base64url without padding).
///
/// # Errors
/// [`NoRandomness`].
pub fn token() -> Result<Zeroizing<String>, NoRandomness> {
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes::<32>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_43_characters_and_none_is_like_another() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), 43);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_ne!(*one, *other);
        assert_ne!(*bytes::<16>().unwrap(), *bytes::<16>().unwrap());
    }
}
