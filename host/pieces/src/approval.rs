//! What a piece asks for, and what of it was approved when it was pinned.

use leno_egress::HostPattern;
use leno_sandbox::Piece;
use serde::{Deserialize, Serialize};

/// What a piece asks for: in a pin, what was approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Whether it may see the secrets of connections: world `privileged-piece`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
    /// The hosts it reaches, as its manifest names them, with their ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Where the host puts credentials, a line each: the kind of connection, then `to HOST`, `header NAME: VALUE` or
    /// `query NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<String>,
}

impl Asks {
    /// What `piece` asks for.
    #[must_use]
    pub fn of(piece: &Piece) -> Self {
        let metadata = piece.metadata();
        let mut hosts: Vec<String> = metadata.egress_hosts.iter().map(|host| host.as_str().to_owned()).collect();
        let mut credentials: Vec<String> = metadata.auth.iter().flat_map(|auth| auth.placement()).collect();
        for list in [&mut hosts, &mut credentials] {
            list.sort();
            list.dedup();
        }
        Self { secrets: piece.inspection().wants_secrets(), hosts, credentials }
    }

    /// What this asks for beyond `approved`, a phrase each; empty when nothing.
    #[must_use]
    pub fn wider_than(&self, approved: &Self) -> Vec<String> {
        let mut wider = Vec::new();
        if self.secrets && !approved.secrets {
            wider.push("to see secrets".to_owned());
        }
        let covered = |host: &String| approved.hosts.iter().any(|approved| covers(approved, host));
        wider.extend(self.hosts.iter().filter(|host| !covered(host)).map(|host| format!("host {host}")));
        let known = |line: &String| {
            approved.credentials.iter().any(|approved| match (credential_host(approved), credential_host(line)) {
                (Some((kind, approved)), Some((other, host))) => kind == other && covers(approved, host),
                _ => approved == line,
            })
        };
        wider.extend(self.credentials.iter().filter(|line| !known(line)).map(|line| format!("credentials {line}")));
        wider
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.secrets |= other.secrets;
        for (list, more) in [(&mut self.hosts, &other.hosts), (&mut self.credentials, &other.credentials)] {
            list.extend(more.iter().cloned());
            list.sort();
            list.dedup();
        }
        self
    }
}

/// `KIND to HOST` taken apart.
fn credential_host(line: &str) -> Option<(&str, &str)> {
    line.split_once(" to ").filter(|(kind, _)| !kind.contains(' '))
}

/// Whether the entry `wide` of a manifest names every destination that `narrow` does. Entries that refer to a connection
/// are only equal to themselves.
fn covers(wide: &str, narrow: &str) -> bool {
    match (wide.parse::<HostPattern>(), narrow.parse::<HostPattern>()) {
        (Ok(wide), Ok(narrow)) => wide.covers(&narrow),
        _ => wide == narrow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(secrets: bool, hosts: &[&str], credentials: &[&str]) -> Asks {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Asks { secrets, hosts: list(hosts), credentials: list(credentials) }
    }

    #[test]
    fn only_what_was_not_approved_is_wider() {
        let approved = asks(
            false,
            &["api.example.com", "*.example.org", "{{connection.baseUrl}}"],
            &["OAUTH2 header Authorization: Bearer {{connection.access_token}}", "OAUTH2 to *.example.org"],
        );
        assert_eq!(approved.wider_than(&approved), [""; 0]);
        for (hosts, credentials, expected) in [
            (&["a.example.org"][..], &["OAUTH2 to a.example.org"][..], &[][..]),
            (&["api.example.com:8443"], &[], &["host api.example.com:8443"]),
            (&["http://api.example.com"], &[], &["host http://api.example.com"]),
            (&["*"], &[], &["host *"]),
            (&["{{connection.other}}"], &[], &["host {{connection.other}}"]),
            (&[], &["SECRET_TEXT to a.example.org"], &["credentials SECRET_TEXT to a.example.org"]),
            (&[], &["OAUTH2 to api.example.com"], &["credentials OAUTH2 to api.example.com"]),
            (
                &[],
                &["OAUTH2 header X: Bearer {{connection.access_token}}"],
                &["credentials OAUTH2 header X: Bearer {{connection.access_token}}"],
            ),
        ] {
            assert_eq!(asks(false, hosts, credentials).wider_than(&approved), expected, "{hosts:?} {credentials:?}");
        }
        assert_eq!(asks(true, &[], &[]).wider_than(&approved), ["to see secrets"]);
        let both = approved.clone().and(&asks(true, &["*"], &[]));
        assert_eq!(asks(true, &["*"], &[]).wider_than(&both), [""; 0]);
    }
}
