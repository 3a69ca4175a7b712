//! Encodings.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use leno_sdk::prelude::*;
use sha2::{Digest as _, Sha256};

/// The two alphabets of base64 (RFC 4648).
#[derive(Choice)]
pub enum Alphabet {
    /// With `+`, `/` and padding.
    Standard,
    /// With `-` and `_`, without padding.
    #[choice(value = "url", label = "Safe in URLs")]
    Url,
}

/// What `encode_base64` is given.
#[derive(Props)]
pub struct EncodeBase64 {
    /// The text to encode
    text: LongText,
    #[prop(default = Alphabet::Standard)]
    alphabet: Alphabet,
}

/// Encodes the UTF-8 bytes of a text in base64.
#[action(display_name = "Encode base64", classification = "READ", ai(idempotent = true))]
pub fn encode_base64(props: EncodeBase64) -> Result<String> {
    Ok(match props.alphabet {
        Alphabet::Standard => STANDARD.encode(props.text.as_bytes()),
        Alphabet::Url => URL_SAFE_NO_PAD.encode(props.text.as_bytes()),
    })
}

/// What `decode_base64` is given.
#[derive(Props)]
pub struct DecodeBase64 {
    /// Base64 in either alphabet, with or without padding
    text: LongText,
}

/// Decodes base64 of UTF-8 text.
#[action(display_name = "Decode base64", classification = "READ", ai(idempotent = true))]
pub fn decode_base64(props: DecodeBase64) -> Result<String> {
    let plain: String = props.text.chars().filter(|char| !char.is_whitespace()).collect();
    let plain = plain.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = STANDARD_NO_PAD
        .decode(plain)
        .map_err(|error| Error::invalid_input("not-base64", format!("text: is not base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Error::invalid_input("not-text", "text: the decoded bytes are not UTF-8 text"))
}

/// What `encode_url` and `decode_url` are given.
#[derive(Props)]
pub struct UrlText {
    /// The text to convert
    text: LongText,
}

/// Encodes a text as part of a URL: everything but letters, digits and `-._~` becomes `%XX`.
#[action(display_name = "Encode for URLs", classification = "READ", ai(idempotent = true))]
pub fn encode_url(props: UrlText) -> Result<String> {
    Ok(http::percent_encode(&props.text))
}

/// Decodes a part of a URL; `+` becomes a space.
#[action(display_name = "Decode from URLs", classification = "READ", ai(idempotent = true))]
pub fn decode_url(props: UrlText) -> Result<String> {
    let refuse = || Error::invalid_input("not-url-encoded", "text: `%` must be followed by two hexadecimal digits");
    let mut bytes = props.text.bytes();
    let mut decoded = Vec::with_capacity(props.text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(refuse);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).map_err(|_| refuse())?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded)
        .map_err(|_| Error::invalid_input("not-text", "text: the decoded bytes are not UTF-8 text"))
}

/// What `hash` is given.
#[derive(Props)]
pub struct Hash {
    /// The text to hash
    text: LongText,
}

/// The SHA-256 hash of the UTF-8 bytes of a text, in hexadecimal. Not for passwords.
#[action(display_name = "Hash (SHA-256)", classification = "READ", ai(idempotent = true))]
pub fn hash(props: Hash) -> Result<String> {
    Ok(Sha256::digest(props.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}
