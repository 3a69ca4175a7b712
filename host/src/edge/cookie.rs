//! Cookies: each of this very host, and of nobody else's pages and scripts.

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::{PublicUrl, Rejection};

/// A cookie that holds 256 random bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie {
    /// Its name over https: bound to this host, without a domain, for all paths (RFC 6265bis, section 4.1.3.2).
    pub(crate) name: &'static str,
    /// Its name over plain http, where browsers take no such cookie: for development.
    pub(crate) plain: &'static str,
    /// How long a browser keeps it, in seconds.
    pub(crate) life: u64,
}

impl Cookie {
    fn name(self, url: &PublicUrl) -> &'static str {
        if url.is_https() { self.name } else { self.plain }
    }

    /// The value that a browser sends, if it is one that this host made.
    pub(crate) fn get(self, url: &PublicUrl, headers: &HeaderMap) -> Option<SecretString> {
        let name = self.name(url);
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let value = pairs
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))?;
        // As this host makes them: 32 bytes in base64url.
        let ours = value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        ours.then(|| SecretString::from(value))
    }

    /// The header that sets it.
    ///
    /// # Errors
    /// The value is none that this host made.
    pub(crate) fn set(self, url: &PublicUrl, value: &SecretString) -> Result<HeaderValue, Rejection> {
        self.header(url, value.expose_secret(), self.life)
    }

    /// The header that removes it.
    ///
    /// # Errors
    /// Never.
    pub(crate) fn remove(self, url: &PublicUrl) -> Result<HeaderValue, Rejection> {
        self.header(url, "", 0)
    }

    fn header(self, url: &PublicUrl, value: &str, life: u64) -> Result<HeaderValue, Rejection> {
        let secure = if url.is_https() { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}", self.name(url));
        HeaderValue::from_str(&text).map_err(|error| Rejection::internal(error.to_string()))
    }
}
