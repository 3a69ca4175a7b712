//! Connections, kept apart by what was checked when they were opened.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use leno_base::budget::Budgets;
use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::{ClientConfig as TlsConfig, crypto::aws_lc_rs};

use crate::connections::Connections;
use crate::connector::{Connector, Shared};
use crate::exchange::Plain;
use crate::own::Own;
use crate::policy::Vetting;
use crate::resolver::{Lookups, Resolver};

/// How the connections of a [`Client`](crate::Client) are made.
#[derive(Clone)]
pub struct ClientConfig {
    /// The limits.
    pub budgets: Budgets,
    /// The resolver.
    pub resolver: Arc<dyn Resolver>,
    /// Where this host itself listens: reached only by a private grant of exactly that address and port.
    pub own: Vec<SocketAddr>,
    /// How long name lookup, TCP and TLS may take together. Default 10 seconds.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. Default 60 seconds.
    pub idle_timeout: Duration,
    /// How many unused connections are kept per destination. Default 32.
    pub idle_per_host: usize,
    /// The `User-Agent` of requests without one.
    pub user_agent: String,
    /// Certificates, in DER, to trust besides those of the system.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            budgets: Budgets::default(),
            resolver: Arc::new(crate::resolver::SystemResolver::default()),
            own: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            idle_per_host: 32,
            user_agent: concat!("leno/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_roots: Vec::new(),
        }
    }
}

/// The HTTPS client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Most often because the system has no CA certificates.
    #[error("the HTTPS client cannot be set up: {problem}; are the system's CA certificates installed?")]
    Certificates {
        /// What is wrong.
        problem: String,
    },
    /// Too many threads already.
    #[error("the threads of the HTTPS client cannot be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// One connection pool per [`Vetting`].
///
/// A pool knows its connections by scheme, host and port alone. Were there only one, a connection opened under a private
/// grant would serve the next call to that host, grant or not.
pub(crate) struct Pools {
    shared: Arc<Shared>,
    builder: legacy::Builder,
    public: Plain,
    /// The most recently used last.
    granted: Mutex<Vec<(Vetting, Plain)>>,
}

/// With more sets of grants in use, the least recent pool is dropped.
const MAX_GRANTED: usize = 32;

/// Above the default of [`Caps`](crate::Caps), so that the caps apply first and the caller gets their error.
const HTTP2_HEADERS: u32 = 256 * 1024;

impl Pools {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, SetupError> {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.idle_timeout)
            .pool_max_idle_per_host(config.idle_per_host)
            .http2_max_header_list_size(HTTP2_HEADERS);
        let shared = Arc::new(Shared {
            lookups: Lookups::new(config.resolver.clone(), &config.budgets),
            connections: Connections::new(&config.budgets),
            own: Own::new(config.own.clone()),
            tls: tls(config)?,
            timeout: config.connect_timeout,
        });
        let public = open(&builder, &shared, Vetting::PUBLIC);
        Ok(Self { shared, builder, public, granted: Mutex::default() })
    }

    /// Where this host itself listens.
    pub(crate) fn own(&self) -> &Own {
        &self.shared.own
    }

    /// The pool whose connections passed this vetting.
    pub(crate) fn get(&self, vetting: &Vetting) -> Plain {
        if *vetting == Vetting::PUBLIC {
            return self.public.clone();
        }
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match granted.iter().position(|(known, _)| known == vetting) {
            Some(found) => granted.remove(found),
            None => (vetting.clone(), open(&self.builder, &self.shared, vetting.clone())),
        };
        if granted.len() >= MAX_GRANTED {
            granted.remove(0);
        }
        let pool = entry.1.clone();
        granted.push(entry);
        pool
    }
}

fn open(builder: &legacy::Builder, shared: &Arc<Shared>, vetting: Vetting) -> Plain {
    Plain(builder.build(Connector::new(shared, vetting)))
}

/// Trust in the certificates of the system and those of the configuration.
fn tls(config: &ClientConfig) -> Result<TlsConfig, SetupError> {
    let problem = |error: tokio_rustls::rustls::Error| SetupError::Certificates { problem: error.to_string() };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let extra = config.extra_roots.iter().map(|der| der.clone().into());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(problem)?;
    let builder = TlsConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(problem)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::policy::read_url;

    #[tokio::test]
    async fn pools_of_granted_destinations_are_bounded_and_the_least_used_goes_first() {
        let pools = Pools::new(&ClientConfig::default()).unwrap();
        let vetting = |n: usize| {
            let policy = Policy::new(vec!["*".parse().unwrap()], vec![format!("10.0.0.{n}").parse().unwrap()]);
            policy.admit(read_url(None, "https://a.test").unwrap(), None, &Own::default()).unwrap().vetting
        };
        for n in 0..MAX_GRANTED {
            pools.get(&vetting(n));
        }
        pools.get(&vetting(0));
        pools.get(&vetting(MAX_GRANTED));
        pools.get(&Vetting::PUBLIC);
        let granted = pools.granted.lock().unwrap();
        assert_eq!(granted.len(), MAX_GRANTED);
        let holds = |n| granted.iter().any(|(known, _)| *known == vetting(n));
        assert!(holds(0) && !holds(1) && holds(2) && holds(MAX_GRANTED));
    }
}
