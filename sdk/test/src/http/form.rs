//! Whether a request could be sent at all, by the host's own client.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use leno_egress::{Caps, Client, ClientConfig, Credentials, Error, HostPattern, Policy, Request, Resolver, Transport};

/// A host that does not exist (RFC 2606, section 2).
const NOWHERE: &str = "form.invalid";

/// Knows no name, so that its client never connects.
struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("the sandbox of a test has no network"))
    }
}

fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let config = ClientConfig { resolver: Arc::new(NoNames), ..ClientConfig::default() };
        Client::new(config).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Checks method, headers, size and what the connection injects.
///
/// The client is asked to send all this to a host whose name does not resolve. It gets as far as the name when the
/// request is valid. So the rules are those of production.
pub(super) async fn check(request: &Request, caps: &Caps) -> Result<(), Error> {
    let nowhere: Vec<HostPattern> = NOWHERE.parse().into_iter().collect();
    let credentials = request.credentials.as_ref().map(|real| {
        let (headers, query) = (real.headers.clone(), real.query.clone());
        Arc::new(Credentials { hosts: nowhere.clone(), headers, query })
    });
    let probe = Request {
        url: format!("https://{NOWHERE}/"),
        credentials,
        redirects: 0,
        timeout: Duration::MAX,
        meter: Arc::default(),
        ..request.clone()
    };
    match client().send(probe, &Policy::new(nowhere, Vec::new()), caps).await {
        Ok(_) | Err(Error::Dns { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
