//! Connections, kept apart by what was checked when they were opened.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::policy::Vetting;
use crate::resolver::{Resolver, Vetted};

/// How the connections of a [`Client`](crate::Client) are made.
#[derive(Clone)]
pub struct ClientConfig {
    /// The resolver.
    pub resolver: Arc<dyn Resolver>,
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
            resolver: Arc::new(crate::resolver::SystemResolver),
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
    config: ClientConfig,
    public: reqwest::Client,
    /// The most recently used last.
    granted: Mutex<Vec<(Vetting, reqwest::Client)>>,
}

/// Each holds its TLS roots, some hundred kilobytes. With more sets of grants in use, the least recent pool is dropped.
const MAX_GRANTED: usize = 32;

/// Above the default of [`Caps`](crate::Caps), so that the caps apply first and the caller gets their error.
const HTTP2_HEADERS: u32 = 256 * 1024;

impl Pools {
    pub(crate) fn new(config: ClientConfig) -> Result<Self, SetupError> {
        let public = open(&config, &Vetting::PUBLIC)?;
        Ok(Self { config, public, granted: Mutex::new(Vec::new()) })
    }

    /// The pool whose connections passed this vetting.
    pub(crate) fn get(&self, vetting: &Vetting) -> Result<reqwest::Client, SetupError> {
        if *vetting == Vetting::PUBLIC {
            return Ok(self.public.clone());
        }
        if let Some(client) = touch(&mut self.lock(), vetting) {
            return Ok(client);
        }
        // Reading the system's roots takes milliseconds, so others go on meanwhile.
        let opened = open(&self.config, vetting)?;
        let mut granted = self.lock();
        if let Some(client) = touch(&mut granted, vetting) {
            return Ok(client);
        }
        if granted.len() >= MAX_GRANTED {
            granted.remove(0);
        }
        granted.push((vetting.clone(), opened.clone()));
        Ok(opened)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Vetting, reqwest::Client)>> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn touch(granted: &mut Vec<(Vetting, reqwest::Client)>, vetting: &Vetting) -> Option<reqwest::Client> {
    let found = granted.iter().position(|(known, _)| known == vetting)?;
    let entry = granted.remove(found);
    let client = entry.1.clone();
    granted.push(entry);
    Some(client)
}

fn open(config: &ClientConfig, vetting: &Vetting) -> Result<reqwest::Client, SetupError> {
    let problem = |error: reqwest::Error| SetupError::Certificates { problem: crate::error::root_cause(&error) };
    let roots: Result<Vec<_>, _> = config.extra_roots.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
    reqwest::Client::builder()
        .dns_resolver(Vetted::new(Arc::clone(&config.resolver), vetting.clone()))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(config.idle_timeout)
        .pool_max_idle_per_host(config.idle_per_host)
        .http2_max_header_list_size(HTTP2_HEADERS)
        .user_agent(&config.user_agent)
        .tls_certs_merge(roots.map_err(problem)?)
        .build()
        .map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use crate::policy::read_url;

    #[test]
    fn pools_of_granted_destinations_are_bounded_and_the_least_used_goes_first() {
        let pools = Pools::new(ClientConfig::default()).unwrap();
        let vetting = |n: usize| {
            let policy = Policy::new(vec!["*".parse().unwrap()], vec![format!("10.0.0.{n}").parse().unwrap()]);
            policy.admit(read_url(None, "https://a.test").unwrap(), None).unwrap().vetting
        };
        for n in 0..MAX_GRANTED {
            pools.get(&vetting(n)).unwrap();
        }
        pools.get(&vetting(0)).unwrap();
        pools.get(&vetting(MAX_GRANTED)).unwrap();
        pools.get(&Vetting::PUBLIC).unwrap();
        let granted = pools.lock();
        assert_eq!(granted.len(), MAX_GRANTED);
        let holds = |n| granted.iter().any(|(known, _)| *known == vetting(n));
        assert!(holds(0) && !holds(1) && holds(2) && holds(MAX_GRANTED));
    }
}
