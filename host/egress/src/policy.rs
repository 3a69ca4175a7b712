//! May this URL be fetched, and from which addresses?
//!
//! Everything here is a pure function: no clock, no resolver, no socket.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::address::Class;
use crate::denied::Denied;
use crate::grant::PrivateGrant;
use crate::own::Own;
use crate::pattern::HostPattern;

/// Where requests may go.
///
/// A destination must be named by the allow-list *and* have only addresses that are public or privately granted: neither
/// makes up for the other.
///
/// Schemes are `https` and `http`. Plain http is for destinations that are privately granted, and for hosts whose pattern
/// spells it out (`http://legacy.example.com`). A URL uses the port of its scheme, the port its pattern names, or a port
/// that the operator names: in the narrower list or in a private grant of its address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    allow: Vec<HostPattern>,
    /// Hosts with ports that the user of a connection chose.
    chosen: Vec<HostPattern>,
    within: Option<Vec<HostPattern>>,
    private: Vec<PrivateGrant>,
}

impl Policy {
    /// A policy that lets the hosts of `allow` be reached, at public addresses and those of `private`.
    pub fn new(allow: Vec<HostPattern>, private: Vec<PrivateGrant>) -> Self {
        Self { allow, chosen: Vec::new(), within: None, private }
    }

    /// The same policy with hosts whose ports the user of a connection chose. Such a port is not open by itself: the operator
    /// must name it, or grant the address.
    #[must_use]
    pub fn with_chosen_ports(mut self, hosts: Vec<HostPattern>) -> Self {
        self.chosen = hosts;
        self
    }

    /// The same policy, narrowed: a destination must be named by `limit` as well. Where an entry of `limit` names a port,
    /// that port is open as well on hosts that the allow-list names without one.
    ///
    /// This is how an operator's list meets the one in a piece's metadata.
    #[must_use]
    pub fn within(mut self, limit: Vec<HostPattern>) -> Self {
        self.within = Some(limit);
        self
    }

    /// The URL as it would be requested: normalised, without its fragment.
    ///
    /// An address written in the URL is judged here. A name is judged by [`Policy::check_addr`] once it is resolved.
    ///
    /// # Errors
    ///
    /// [`Denied`], which says why and what would let the URL pass.
    pub fn check_url(&self, url: &str) -> Result<Url, Denied> {
        self.admit(read_url(None, url)?, None, &Own::default()).map(|admitted| admitted.url)
    }

    /// Whether a connection to `ip` at `port` is harmless: public, or privately granted.
    ///
    /// # Errors
    ///
    /// [`Denied::Address`].
    pub fn check_addr(&self, ip: IpAddr, port: u16) -> Result<(), Denied> {
        self.vetting(Need::Vetted, port, &Own::default()).check(ip, port, &Own::default()).map_err(|refused| {
            Denied::Address {
                host: ip.to_string(),
                address: refused.address,
                port,
                class: refused.class.unwrap_or(Class::Reserved),
            }
        })
    }

    /// Checks `url`, and that credentials for `credential_hosts` may go there, from a host that listens at `own`.
    pub(crate) fn admit(
        &self,
        mut url: Url,
        credential_hosts: Option<&[HostPattern]>,
        own: &Own,
    ) -> Result<Admitted, Denied> {
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            scheme => return Err(Denied::Scheme { scheme: scheme.to_owned() }),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied::UserInfo);
        }
        url.set_fragment(None);
        drop_trailing_dot(&mut url)?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Denied::Url { problem: "it has no host".to_owned() });
        };
        let target = Target { host: &host, port, plain };
        let denied_host = || host.to_string();

        let named = self.within.iter().flatten().any(|pattern| pattern.port() == Some(port) && pattern.names(&host));
        let allowed = target.need(&self.allow, named);
        let chosen = target.need(&self.chosen, false).map(|need| if named { need } else { need.max(Need::Grant) });
        let for_chosen = !named && allowed.is_none_or(|allowed| chosen.is_some_and(|chosen| chosen < allowed));
        let mut need = allowed.into_iter().chain(chosen).min().ok_or_else(|| Denied::Host { host: denied_host() })?;
        if let Some(limit) = &self.within {
            need = need.max(target.need(limit, false).ok_or_else(|| Denied::OperatorHost { host: denied_host() })?);
        }
        let mut for_credentials = false;
        if let Some(hosts) = credential_hosts {
            let asked = target.need(hosts, false).ok_or_else(|| Denied::CredentialHost { host: denied_host() })?;
            let asked = if plain { asked.max(Need::Grant) } else { asked };
            for_credentials = asked > need;
            need = need.max(asked);
        }

        let vetting = self.vetting(need, port, own);
        let question = Question { host: host.to_string(), port, need, for_credentials, for_chosen };
        if vetting.granted_only && vetting.nets.is_empty() {
            return Err(question.unmet());
        }
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        };
        if let Some(ip) = literal {
            vetting.check(ip, port, own).map_err(|refused| question.denied(refused))?;
        }
        Ok(Admitted { url, vetting, question })
    }

    fn vetting(&self, need: Need, port: u16, own: &Own) -> Vetting {
        let covers = |grant: &&PrivateGrant| match grant.port {
            Some(granted) => granted == port,
            None => need < Need::GrantedPort,
        };
        let sorted = |mut nets: Vec<IpNet>| {
            nets.sort_unstable();
            nets.dedup();
            nets
        };
        let grants = self.private.iter().filter(covers);
        let names = |grant: &&PrivateGrant| grant.port.is_some() && is_exact(&grant.net);
        let own = grants.clone().filter(names).filter(|grant| own.listens(grant.net.addr(), port));
        Vetting {
            own: sorted(own.map(|grant| grant.net).collect()),
            nets: sorted(grants.map(|grant| grant.net).collect()),
            granted_only: need >= Need::Grant,
        }
    }
}

/// Reads a URL the way [`Policy::check_url`] does, relative to `base` if there is one.
///
/// # Errors
///
/// [`Denied::Url`], also for text that this parser accepts and another may read differently.
pub(crate) fn read_url(base: Option<&Url>, text: &str) -> Result<Url, Denied> {
    let unreadable = |problem: &str| Denied::Url { problem: problem.to_owned() };
    if text.len() > MAX_URL {
        return Err(unreadable(&format!("it is longer than {MAX_URL} bytes")));
    }
    // The URL standard drops tabs and line breaks and takes `\` for `/`; RFC 3986 knows neither.
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(unreadable("it contains a control character"));
    }
    let before_query = text.split(['?', '#']).next().unwrap_or(text);
    if before_query.contains('\\') {
        return Err(unreadable("it contains a backslash"));
    }
    let url = Url::options().base_url(base).parse(text).map_err(|error| unreadable(&error.to_string()))?;
    if url.scheme().starts_with("http") {
        let absolute = Url::parse(text).is_ok();
        let hierarchy = match before_query.split_once(':') {
            Some((_, rest)) if absolute => rest,
            _ => before_query,
        };
        match hierarchy.trim_start().strip_prefix("//").map(|rest| rest.split('/').next().unwrap_or(rest)) {
            Some(authority) if authority.contains('@') => return Err(Denied::UserInfo),
            // `https:host`, `https:/host` and `https:////host` mean `https://host` to the URL standard.
            Some("") => return Err(unreadable("the host must follow `//`")),
            None if absolute => return Err(unreadable("the host must follow `//`")),
            Some(_) | None => {}
        }
    }
    Ok(url)
}

/// More than any server accepts, less than the 64 KiB at which the HTTP library refuses.
const MAX_URL: usize = 32 * 1024;

fn drop_trailing_dot(url: &mut Url) -> Result<(), Denied> {
    let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
    let Some(bare) = name.strip_suffix('.').map(str::to_owned) else { return Ok(()) };
    url.set_host(Some(&bare)).map_err(|error| Denied::Url { problem: error.to_string() })?;
    match url.host() {
        Some(Host::Domain(name)) if !name.ends_with('.') => Ok(()),
        _ => Err(Denied::Url { problem: "its host ends in more than one dot".to_owned() }),
    }
}

/// A URL reduced to what patterns speak of.
struct Target<'a> {
    host: &'a Host<&'a str>,
    port: u16,
    plain: bool,
}

impl Target<'_> {
    /// The most permissive of the patterns that name this host; `None` when none does. Where the port is `named` elsewhere,
    /// patterns without a port take it.
    fn need(&self, patterns: &[HostPattern], named: bool) -> Option<Need> {
        let default = if self.plain { 80 } else { 443 };
        let needs = patterns.iter().filter(|pattern| pattern.names(self.host)).map(|pattern| {
            let takes_port = pattern.takes_port(self.port, default) || (named && pattern.port().is_none());
            match (takes_port, pattern.takes_plain() || !self.plain) {
                (false, _) => Need::GrantedPort,
                (true, false) => Need::Grant,
                (true, true) => Need::Vetted,
            }
        });
        needs.min()
    }
}

/// What a list requires of the address of a host that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// Public, or privately granted.
    Vetted,
    /// Privately granted: the URL is plain http.
    Grant,
    /// Privately granted by a grant that names the port.
    GrantedPort,
}

/// A URL that the lists let pass, and what its addresses must be.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) url: Url,
    pub(crate) vetting: Vetting,
    pub(crate) question: Question,
}

/// The addresses that one destination may have. Destinations with equal values may share connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Vetting {
    /// The private grants for the port in question, sorted.
    nets: Vec<IpNet>,
    /// Those of them that name an address of this host and that port.
    own: Vec<IpNet>,
    /// Public addresses will not do.
    granted_only: bool,
}

impl Vetting {
    /// Nothing but the public internet.
    pub(crate) const PUBLIC: Self = Self { nets: Vec::new(), own: Vec::new(), granted_only: false };

    /// Checks an address to connect to at `port`, from a host that listens at `own`.
    pub(crate) fn check(&self, ip: IpAddr, port: u16, own: &Own) -> Result<(), Refused> {
        // An IPv4-mapped address connects to the IPv4 address, so a grant of that one is meant.
        let address = ip.to_canonical();
        if own.listens(address, port) && !self.own.iter().any(|net| net.contains(&address)) {
            return Err(Refused { address, class: None, own: true });
        }
        let class = Class::of(address);
        let granted =
            self.nets.iter().any(|net| net.contains(&address) && (class != Some(Class::Metadata) || is_exact(net)));
        if granted || (class.is_none() && !self.granted_only) {
            return Ok(());
        }
        Err(Refused { address, class, own: false })
    }
}

fn is_exact(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// An address that a [`Vetting`] turned down: one of this host itself, or one of a class; without a class it is a public one where only granted ones will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is refused")]
pub(crate) struct Refused {
    address: IpAddr,
    class: Option<Class>,
    own: bool,
}

/// What is needed to explain a refusal.
#[derive(Debug)]
pub(crate) struct Question {
    host: String,
    port: u16,
    need: Need,
    for_credentials: bool,
    for_chosen: bool,
}

impl Question {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The host and port.
    pub(crate) fn destination(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn denied(&self, refused: Refused) -> Denied {
        match refused.class {
            None if refused.own => Denied::Own { host: self.host.clone(), port: self.port },
            Some(class) => {
                Denied::Address { host: self.host.clone(), port: self.port, address: refused.address, class }
            }
            None => self.unmet(),
        }
    }

    /// The destination is not privately granted, as it would have to be.
    fn unmet(&self) -> Denied {
        let (host, port) = (self.host.clone(), self.port);
        match (self.for_credentials, self.need) {
            (true, Need::GrantedPort) => Denied::CredentialPort { host, port },
            (true, _) => Denied::CredentialPlain { host, port },
            (false, Need::Grant) if self.for_chosen => Denied::ChosenPort { host, port },
            (false, Need::GrantedPort) => Denied::Port { host, port },
            (false, _) => Denied::Plain { host, port },
        }
    }
}

#[cfg(test)]
#[path = "policy/tests.rs"]
mod tests;
