//! Secrets that could be guessed.

use secrecy::{ExposeSecret as _, SecretString};

/// Gauzy's default for development, which is public.
const KNOWN_SECRET: &str = "secretKey";
/// Random bytes in any usual notation have more different characters.
const FEWEST_BYTES: usize = 6;
/// What examples have in place of a secret.
const PLACEHOLDERS: [&str; 5] = ["changeme", "change-me", "change_me", "placeholder", "your-secret"];

/// Why a secret could be guessed, whatever its length.
pub(super) fn weakness(secret: &SecretString, shortest: usize) -> Option<&'static str> {
    let text = secret.expose_secret();
    let lower = text.to_ascii_lowercase();
    let mut bytes: Vec<u8> = text.bytes().collect();
    bytes.sort_unstable();
    bytes.dedup();
    match () {
        () if text == KNOWN_SECRET => Some("is Gauzy's default, which is public"),
        () if text.len() < shortest => Some("is too short"),
        () if bytes.len() < FEWEST_BYTES => Some("repeats a few characters"),
        () if PLACEHOLDERS.iter().any(|word| lower.contains(word)) => Some("is an example, and not a secret"),
        () => None,
    }
}
