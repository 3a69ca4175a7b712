//! Which texts are host patterns.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// Longest host name, in bytes (RFC 1035, section 2.3.4), and some room for a port.
const MAX_HOST: usize = 261;

/// Checks a pattern: `api.example.com`, `*.example.com`, `*`, an IP address (IPv6 in brackets), each with an optional
/// `:port`, and with `http://` before it where plain http is meant. The message names the problem and the correction.
pub(crate) fn pattern(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty; write a host such as \"api.example.com\"".into());
    }
    if text.len() > MAX_HOST {
        return Err(format!("is longer than {MAX_HOST} bytes; write one host name"));
    }
    let lower = text.to_ascii_lowercase();
    let text = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    // A URL parser decodes percent signs, and a pattern is taken literally.
    if text.contains(['/', '?', '#', '@', '\\', '%']) {
        return Err(
            "is a URL, not a host; leave out the path and everything after it, as in \"api.example.com\"".into()
        );
    }
    let (name, port) = split_port(text);
    if let Some(port) = port
        && !(port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0))
    {
        return Err("has a port that is not a number from 1 to 65535; correct or drop it".into());
    }
    if name == "*" {
        return Ok(());
    }
    if name.ends_with('.') {
        return Err("ends with a dot; leave the dot out".into());
    }
    let (name, wildcard) = match name.strip_prefix("*.") {
        Some(parent) => (parent, true),
        None => (name, false),
    };
    if name.contains('*') {
        return Err("has a misplaced star; only \"*\" and a leading \"*.\" are patterns".into());
    }
    match Host::parse(name) {
        // "1.2" and "0x7f.1" are IPv4 addresses to a URL parser: make the author write what is meant.
        Ok(Host::Ipv4(address)) if name.parse::<Ipv4Addr>() != Ok(address) => {
            Err(format!("is read as the address {address}; write that, or a name"))
        }
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) if wildcard => {
            Err("puts a star before an IP address; addresses have no subdomains".into())
        }
        Ok(Host::Domain(domain)) if domain.split('.').any(|label| label.is_empty() || label.len() > 63) => {
            Err("has an empty label or one of more than 63 characters; correct the name".into())
        }
        Ok(_) => Ok(()),
        Err(_) => Err("is not a host name; write one such as \"api.example.com\" or \"*.example.com\"".into()),
    }
}

/// The pattern of what a user entered as the address of a service: a URL, or a host with or without a port and a path.
///
/// Never a wildcard: a setting names one host. Plain http is meant only where it is written.
pub(crate) fn of_setting(text: &str) -> Option<String> {
    let text = text.trim();
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("https://{text}")),
    };
    let url = url.ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
    let scheme = match url.scheme() {
        "http" => "http://",
        "https" => "",
        _ => return None,
    };
    let name = url.host_str()?.trim_end_matches('.');
    let host = match url.port() {
        Some(port) => format!("{scheme}{name}:{port}"),
        None => format!("{scheme}{name}"),
    };
    exact(&host).then_some(host)
}

/// Whether the text is a pattern that matches one host only.
pub(crate) fn exact(text: &str) -> bool {
    !text.contains('*') && pattern(text).is_ok()
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    if text.starts_with('[') {
        return match text.rsplit_once("]:") {
            Some((address, port)) => (text.get(..=address.len()).unwrap_or(text), Some(port)),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_wildcards_are_patterns() {
        for text in [
            "api.example.com",
            "API.Example.com",
            "api.example.com:8443",
            "*.example.com",
            "*",
            "*:8443",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:4747",
            "[::1]",
            "[::1]:4747",
            "bücher.example",
            "http://api.example.com:8080",
            "https://*.example.com",
        ] {
            assert_eq!(pattern(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            " ",
            "https://",
            "ftp://example.com",
            "https://api.example.com/",
            "api.example.com/v1",
            "http://https://a",
            "ex%61mple.com",
            "user@example.com",
            "example.com.",
            "*example.com",
            "a.*.com",
            "**",
            "*.",
            "*.*",
            "a..b",
            ".a",
            "a b",
            "a:b",
            "a:0",
            "a:65536",
            "a:+1",
            "a:",
            "1.2",
            "0x7f.1",
            "2130706433",
            "*.127.0.0.1",
            "::1",
            "[::1",
            "[::1]x",
            "a\r\nb",
            "a#b",
            "a\\b",
        ] {
            assert!(pattern(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_setting_names_one_host_however_it_is_written() {
        for (text, host) in [
            ("https://git.example.com", "git.example.com"),
            ("https://Git.Example.com:8443/api/v4?x#y", "git.example.com:8443"),
            ("http://git.example.com:8080/", "http://git.example.com:8080"),
            ("git.example.com", "git.example.com"),
            (" git.example.com/path ", "git.example.com"),
            ("git.example.com:8443", "git.example.com:8443"),
            ("2130706433", "127.0.0.1"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(of_setting(text).as_deref(), Some(host), "{text}");
        }
        for text in [
            "",
            "*",
            "*.example.com",
            "https://*/",
            "https://user:pass@example.com",
            "user@example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://",
            "a b",
        ] {
            assert_eq!(of_setting(text), None, "{text}");
        }
    }
}
