//! How the outside world reaches this host.

use std::{fmt, net::SocketAddr, sync::Arc};

use url::Url;

/// The public base URL of this host, without a slash at the end. It comes from the settings, never from a request:
/// `Host` and `X-Forwarded-Host` must not decide where codes and cookies go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

impl PublicUrl {
    /// The operator's setting, or else the listening address.
    #[must_use]
    pub fn new(url: Option<&Url>, listening: SocketAddr) -> Self {
        match url {
            Some(url) => Self(url.as_str().trim_end_matches('/').into()),
            None => Self(format!("http://{listening}").into()),
        }
    }

    /// Whether browsers reach it by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The origin of its pages (RFC 6454, section 6.2): `https://leno.example.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        Url::parse(&self.0).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
