//! Clients: the programs that ask for access.

use std::time::Duration;

use leno_base::TenantId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::{scope, secret::SecretHash};

/// What a client can do with its secret (RFC 6749, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// It keeps it: a server.
    Confidential,
    /// It has none: a program on a user's machine, a page. PKCE stands in.
    Public,
}

/// A grant that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749, section 4.1.
    AuthorizationCode,
    /// RFC 6749, section 6.
    RefreshToken,
}

impl ClientKind {
    /// The word of RFC 6749.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Public => "public",
        }
    }
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::AuthorizationCode, Self::RefreshToken];

    /// The grant of a registered name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// What a client may do. Gauzy's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSettings {
    /// What people read about it.
    #[serde(default)]
    pub description: String,
    /// Whether it keeps a secret.
    pub client_type: ClientKind,
    /// Where codes may be sent: each by exact match, but for the port of a loopback address of a public client (RFC 8252,
    /// section 7.3).
    pub redirect_uris: Vec<String>,
    /// The scopes that it may ask for; any, if there is no list.
    pub allowed_scopes: Option<Vec<String>>,
    /// The grants that it may use.
    pub allowed_grant_types: Vec<GrantType>,
    /// Whether its authorization requests need PKCE; those of public clients always do.
    pub pkce_required: bool,
    /// How long an access token lives, in seconds.
    pub access_token_ttl: u64,
    /// How long a refresh token lives, in seconds.
    pub refresh_token_ttl: u64,
}

impl ClientSettings {
    /// The lives of an access token that a client may have, in seconds.
    pub const ACCESS_TTL: std::ops::RangeInclusive<u64> = 60..=604_800;
    /// The lives of a refresh token that a client may have, in seconds.
    pub const REFRESH_TTL: std::ops::RangeInclusive<u64> = 60..=7_776_000;

    /// A client that may use every grant and ask for any scope, with Gauzy's lives: a day, and 30 days.
    #[must_use]
    pub fn new(client_type: ClientKind, redirect_uris: Vec<String>) -> Self {
        Self {
            description: String::new(),
            client_type,
            redirect_uris,
            allowed_scopes: None,
            allowed_grant_types: GrantType::ALL.to_vec(),
            pkce_required: false,
            access_token_ttl: 86_400,
            refresh_token_ttl: 2_592_000,
        }
    }
}

/// A client, ready to be checked against. No secret in `Debug`.
#[derive(Debug, Clone)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// The tenant whose users may use it; `None` for all.
    pub tenant: Option<TenantId>,
    /// What people see.
    pub name: String,
    /// What it may do.
    pub settings: ClientSettings,
    /// The hashes of its secrets.
    pub secrets: Vec<SecretHash>,
    /// What its codes are signed with; the first signs.
    pub code_secrets: Vec<SecretString>,
    /// Whether it may do anything.
    pub active: bool,
}

impl Client {
    /// Whether it keeps no secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.settings.client_type == ClientKind::Public
    }

    /// Whether it may use a grant.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.settings.allowed_grant_types.contains(&grant)
    }

    /// Whether its users are those of `tenant`.
    #[must_use]
    pub fn serves(&self, tenant: &TenantId) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// Whether an authorization request needs PKCE.
    #[must_use]
    pub fn needs_pkce(&self) -> bool {
        self.settings.pkce_required || self.is_public()
    }

    /// The redirect URI of a request: the one that it names, if it is registered, or the only one that there is.
    #[must_use]
    pub fn redirect_uri<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        let registered = &self.settings.redirect_uris;
        match named {
            None => registered.first().filter(|_| registered.len() == 1).map(String::as_str),
            Some(named) if registered.iter().any(|one| one == named) => Some(named),
            Some(named) if self.is_public() && registered.iter().any(|one| is_same_loopback(one, named)) => Some(named),
            Some(_) => None,
        }
    }

    /// The scope of a request, and `None` if it asks for one that it may not have. Without a scope it is all that the client
    /// may ask for.
    #[must_use]
    pub fn scope(&self, asked: Option<&str>) -> Option<String> {
        let allowed = self.settings.allowed_scopes.as_deref();
        let Some(asked) = asked else {
            return Some(allowed.map_or_else(|| scope::EVERYTHING.to_owned(), |scopes| scopes.join(" ")));
        };
        let tokens = scope::parse(asked)?;
        let may = |token: &&str| allowed.is_none_or(|scopes| scopes.iter().any(|one| one == token));
        tokens.iter().all(may).then(|| tokens.join(" "))
    }

    /// How long its access tokens live.
    #[must_use]
    pub fn access_ttl(&self) -> Duration {
        Duration::from_secs(self.settings.access_token_ttl)
    }

    /// How long its refresh tokens live.
    #[must_use]
    pub fn refresh_ttl(&self) -> Duration {
        Duration::from_secs(self.settings.refresh_token_ttl)
    }
}

/// Whether two URIs name the same loopback address, whatever their port (RFC 8252, section 7.3): a native program listens on
/// whichever is free.
fn is_same_loopback(registered: &str, named: &str) -> bool {
    let (Some(one), Some(other)) = (loopback(registered), loopback(named)) else { return false };
    one == other
}

/// A loopback URI without its port. Written in its plain form only: what a parser would repair is another URI.
fn loopback(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok().filter(|url| url.as_str() == uri && url.scheme() == "http")?;
    let local = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(_) => false,
    };
    let plain = local && url.username().is_empty() && url.password().is_none();
    plain.then(|| url.set_port(None).ok()).flatten()?;
    Some(url)
}

/// What is wrong with a redirect URI that is to be registered.
///
/// # Errors
/// What, in words.
pub fn check_redirect_uri(uri: &str) -> Result<(), &'static str> {
    if uri.len() > 2_048 {
        return Err("is longer than 2048 bytes");
    }
    if uri.contains(['*', '\\']) || uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("contains a wildcard, a backslash or white space");
    }
    let url = Url::parse(uri).map_err(|_| "is not an absolute URL")?;
    if url.fragment().is_some() {
        return Err("has a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or password");
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if loopback(uri).is_some() || url.host_str() == Some("localhost") => Ok(()),
        "http" => Err("is plain http, which is for loopback addresses only"),
        _ => Err("is not an https URL, nor an http URL of a loopback address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(kind: ClientKind, uris: &[&str]) -> Client {
        Client {
            id: "c".into(),
            tenant: None,
            name: "C".into(),
            settings: ClientSettings {
                description: String::new(),
                client_type: kind,
                redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
                allowed_scopes: Some(vec!["a".into(), "b".into()]),
                allowed_grant_types: vec![GrantType::AuthorizationCode],
                pkce_required: false,
                access_token_ttl: 60,
                refresh_token_ttl: 60,
            },
            secrets: vec![],
            code_secrets: vec![],
            active: true,
        }
    }

    #[test]
    fn a_redirect_uri_is_the_registered_one_to_the_character() {
        let client = client(ClientKind::Confidential, &["https://app.test/cb"]);
        assert_eq!(client.redirect_uri(Some("https://app.test/cb")), Some("https://app.test/cb"));
        assert_eq!(client.redirect_uri(None), Some("https://app.test/cb"));
        for other in [
            "https://app.test/cb/",
            "https://APP.test/cb",
            "https://app.test/c%62",
            "https://app.test/cb?x=1",
            "https://app.test/cb/../cb",
            "https://app.test:443/cb",
            "https://u@app.test/cb",
            "https://x.app.test/cb",
            "https://app.test.evil/cb",
            "https://app.test/cb#f",
            "http://app.test/cb",
            "https:\\\\app.test\\cb",
            "https://app.test/cb\t",
            "https://app.test/cb\n",
            "",
        ] {
            assert_eq!(client.redirect_uri(Some(other)), None, "{other:?}");
        }
    }

    #[test]
    fn only_a_public_client_may_name_another_port_of_a_loopback_address() {
        let uris = &["http://127.0.0.1/cb", "http://[::1]:1/cb"];
        let (public, confidential) = (client(ClientKind::Public, uris), client(ClientKind::Confidential, uris));
        for named in ["http://127.0.0.1:5123/cb", "http://[::1]:5/cb"] {
            assert_eq!(public.redirect_uri(Some(named)), Some(named));
            assert_eq!(confidential.redirect_uri(Some(named)), None);
        }
        for named in [
            "http://127.0.0.1:5/other",
            "http://127.0.0.2:5/cb",
            "http://localhost:5/cb",
            "http://127.1:5/cb",
            "https://127.0.0.1:5/cb",
        ] {
            assert_eq!(public.redirect_uri(Some(named)), None, "{named}");
        }
        assert_eq!(public.redirect_uri(None), None, "there are several");
    }

    #[test]
    fn what_could_carry_a_code_to_somebody_else_is_not_registered() {
        for good in ["https://app.test/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:8/cb", "http://localhost:3000/cb"]
        {
            assert_eq!(check_redirect_uri(good), Ok(()), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https://*.test/cb",
            "/cb",
            "https://app.test/cb#f",
            "http://app.test/cb",
            "https://u:p@app.test/",
            "https://app.test/c b",
            "myapp://cb",
            "",
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_within_what_the_client_may_ask_for() {
        let mut client = client(ClientKind::Confidential, &[]);
        assert_eq!(client.scope(Some("b")).as_deref(), Some("b"));
        assert_eq!(client.scope(None).as_deref(), Some("a b"));
        assert_eq!(client.scope(Some("a c")), None);
        assert_eq!(client.scope(Some("a  b")), None);
        client.settings.allowed_scopes = None;
        assert_eq!(client.scope(None).as_deref(), Some("gauzy:all"));
        assert_eq!(client.scope(Some("x")).as_deref(), Some("x"));
    }
}
