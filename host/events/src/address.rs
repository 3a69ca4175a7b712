//! Which addresses events are sent to.

use leno_egress::{Denied, HostPattern, Policy, PrivateGrant};
use url::Url;

/// The longest address, in bytes.
pub const MAX_URL: usize = 2048;

/// The address in the form in which it is requested, or why events are not sent there.
pub(crate) fn check(url: &str, private: &[PrivateGrant]) -> Result<String, String> {
    if url.len() > MAX_URL {
        return Err(format!("is longer than {MAX_URL} bytes"));
    }
    policy(url, private).and_then(|policy| policy.check_url(url).map_err(explain)).map(String::from)
}

/// A policy that permits `url` over https at a public address, or at a privately granted address over http as well.
pub(crate) fn policy(url: &str, private: &[PrivateGrant]) -> Result<Policy, String> {
    let mut url = Url::parse(url).map_err(|error| format!("this is not an absolute URL: {error}"))?;
    // The pattern of an http URL would permit plain http to any address.
    if url.scheme() == "http" && url.set_scheme("https").is_err() {
        return Err("this URL has no host".to_owned());
    }
    let pattern = HostPattern::of_base_url(url.as_str()).map_err(|error| error.to_string())?;
    Ok(Policy::new(vec![pattern], private.to_vec()))
}

/// A refusal in the terms of endpoints: the policy's messages are for pieces.
pub(crate) fn explain(denied: Denied) -> String {
    let open = "the operator can allow a private service with LENO_WEBHOOK_PRIVATE";
    match denied {
        Denied::Plain { host, .. } => {
            format!("events are sent over https only, and the URL of `{host}` is http; {open}")
        }
        Denied::Address { ref host, .. } => {
            tracing::info!(target: "audit", event = "denied", why = denied.for_operator(), "an event endpoint was refused");
            format!("events are sent to public addresses only, and `{host}` resolves to one that is not; {open}")
        }
        Denied::Port { host, port, .. } => format!("port {port} of `{host}` is not allowed for events; {open}"),
        other => other.to_string(),
    }
}
