//! The names a piece may reach.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// One entry of an allow-list of hosts.
///
/// | Pattern | Matches |
/// | --- | --- |
/// | `api.example.com` | that host, on the default port of the scheme |
/// | `*.example.com` | every host below it, at any depth, but not `example.com` itself |
/// | `*` | every host, IP addresses included |
/// | `192.0.2.7`, `[2001:db8::1]` | that address, however a URL writes it |
/// | `api.example.com:8443` | that host, on that port only |
/// | `http://api.example.com` | the host as above, over plain http too |
///
/// `https://` may be written and changes nothing. Case, an IDNA form and a trailing dot make no difference, in the
/// pattern or in the URL. A match says nothing of the address behind the name: see [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    plain: bool,
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Hosts {
    Any,
    /// The parent domain, with its leading dot.
    Below(String),
    Exact(Host),
}

impl HostPattern {
    /// The pattern for exactly the origin of `base`: its scheme, host and port. The rest of the URL is ignored.
    ///
    /// For the address of a self-hosted service as a user writes it, `https://n8n.example.com:8443/base/`.
    ///
    /// # Errors
    ///
    /// When `base` is no http or https URL, or has a user name in it.
    pub fn of_base_url(base: &str) -> Result<Self, InvalidPattern> {
        let refuse = |problem| InvalidPattern::new(base, problem);
        let url = Url::parse(base.trim()).map_err(|_| refuse("it is not an absolute URL"))?;
        let plain = match url.scheme() {
            "http" => true,
            "https" => false,
            _ => return Err(refuse("only http and https URLs can be reached")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it contains a user name or password"));
        }
        let host = url.host().ok_or_else(|| refuse("it has no host"))?.to_string();
        Ok(Self { plain, hosts: Hosts::parse(&host).map_err(refuse)?, port: url.port() })
    }

    /// Whether the host of a URL, as [`Url::host`] gives it and without a trailing dot, is one of this pattern's.
    pub(crate) fn names(&self, host: &Host<&str>) -> bool {
        match (&self.hosts, host) {
            (Hosts::Any, _) => true,
            (Hosts::Below(parent), Host::Domain(name)) => name.len() > parent.len() && name.ends_with(parent.as_str()),
            (Hosts::Below(_), _) => false,
            (Hosts::Exact(Host::Domain(a)), Host::Domain(b)) => a == b,
            (Hosts::Exact(Host::Ipv4(a)), Host::Ipv4(b)) => a == b,
            (Hosts::Exact(Host::Ipv6(a)), Host::Ipv6(b)) => a == b,
            (Hosts::Exact(_), _) => false,
        }
    }

    /// Whether this pattern lets a URL of its hosts use `port`, where the scheme's own would be `default`.
    pub(crate) fn takes_port(&self, port: u16, default: u16) -> bool {
        port == self.port.unwrap_or(default)
    }

    /// The port that the pattern names, if it does.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether this pattern lets everything be reached that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        let hosts = match (&self.hosts, &other.hosts) {
            (Hosts::Any, _) => true,
            (Hosts::Below(wide), Hosts::Below(narrow)) => narrow.ends_with(wide.as_str()),
            (Hosts::Below(wide), Hosts::Exact(Host::Domain(name))) => name.len() > wide.len() && name.ends_with(wide),
            (Hosts::Exact(wide), Hosts::Exact(narrow)) => wide == narrow,
            (Hosts::Below(_) | Hosts::Exact(_), _) => false,
        };
        hosts && self.port == other.port && (self.plain || !other.plain)
    }

    /// Whether the pattern spells out plain http.
    pub(crate) fn takes_plain(&self) -> bool {
        self.plain
    }
}

impl Hosts {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        // `Host::parse` would decode percent signs, and a pattern is taken literally.
        if name.contains(['%', '*']) {
            return Err("`*` is allowed only alone or before the first dot, and `%` is not allowed");
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return Err("it has an empty label");
        }
        let host = Host::parse(name).map_err(|_| "it is neither a host name nor an IP address")?;
        match (below, host) {
            (false, host) => Ok(Self::Exact(host)),
            (true, Host::Domain(parent)) => Ok(Self::Below(format!(".{parent}"))),
            (true, _) => Err("an IP address has no subdomains"),
        }
    }
}

/// `host:port`; an IPv6 address may have brackets or not.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match text.rsplit_once(':') {
        None => return Ok((text, None)),
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => return Ok((text, None)),
        Some(parts) => parts,
    };
    match port.parse::<u16>() {
        Ok(number @ 1..) if !port.starts_with('+') => Ok((host, Some(number))),
        _ => Err("the port must be a number from 1 to 65535"),
    }
}

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let refuse = |problem| InvalidPattern::new(text, problem);
        let lower = text.trim().to_ascii_lowercase();
        let (plain, rest) = match lower.split_once("://") {
            None => (false, lower.as_str()),
            Some(("https", rest)) => (false, rest),
            Some(("http", rest)) => (true, rest),
            Some(_) => return Err(refuse("only http:// and https:// are allowed before the host")),
        };
        if rest.contains(['/', '?', '#', '\\', '@']) || rest.contains(char::is_whitespace) {
            return Err(refuse("it must be a host without a path, a user name or spaces"));
        }
        let (host, port) = match rest.parse::<std::net::Ipv6Addr>() {
            Ok(ip) => (format!("[{ip}]"), None),
            Err(_) => split_port(rest).map(|(host, port)| (host.to_owned(), port)).map_err(refuse)?,
        };
        Ok(Self { plain, hosts: Hosts::parse(&host).map_err(refuse)?, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.plain { "http://" } else { "" })?;
        match &self.hosts {
            Hosts::Any => f.write_str("*")?,
            Hosts::Below(parent) => write!(f, "*{parent}")?,
            Hosts::Exact(host) => host.fmt(f)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

/// Text that is no [`HostPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host pattern: {problem}; write `api.example.com`, `*.example.com`, `*` or one of them with `:port`"
)]
pub struct InvalidPattern {
    text: String,
    problem: &'static str,
}

impl InvalidPattern {
    fn new(text: &str, problem: &'static str) -> Self {
        // The text may be a connection's setting and hold a password.
        let text = match text.rsplit_once('@') {
            Some((_, host)) => format!("…@{}", host.escape_debug()),
            None => text.escape_debug().to_string(),
        };
        Self { text, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, url: &str) -> bool {
        let pattern: HostPattern = pattern.parse().unwrap();
        pattern.names(&Url::parse(url).unwrap().host().unwrap())
    }

    #[test]
    fn a_pattern_names_its_hosts_and_no_others() {
        for (pattern, url, expected) in [
            ("api.example.com", "https://api.example.com/x", true),
            ("API.Example.COM.", "https://api.example.com", true),
            ("api.example.com", "https://API.EXAMPLE.COM", true),
            ("api.example.com", "https://example.com", false),
            ("api.example.com", "https://x.api.example.com", false),
            ("api.example.com", "https://api.example.com.evil.test", false),
            ("api.example.com", "https://evil-api.example.com", false),
            ("*.example.com", "https://api.example.com", true),
            ("*.example.com", "https://a.b.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("*.example.com", "https://badexample.com", false),
            ("*.example.com", "https://example.com.evil.test", false),
            ("*", "https://anything.test", true),
            ("*", "https://1.1.1.1", true),
            ("*", "https://[::1]", true),
            ("bücher.example", "https://xn--bcher-kva.example", true),
            ("xn--bcher-kva.example", "https://BÜCHER.example", true),
            ("1.1.1.1", "https://1.1.1.1", true),
            ("1.1.1.1", "https://0x01010101", true),
            ("0x01010101", "https://1.1.1.1", true),
            ("1.1.1.1", "https://1.1.1.2", false),
            ("[2606:4700::1]", "https://[2606:4700:0::1]", true),
            ("2606:4700::1", "https://[2606:4700::1]", true),
            ("*.example.com", "https://1.1.1.1", false),
        ] {
            assert_eq!(names(pattern, url), expected, "{pattern} against {url}");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow, expected) in [
            ("*", "api.example.com", true),
            ("*", "*.example.com", true),
            ("*", "1.1.1.1", true),
            ("api.example.com", "API.example.com.", true),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "*.api.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.api.example.com", "*.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", "*", false),
            ("*.example.com", "1.1.1.1", false),
            ("api.example.com", "*.example.com", false),
            ("api.example.com", "api.example.com:8443", false),
            ("*", "api.example.com:8443", false),
            ("*:8443", "api.example.com:8443", true),
            ("*:8443", "api.example.com", false),
            ("http://a.test", "a.test", true),
            ("a.test", "http://a.test", false),
        ] {
            let parse = |text: &str| text.parse::<HostPattern>().unwrap();
            assert_eq!(parse(wide).covers(&parse(narrow)), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_understood() {
        for (text, shown) in [
            ("API.Example.com.", "api.example.com"),
            (" *.Example.com ", "*.example.com"),
            ("https://a.test:8443", "a.test:8443"),
            ("HTTP://a.test", "http://a.test"),
            ("*:8080", "*:8080"),
            ("::1", "[::1]"),
            ("[::1]:80", "[::1]:80"),
            ("0x7f.1", "127.0.0.1"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            let pattern: HostPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<HostPattern>().unwrap(), pattern, "{shown} read back");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_a_reason() {
        for text in [
            "",
            " ",
            ".",
            "..",
            "*.",
            "*.*",
            "a.*.test",
            "a*.test",
            "**",
            "*.10.0.0.1",
            "*.[::1]",
            ".example.com",
            "a..b",
            "a.test/v1",
            "a.test?x",
            "user@a.test",
            "a b",
            "a.test:0",
            "a.test:65536",
            "a.test:+80",
            "a.test:",
            "a.test:*",
            "ftp://a.test",
            "%61.test",
            "[::1",
            "1.2.3.256",
        ] {
            let error = text.parse::<HostPattern>().expect_err(text);
            assert!(error.to_string().contains("is not a host pattern"), "{error}");
        }
    }

    #[test]
    fn a_base_url_becomes_its_origin() {
        for (base, shown) in [
            ("https://n8n.example.com/base/", "n8n.example.com"),
            ("https://n8n.example.com:8443", "n8n.example.com:8443"),
            ("http://10.0.0.5:3000/api?x=1", "http://10.0.0.5:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(HostPattern::of_base_url(base).unwrap().to_string(), shown);
        }
        for base in ["n8n.example.com", "ftp://a.test", "file:///etc", "https://", ""] {
            HostPattern::of_base_url(base).expect_err(base);
        }
        let error = HostPattern::of_base_url("https://me:hunter2@a.test").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn patterns_are_strings_in_documents() {
        let patterns: Vec<HostPattern> = Deserialize::deserialize(serde::de::value::SeqDeserializer::<
            _,
            serde::de::value::Error,
        >::new(["a.test", "*:81"].into_iter()))
        .unwrap();
        assert_eq!(patterns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.test", "*:81"]);
    }
}
