//! Why a request was refused.

use std::net::{IpAddr, SocketAddr};

use crate::address::Class;

/// Why a request was refused. The messages are for the author of the piece and the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The text is not an absolute URL, or two parsers may read it differently.
    #[error("the URL cannot be used: {problem}")]
    Url {
        /// The problem.
        problem: String,
    },
    /// Neither http nor https.
    #[error("the scheme `{scheme}` is not allowed: only https and http are")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// `user:password@` before the host.
    #[error("a URL with a user name or password is not allowed: send an `Authorization` header")]
    UserInfo,
    /// The piece's manifest does not name this host.
    #[error("`{host}` is not among the hosts of this piece: add it to `egress.hosts` of the piece's metadata")]
    Host {
        /// The host of the URL.
        host: String,
    },
    /// The manifest names this host, and the operator's grant does not.
    #[error(
        "`{host}` is not among the hosts that the operator allows this piece: ask the operator to add it to `hosts` in leno.toml"
    )]
    OperatorHost {
        /// The host of the URL.
        host: String,
    },
    /// A port that neither the pattern nor a grant names.
    #[error(
        "port {port} of `{host}` is not allowed: add `{host}:{port}` to `egress.hosts` of the piece's metadata, or ask the operator for a private grant of its address in leno.toml: private = [\"ADDRESS:{port}\"]"
    )]
    Port {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// A port that the user of a connection chose, and the operator does not name.
    #[error(
        "port {port} of `{host}` is not allowed: a connection names it, and it is none of 80, 443 and the ports in the piece's metadata; ask the operator to add `{host}:{port}` to `hosts` in leno.toml, or, when it is a private service, for a private grant of its address: private = [\"ADDRESS:{port}\"]"
    )]
    ChosenPort {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// Plain http to a host that is on the internet.
    #[error(
        "plain http to `{host}` is not allowed: use https, or add `http://{host}` to `egress.hosts` of the piece's metadata, or, when it is a private service, ask the operator for a private grant of its address in leno.toml: private = [\"ADDRESS:{port}\"]"
    )]
    Plain {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// An address that is not public and not granted.
    ///
    /// What a name resolves to is for the operator only ([`Denied::for_operator`]): it tells what is inside of their network.
    #[error("{}", resolves_to(host, *port, *address, *class, is_written(host)))]
    Address {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
        /// The address that was refused.
        address: IpAddr,
        /// What kind of address it is.
        class: Class,
    },
    /// An address at which this host itself listens.
    #[error(
        "port {port} of `{host}` is this host's own, and needs a private grant of exactly its address and port in leno.toml: private = [\"ADDRESS:{port}\"]"
    )]
    Own {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// The connection's credentials are not for this host.
    #[error(
        "the connection's credentials may not be sent to `{host}`: add it to `hosts` of the auth in the piece's metadata, or send the request without them"
    )]
    CredentialHost {
        /// The host of the URL.
        host: String,
    },
    /// The connection's credentials are not for this port.
    #[error(
        "the connection's credentials may not be sent to port {port} of `{host}`: add `{host}:{port}` to `hosts` of the auth in the piece's metadata"
    )]
    CredentialPort {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// The connection's credentials would travel in the clear.
    #[error(
        "credentials are not sent to `{host}` over plain http: use https, or, when it is a private service, ask the operator for a private grant of its address in leno.toml: private = [\"ADDRESS:{port}\"]"
    )]
    CredentialPlain {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
}

/// Whether the host of a URL is an address that is written there.
fn is_written(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

fn resolves_to(host: &str, port: u16, address: IpAddr, class: Class, shown: bool) -> String {
    if shown {
        let grant = SocketAddr::new(address, port);
        return format!(
            "`{host}` resolves to {address}, {class} address: ask the operator for a private grant in leno.toml: private = [\"{grant}\"]"
        );
    }
    format!(
        "`{host}` resolves to an address that is not public: the operator finds it in the audit log, and can allow it with a private grant in leno.toml: private = [\"ADDRESS:{port}\"]"
    )
}

impl Denied {
    /// The message with the address that a name resolves to: for the operator's log, not for callers.
    #[must_use]
    pub fn for_operator(&self) -> String {
        match self {
            Self::Address { host, port, address: ip, class } => resolves_to(host, *port, *ip, *class, true),
            other => other.to_string(),
        }
    }

    /// The host that was refused, where it came to that.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Url { .. } | Self::Scheme { .. } | Self::UserInfo => None,
            Self::Host { host }
            | Self::OperatorHost { host }
            | Self::Port { host, .. }
            | Self::ChosenPort { host, .. }
            | Self::Plain { host, .. }
            | Self::Address { host, .. }
            | Self::Own { host, .. }
            | Self::CredentialHost { host }
            | Self::CredentialPort { host, .. }
            | Self::CredentialPlain { host, .. } => Some(host),
        }
    }

    /// `invalid-request` for a URL that cannot be read, `egress-denied` for everything else.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "invalid-request",
            _ => "egress-denied",
        }
    }
}
