//! The addresses outside the public internet that an operator opens.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address or network that is not public and may be reached all the same, on one port or on any.
///
/// `10.0.0.0/8`, `10.1.2.3`, `127.0.0.1:4747`, `[::1]:80`, `fd12::/16`, `[fd12::/16]:443`. A grant only says that
/// connecting to the address is no danger: the host of the URL must be in the allow-list as well.
///
/// A grant that names a port also lets that port be used where the allow-list is silent about ports. Any grant lets its
/// destination be reached over plain http. A cloud's metadata address is only opened by a grant of exactly that address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrivateGrant {
    pub(crate) net: IpNet,
    pub(crate) port: Option<u16>,
}

impl PrivateGrant {
    /// A grant for the addresses of `net`, on `port` or, without one, on every port.
    pub fn new(net: IpNet, port: Option<u16>) -> Self {
        Self { net: net.trunc(), port }
    }

    /// Whether it opens one address and one port: a destination that the operator chose, and not a choice of many.
    #[must_use]
    pub fn is_one_destination(&self) -> bool {
        self.port.is_some() && self.net.prefix_len() == self.net.max_prefix_len()
    }
}

impl FromStr for PrivateGrant {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let refuse = || InvalidGrant { text: text.escape_debug().to_string() };
        let trimmed = text.trim();
        let (net, port) = match trimmed.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
            Some((net, "")) => (net, None),
            Some((net, port)) => (net, Some(port.strip_prefix(':').ok_or_else(refuse)?)),
            // One colon divides an IPv4 address from its port; more than one make an IPv6 address.
            None => match trimmed.split_once(':') {
                Some((net, port)) if !port.contains(':') => (net, Some(port)),
                _ => (trimmed, None),
            },
        };
        let net = match net.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => net.parse::<IpAddr>().map(IpNet::from).map_err(|_| refuse())?,
        };
        let port = match port.map(|port| (port.starts_with('+'), port.parse::<u16>())) {
            None => None,
            Some((false, Ok(number @ 1..))) => Some(number),
            Some(_) => return Err(refuse()),
        };
        Ok(Self::new(net, port))
    }
}

impl fmt::Display for PrivateGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.net.prefix_len() == self.net.max_prefix_len();
        let net = if single { self.net.addr().to_string() } else { self.net.to_string() };
        match (self.port, self.net) {
            (None, _) => f.write_str(&net),
            (Some(port), IpNet::V4(_)) => write!(f, "{net}:{port}"),
            (Some(port), IpNet::V6(_)) => write!(f, "[{net}]:{port}"),
        }
    }
}

impl TryFrom<String> for PrivateGrant {
    type Error = InvalidGrant;

    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        text.parse()
    }
}

impl From<PrivateGrant> for String {
    fn from(grant: PrivateGrant) -> Self {
        grant.to_string()
    }
}

/// Text that is no [`PrivateGrant`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a private grant: write an address or a network, with or without a port, such as `10.1.2.3:80`, `10.0.0.0/8` or `[::1]:80`"
)]
pub struct InvalidGrant {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_an_address_or_a_network_with_or_without_a_port() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.9.9.9/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("127.0.0.1:4747", "127.0.0.1:4747"),
            ("10.0.0.0/8:8080", "10.0.0.0/8:8080"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:80", "[::1]:80"),
            ("fd00::/8", "fd00::/8"),
            ("[fd00::/8]:443", "[fd00::/8]:443"),
            (" 10.0.0.1 ", "10.0.0.1"),
        ] {
            let grant: PrivateGrant = text.parse().unwrap();
            assert_eq!(grant.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<PrivateGrant>().unwrap(), grant, "{shown} read back");
        }
    }

    #[test]
    fn names_and_nonsense_are_refused() {
        for text in
            ["", "localhost", "10.0.0.0/33", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:70000", "[::1]80", "[::1", "*"]
        {
            let error = text.parse::<PrivateGrant>().expect_err(text);
            assert!(error.to_string().contains("10.1.2.3:80"), "{error}");
        }
    }
}
