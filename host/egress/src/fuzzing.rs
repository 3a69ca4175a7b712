//! Properties for fuzzers. Not part of the interface.

use crate::{HostPattern, Policy};

/// Checks that a second URL parser finds an allowed host in every URL that the policy accepts.
///
/// `input` is any text. The second parser is that of the HTTP library, which decides what goes on the wire; it parses
/// both the URL that the policy returns and the input itself.
///
/// # Errors
///
/// Describes how the two parsers disagree.
pub fn allowed_by_both_parsers(input: &str) -> Result<(), String> {
    const ALLOWED: [&str; 4] = ["a.test", "*.b.test", "http://c.test:8080", "1.1.1.1"];
    let patterns: Vec<HostPattern> = ALLOWED.iter().filter_map(|pattern| pattern.parse().ok()).collect();
    let Ok(url) = Policy::new(patterns, Vec::new()).check_url(input) else { return Ok(()) };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{input:?} passed with the scheme {:?}", url.scheme()));
    }
    let Ok(sent) = url.as_str().parse::<http::Uri>() else {
        // The HTTP library refuses it, so nothing is sent.
        return Ok(());
    };
    second_view(&sent, input)?;
    if sent.port_u16() != url.port() || sent.scheme_str() != Some(url.scheme()) {
        return Err(format!("{input:?} passed as {url} and would be sent to {sent}"));
    }
    match input.trim().parse::<http::Uri>() {
        Ok(raw) => second_view(&raw, input),
        Err(_) => Ok(()),
    }
}

fn second_view(uri: &http::Uri, input: &str) -> Result<(), String> {
    let authority = uri.authority().ok_or_else(|| format!("{input:?} passed without a host"))?;
    if authority.as_str().contains('@') {
        return Err(format!("{input:?} passed with a user name: {authority}"));
    }
    // Letter case, percent signs, other alphabets and alternative spellings of an address are no disagreement about
    // where the host starts and ends.
    let host = url::Host::parse(uri.host().unwrap_or_default())
        .map_err(|error| format!("{input:?} passed with a host that is none: {error}"))?
        .to_string();
    let host = host.strip_suffix('.').unwrap_or(&host);
    match host {
        "a.test" | "c.test" | "1.1.1.1" => Ok(()),
        _ if host.ends_with(".b.test") => Ok(()),
        _ => Err(format!("{input:?} passed and leads to {host:?}")),
    }
}
