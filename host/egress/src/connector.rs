//! Opens connections: looks a name up, checks every address, connects, and begins TLS.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use leno_base::TenantId;
use tokio_rustls::rustls::ClientConfig as TlsConfig;
use tower::Service;

use crate::connections::Connections;
use crate::own::Own;
use crate::policy::Vetting;
use crate::resolver::{LookupError, Lookups};
use crate::wire::Wire;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Opening<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

tokio::task_local! {
    /// The tenant of the request that a connection is opened for: the HTTP library hands on the destination only.
    pub(crate) static TENANT: Option<TenantId>;
}

/// What the connectors of all pools share.
pub(crate) struct Shared {
    pub(crate) lookups: Lookups,
    pub(crate) connections: Arc<Connections>,
    pub(crate) own: Own,
    pub(crate) tls: TlsConfig,
    pub(crate) timeout: Duration,
}

/// Opens connections whose addresses pass one vetting, within the time that there is for it.
#[derive(Clone)]
pub(crate) struct Connector {
    inner: HttpsConnector<Tcp>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(shared: &Arc<Shared>, vetting: Vetting) -> Self {
        let tcp = Tcp { shared: shared.clone(), vetting };
        let builder = HttpsConnectorBuilder::new().with_tls_config(shared.tls.clone());
        let inner = builder.https_or_http().enable_all_versions().wrap_connector(tcp);
        Self { inner, timeout: shared.timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<Wire>>;
    type Error = BoxError;
    type Future = Opening<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = tokio::time::timeout(self.timeout, self.inner.call(uri));
        Box::pin(async move { opening.await.map_err(|_| Slow)? })
    }
}

/// The time to connect is up.
#[derive(Debug, thiserror::Error)]
#[error("the connection took too long")]
pub(crate) struct Slow;

#[derive(Clone)]
struct Tcp {
    shared: Arc<Shared>,
    vetting: Vetting,
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<Wire>;
    type Error = BoxError;
    type Future = Opening<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let port = uri.port_u16().unwrap_or(if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 });
        let tenant = TENANT.try_with(Clone::clone).unwrap_or_default();
        let vetted = Vetted { shared: self.shared.clone(), vetting: self.vetting.clone(), port, tenant };
        let mut connector = HttpConnector::new_with_resolver(vetted);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connections = self.shared.connections.clone();
        Box::pin(async move {
            let opened = connections.open()?;
            let stream = connector.call(uri).await?.into_inner();
            Ok(TokioIo::new(Wire::new(stream, opened)))
        })
    }
}

/// A resolver that checks addresses by a [`Vetting`].
///
/// The HTTP library connects to nothing but what this returns, so no second lookup stands between check and connection.
/// An address in the URL was checked with the URL.
#[derive(Clone)]
struct Vetted {
    shared: Arc<Shared>,
    vetting: Vetting,
    port: u16,
    tenant: Option<TenantId>,
}

impl Service<Name> for Vetted {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.shared.lookups.resolve(name.as_str(), &this.tenant).await?;
            if addresses.is_empty() {
                return Err(LookupError::Empty);
            }
            // One refused address refuses the name: the owner of the name could make the others fail.
            for address in &addresses {
                this.vetting.check(*address, this.port, &this.shared.own).map_err(LookupError::Refused)?;
            }
            let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, this.port)).collect();
            Ok(addresses.into_iter())
        })
    }
}
