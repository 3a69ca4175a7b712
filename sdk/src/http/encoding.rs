//! Percent encoding for query strings and forms.

use std::fmt::Write as _;

/// Encodes all bytes as `%XX` except ASCII letters, digits and `-._~` (RFC 3986, section 2.3).
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

pub(super) fn append_pair(target: &mut String, name: &str, value: &str) {
    if !target.is_empty() {
        target.push('&');
    }
    target.push_str(&percent_encode(name));
    target.push('=');
    target.push_str(&percent_encode(value));
}
