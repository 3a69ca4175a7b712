//! How many requests a second each user and each tenant may send; to the authorization server, each address and each client.
//!
//! The generic cell rate algorithm: a bucket that holds as many requests as the limit and is refilled evenly. It is asked once
//! a token is verified, so nobody can spend what belongs to others, or make buckets for users who do not exist.
//!
//! A refusal has the `RateLimit-Policy` and `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers, and `Retry-After`.
//! Other responses have none: what is left of thousands a second is another number by the time the client reads it.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{Quota, RateLimiter, clock::DefaultClock, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use http::{HeaderName, HeaderValue};
use leno_base::{
    Actor, Owner, TenantId,
    budget::{Budget, Budgets},
};

use super::{
    Rejection,
    budgets::{OAUTH_CLIENT_REQUESTS, OAUTH_PEER_FAILURES, OAUTH_PEER_REQUESTS, TENANT_REQUESTS, USER_REQUESTS},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The rates of this host. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rates(Arc<Inner>);

struct Inner {
    tenants: Rate<TenantId>,
    users: Rate<Owner>,
    peers: Rate<IpAddr>,
    failures: Rate<IpAddr>,
    clients: Rate<String>,
}

impl Rates {
    /// The rates of `budgets`.
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self(Arc::new(Inner {
            tenants: Rate::new(budgets.get(&TENANT_REQUESTS)),
            users: Rate::new(budgets.get(&USER_REQUESTS)),
            peers: Rate::new(budgets.get(&OAUTH_PEER_REQUESTS)),
            failures: Rate::new(budgets.get(&OAUTH_PEER_FAILURES)),
            clients: Rate::new(budgets.get(&OAUTH_CLIENT_REQUESTS)),
        }))
    }

    /// How often [`Rates::sweep`] is due.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

    /// Counts a request of `actor`.
    ///
    /// # Errors
    /// 429: the user or the tenant has sent too many.
    pub(crate) fn admit(&self, actor: &Actor) -> Result<(), Rejection> {
        self.0.users.admit(&Owner::from(actor))?;
        self.0.tenants.admit(&actor.tenant)
    }

    /// Counts a request to the authorization server from `peer`, before anything is known of it.
    ///
    /// # Errors
    /// 429: the address has sent too many.
    pub(crate) fn admit_peer(&self, peer: IpAddr) -> Result<(), Rejection> {
        self.0.peers.admit(&peer)
    }

    /// Counts a client that did not prove who it is, from `peer`. Nobody else can use that up for the client.
    ///
    /// # Errors
    /// 429: too many have come from there.
    pub(crate) fn admit_failure(&self, peer: IpAddr) -> Result<(), Rejection> {
        self.0.failures.admit(&peer)
    }

    /// Counts a request of a client that has proved who it is.
    ///
    /// # Errors
    /// 429: the client has sent too many.
    pub(crate) fn admit_client(&self, client: &str) -> Result<(), Rejection> {
        self.0.clients.admit(&client.to_owned())
    }

    /// Forgets those whose bucket is full again. What remains are the users and tenants of the last second. Returns their
    /// number.
    pub(crate) fn sweep(&self) -> usize {
        let Inner { tenants, users, peers, failures, clients } = &*self.0;
        tenants.sweep() + users.sweep() + peers.sweep() + failures.sweep() + clients.sweep()
    }
}

/// A rate that each owner has for itself.
struct Rate<K: std::hash::Hash + Eq + Clone> {
    budget: Arc<Budget>,
    limiter: Option<RateLimiter<K, DashMapStateStore<K>, DefaultClock, NoOpMiddleware>>,
}

impl<K: std::hash::Hash + Eq + Clone> Rate<K> {
    fn new(budget: Arc<Budget>) -> Self {
        let limit = u32::try_from(budget.limit()).unwrap_or(u32::MAX);
        let limiter = NonZeroU32::new(limit).map(|limit| RateLimiter::dashmap(Quota::per_second(limit)));
        Self { budget, limiter }
    }

    fn admit(&self, owner: &K) -> Result<(), Rejection> {
        use governor::clock::Clock as _;
        let Some(Err(early)) = self.limiter.as_ref().map(|limiter| limiter.check_key(owner)) else { return Ok(()) };
        let refusal = self.budget.refuse(Some(early.wait_time_from(DefaultClock::default().now())));
        let (name, limit) = (self.budget.spec().per.as_str(), refusal.limit);
        let mut rejection = Rejection::exhausted(&refusal);
        let fields = [(POLICY, format!(r#""{name}";q={limit};w=1"#)), (LIMIT, format!(r#""{name}";r=0;t=1"#))];
        for (field, value) in fields {
            if let Ok(value) = HeaderValue::try_from(value) {
                rejection = rejection.with_header(field, value);
            }
        }
        Err(rejection)
    }

    fn sweep(&self) -> usize {
        let Some(limiter) = &self.limiter else { return 0 };
        limiter.retain_recent();
        limiter.shrink_to_fit();
        limiter.len()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn actor(tenant: &str, user: &str) -> Actor {
        Actor::request(tenant.into(), user.into())
    }

    #[test]
    fn who_sends_too_many_requests_is_told_when_to_come_back_and_nobody_else_is_refused() {
        let budgets = Budgets::new([(&USER_REQUESTS, 2), (&TENANT_REQUESTS, 3)]);
        let rates = Rates::new(&budgets);
        for _ in 0..2 {
            rates.admit(&actor("t", "u")).unwrap();
        }
        let response = rates.admit(&actor("t", "u")).unwrap_err().into_response();
        assert_eq!(response.status(), 429);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("retry-after"), header("ratelimit-policy")), ("1".into(), r#""user";q=2;w=1"#.into()));
        assert_eq!(header("ratelimit"), r#""user";r=0;t=1"#);
        rates.admit(&actor("t", "v")).unwrap();
        let response = rates.admit(&actor("t", "w")).unwrap_err().into_response();
        assert_eq!(response.headers()["ratelimit-policy"], r#""tenant";q=3;w=1"#);
        // A user of another tenant is another user.
        rates.admit(&actor("s", "u")).unwrap();
        assert_eq!((budgets.get(&USER_REQUESTS).refusals(), budgets.get(&TENANT_REQUESTS).refusals()), (1, 1));
    }

    #[test]
    fn users_who_are_gone_are_forgotten() {
        let budgets = Budgets::new([(&USER_REQUESTS, 1_000_000), (&TENANT_REQUESTS, 0)]);
        let rates = Rates::new(&budgets);
        for number in 0..1_000 {
            rates.admit(&actor("t", &number.to_string())).unwrap();
        }
        // Each bucket is full again a microsecond later.
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(rates.sweep(), 0);
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let rates = Rates::new(&Budgets::new([(&USER_REQUESTS, 0), (&TENANT_REQUESTS, 0)]));
        for _ in 0..100_000 {
            rates.admit(&actor("t", "u")).unwrap();
        }
    }
}
