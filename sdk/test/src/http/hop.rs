//! A request on its way from redirect to redirect, as the host's client sends it.

use std::sync::Arc;

use bytes::Bytes;
use leno_egress::{Credentials, Denied, Error, HostPattern, Policy, PrivateGrant, Request};
use secrecy::ExposeSecret as _;
use url::{Url, form_urlencoded};

use super::sent::SentRequest;
use crate::mask::Mask;

/// Where requests may go.
pub(super) struct Gate<'a> {
    pub(super) policy: &'a Policy,
    /// The private grants of the piece: the policy does not expose them.
    pub(super) private: &'a [PrivateGrant],
}

impl Gate<'_> {
    /// The URL, normalised, if the policy lets it pass and the credentials may go there.
    fn admit(&self, url: &str, credentials: Option<&Credentials>) -> Result<Url, Denied> {
        let url = self.policy.check_url(url)?;
        let Some(credentials) = credentials else { return Ok(url) };
        // Credentials go over plain http to nothing but private grants, whatever the pattern says.
        let secure = |pattern: &HostPattern| pattern.to_string().trim_start_matches("http://").parse().ok();
        let hosts = credentials.hosts.iter().filter_map(secure).collect();
        Policy::new(hosts, self.private.to_vec()).check_url(url.as_str()).map_err(|denied| match denied {
            Denied::Host { host } => Denied::CredentialHost { host },
            Denied::Port { host, port } => Denied::CredentialPort { host, port },
            Denied::Plain { host, port } => Denied::CredentialPlain { host, port },
            other => other,
        })
    }
}

/// One request of a chain.
pub(super) struct Hop {
    url: Url,
    method: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    credentials: Option<Arc<Credentials>>,
}

const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OF_THE_BODY: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-digest",
    "digest",
];
const OF_THE_ORIGIN: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

impl Hop {
    pub(super) fn first(request: &Request, gate: &Gate<'_>) -> Result<Self, Denied> {
        let upper = request.method.to_ascii_uppercase();
        Ok(Self {
            url: gate.admit(&request.url, request.credentials.as_deref())?,
            method: if KNOWN.contains(&upper.as_str()) { upper } else { request.method.clone() },
            headers: request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
            body: request.body.clone().unwrap_or_default(),
            credentials: request.credentials.clone(),
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// With the credentials on it.
    pub(super) fn sent(&self, mask: &Arc<Mask>) -> SentRequest {
        let (mut url, mut headers) = (self.url.clone(), self.headers.clone());
        if let Some(credentials) = &self.credentials {
            for (name, value) in &credentials.headers {
                let name = name.to_ascii_lowercase();
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value.expose_secret().to_owned()));
            }
            if !credentials.query.is_empty() {
                retain_query(&mut url, |name, _| credentials.query.iter().all(|(injected, _)| injected != name));
                let mut query = url.query_pairs_mut();
                for (name, value) in &credentials.query {
                    query.append_pair(name, value.expose_secret());
                }
            }
        }
        SentRequest {
            method: self.method.clone(),
            url,
            headers,
            body: self.body.clone(),
            authorized: self.credentials.is_some(),
            mask: mask.clone(),
        }
    }

    /// The method with which to follow a redirect (RFC 9110, section 15.4); `None` for other statuses.
    pub(super) fn redirected(&self, status: u16) -> Option<String> {
        match (status, self.method.as_str()) {
            (301 | 302, "POST") => Some("GET".to_owned()),
            (303, method) if method != "HEAD" => Some("GET".to_owned()),
            (301 | 302 | 303 | 307 | 308, method) => Some(method.to_owned()),
            _ => None,
        }
    }

    /// The request that follows a redirect: checked like the first, and without credentials at another origin.
    pub(super) fn next(mut self, method: String, location: &str, gate: &Gate<'_>) -> Result<Self, Error> {
        let from = self.host();
        let mut target = self.url.join(location).map_err(|error| Error::BadResponse {
            host: from.clone(),
            problem: format!("its `location` cannot be followed: {error}"),
        })?;
        if let Some(credentials) = &self.credentials {
            // The service may send back in the address what was added to it.
            let added = |name: &str, value: &str| {
                credentials.query.iter().any(|(known, secret)| known == name && secret.expose_secret() == value)
            };
            retain_query(&mut target, |name, value| !added(name, value));
        }
        if target.origin() != self.url.origin() {
            self.headers.retain(|(name, _)| !OF_THE_ORIGIN.contains(&name.as_str()));
            self.credentials = None;
        }
        let url = gate
            .admit(target.as_str(), self.credentials.as_deref())
            .map_err(|denied| Error::RedirectDenied { from, denied })?;
        if method != self.method && method == "GET" {
            self.headers.retain(|(name, _)| !OF_THE_BODY.contains(&name.as_str()));
            self.body = Bytes::new();
        }
        Ok(Self { url, method, ..self })
    }
}

/// Removes query parameters and leaves the others as they are spelled.
fn retain_query(url: &mut Url, keep: impl Fn(&str, &str) -> bool) {
    let Some(query) = url.query() else { return };
    let keeps = |part: &&str| form_urlencoded::parse(part.as_bytes()).all(|(name, value)| keep(&name, &value));
    let kept = query.split('&').filter(keeps).collect::<Vec<_>>().join("&");
    if kept != query {
        url.set_query(Some(kept.as_str()).filter(|query| !query.is_empty()));
    }
}
