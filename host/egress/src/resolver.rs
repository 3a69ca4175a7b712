//! From names to addresses, once per connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;

use crate::policy::{Refused, Vetting};

/// Looks host names up.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `host`, a name in ASCII without a trailing dot; never an address in text.
    ///
    /// # Errors
    ///
    /// When the lookup fails. No addresses at all count as a failure too.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// What the operating system knows: `getaddrinfo`, with its hosts file and search domains.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A resolver that checks addresses by a [`Vetting`].
///
/// The HTTP library connects to nothing but what this returns, so no second lookup stands between check and connection.
pub(crate) struct Vetted {
    resolver: Arc<dyn Resolver>,
    vetting: Vetting,
}

impl Vetted {
    pub(crate) fn new(resolver: Arc<dyn Resolver>, vetting: Vetting) -> Self {
        Self { resolver, vetting }
    }
}

impl reqwest::dns::Resolve for Vetted {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (resolver, vetting) = (Arc::clone(&self.resolver), self.vetting.clone());
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await.map_err(LookupError::Failed)?;
            if addresses.is_empty() {
                return Err(LookupError::Empty.into());
            }
            // One refused address refuses the name: the owner of the name could make the others fail.
            for address in &addresses {
                vetting.check(*address).map_err(LookupError::Refused)?;
            }
            // Port 0 stands for the port of the URL.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

/// Why a name led to no connection. It travels through the HTTP library as the source of its error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error(transparent)]
    Refused(Refused),
    #[error("{0}")]
    Failed(io::Error),
    #[error("it has no addresses")]
    Empty,
}
