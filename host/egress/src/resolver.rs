//! From names to addresses, once per connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use leno_base::TenantId;
use leno_base::budget::{Budgets, Exhausted};
use leno_base::fair::Gate;

use crate::budgets::LOOKUPS;
use crate::policy::Refused;

/// Looks host names up.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `host`, a name in ASCII without a trailing dot; never an address in text. Dropping the future ends
    /// the lookup.
    ///
    /// # Errors
    ///
    /// When the lookup fails. No addresses at all count as a failure too.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// How long a lookup waits for its turn.
const WAIT: Duration = Duration::from_secs(5);

/// Lookups under way, fairly divided between tenants.
pub(crate) struct Lookups {
    resolver: Arc<dyn Resolver>,
    gate: Gate<Option<TenantId>>,
}

impl Lookups {
    pub(crate) fn new(resolver: Arc<dyn Resolver>, budgets: &Budgets) -> Self {
        let budget = budgets.get(&LOOKUPS);
        let queue = usize::try_from(budget.limit()).unwrap_or(usize::MAX).saturating_mul(4);
        Self { resolver, gate: Gate::new(budget, queue, WAIT) }
    }

    pub(crate) async fn resolve(&self, host: &str, tenant: &Option<TenantId>) -> Result<Vec<IpAddr>, LookupError> {
        let _turn = self.gate.enter(tenant.clone()).await.map_err(LookupError::Exhausted)?;
        self.resolver.resolve(host).await.map_err(LookupError::Failed)
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
    #[error(transparent)]
    Exhausted(Exhausted),
}

/// What the machine is set up with: its hosts file, its name servers and search domains. No thread waits for an answer,
/// and answers are kept as long as they say, within bounds.
#[derive(Default)]
pub struct SystemResolver(Mutex<Option<Setup>>);

/// The set-up of the machine at one time.
#[derive(Clone)]
struct Setup {
    resolver: Result<TokioResolver, String>,
    hosts: Arc<Hosts>,
    files: [Option<SystemTime>; 2],
    checked: Instant,
}

const HOSTS: &str = "/etc/hosts";
const NAME_SERVERS: &str = "/etc/resolv.conf";
/// How often the files are looked at for changes.
const RECHECK: Duration = Duration::from_secs(5);
/// Answers that are kept: a few hundred bytes each.
const CACHED: u64 = 1_024;
/// The longest that an answer is kept, whatever it says, and one that there is no such name.
const LONGEST: Duration = Duration::from_secs(300);
const LONGEST_NEGATIVE: Duration = Duration::from_secs(10);

impl SystemResolver {
    fn setup(&self) -> Setup {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &mut *known {
            Some(setup) if now.duration_since(setup.checked) < RECHECK => return setup.clone(),
            Some(setup) if setup.files == files() => {
                setup.checked = now;
                return setup.clone();
            }
            _ => {}
        }
        let setup = Setup {
            resolver: resolver().map_err(|error| error.to_string()),
            // Without the file no name is in it.
            hosts: Arc::new(Hosts::from_system().unwrap_or_default()),
            files: files(),
            checked: now,
        };
        known.insert(setup).clone()
    }
}

fn files() -> [Option<SystemTime>; 2] {
    [HOSTS, NAME_SERVERS].map(|file| Path::new(file).metadata().and_then(|metadata| metadata.modified()).ok())
}

fn resolver() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    // Every address of a name is checked, whichever is connected to.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(LONGEST);
    options.negative_max_ttl = Some(LONGEST_NEGATIVE);
    builder.build()
}

impl Setup {
    /// What the hosts file says; then no name server is asked, for neither kind of address.
    fn written(&self, name: &Name) -> Vec<IpAddr> {
        let of = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let answers = [RecordType::A, RecordType::AAAA].into_iter().filter_map(of);
        answers
            .flat_map(|answer| answer.answers().iter().filter_map(|it| it.data.ip_addr()).collect::<Vec<_>>())
            .collect()
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let setup = self.setup();
        let name = Name::from_ascii(host).map_err(io::Error::other)?;
        let written = setup.written(&name);
        if !written.is_empty() {
            return Ok(written);
        }
        if name.is_localhost() {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let resolver = setup.resolver.map_err(io::Error::other)?;
        match resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_nx_domain() => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such name")),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_in_the_hosts_file_has_the_addresses_that_are_there_and_localhost_is_this_machine() {
        let resolver = SystemResolver::default();
        let written = std::fs::read_to_string(HOSTS).unwrap_or_default();
        let lines = written.lines().map(|line| line.split('#').next().unwrap_or_default());
        for line in lines {
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let found = resolver.resolve(name).await.unwrap();
                assert!(found.contains(&address), "{name}: {found:?}");
            }
        }
        let found = resolver.resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
