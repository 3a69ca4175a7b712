//! Events on their way to the webhooks of their owners, signed as Standard Webhooks says
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! An endpoint gets its events one by one, in their order, each at least once and under the same id every time. One that does
//! not take an event is asked again for a day, and the events behind it wait.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header;
use jiff::Timestamp;
use leno_base::{Clock, NoRandomness, TenantId, UserId, milliseconds, random};
use leno_db::{
    AuditEntry, Db, DbError, DeliveryRow, EndpointRow, audit_log,
    endpoints::{self, Claimed, Outcome, Retried},
    events, users,
};
use leno_egress::{Caps, Denied, HostPattern, Policy, PrivateGrant, Request, Response, Transport};
use leno_vault::{Keyring, Place};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Events;

/// Endpoints of one owner.
pub const MAX_ENDPOINTS: i64 = 10;
/// The longest address, in bytes.
pub const MAX_URL: usize = 2048;
/// How long a receiver has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of its answer, which nobody looks at.
const ANSWER: usize = 64 << 10;
/// How long a claim lasts, in milliseconds: longer than an attempt, with room for a slow database.
const CLAIM: i64 = 60_000;
/// Attempts under way at once.
const AT_ONCE: usize = 16;
/// How often other hosts' events and those to be sent again are looked for.
const TICK: Duration = Duration::from_secs(2);
/// How often old rows are removed.
const SWEEP: Duration = Duration::from_secs(600);
/// How long attempts under way may go on at the end.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// The first wait between two attempts, in milliseconds; each further one is 2.5 times as long. With 12 attempts that is
/// 22 hours.
const FIRST_WAIT: f64 = 5_000.0;
const GROWTH: f64 = 2.5;
const ATTEMPTS: i64 = 12;
/// The longest wait that a receiver may ask for, in milliseconds.
const LONGEST_ASKED: i64 = 3_600_000;
/// The longest reason, in characters.
const REASON: usize = 300;
const DAY: i64 = 86_400_000;
/// How long each thing is kept: what was delivered, what was given up and events, and what waits behind others.
const KEEP_DELIVERED: i64 = 7 * DAY;
const KEEP: i64 = 30 * DAY;
const WAIT_BEHIND: i64 = 3 * DAY;
/// In front of a secret of Standard Webhooks.
const PREFIX: &str = "whsec_";

/// What was wrong with a wish.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Events are not sent to this address.
    #[error("{0}")]
    Address(String),
    /// The owner has as many as there may be.
    #[error("you have {MAX_ENDPOINTS} webhooks, and more there may not be; remove one of them")]
    TooMany,
    /// No secret can be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A line of the audit log: events leave this host by webhooks.
fn entry(at: i64, tenant: &TenantId, owner: &UserId, event: &'static str, id: &str) -> AuditEntry {
    let (tenant, actor) = (tenant.clone(), format!("user:{owner}"));
    AuditEntry { at, tenant, actor, event, subject: id.to_owned(), detail: serde_json::json!({}) }
}

/// The webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Endpoints(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    transport: Arc<dyn Transport>,
    private: Vec<PrivateGrant>,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl Endpoints {
    /// The webhooks in `db`, their secrets under `keyring`. Requests go through `transport` to public hosts, and to the
    /// addresses in `private`.
    #[must_use]
    pub fn new(
        db: Db,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        private: Vec<PrivateGrant>,
        events: &Events,
    ) -> Self {
        let (wake, stop) = (events.deliverer(), CancellationToken::new());
        Self(Arc::new(Inner { db, keyring, clock, transport, private, wake, stop }))
    }

    /// The address as it is requested, if events may be sent there: https to a public host, or what is privately granted. A
    /// name is looked up, and its addresses are checked, whenever something is sent.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn check(&self, url: &str) -> Result<String, EndpointError> {
        if url.len() > MAX_URL {
            return Err(EndpointError::Address(format!("is longer than {MAX_URL} bytes")));
        }
        let checked = policy(url, &self.0.private).and_then(|policy| policy.check_url(url).map_err(explain));
        checked.map(String::from).map_err(EndpointError::Address)
    }

    /// Adds an endpoint that gets events of `kinds`, or of all kinds if that is empty. Answers with its secret, which nobody
    /// is told again.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn register(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        url: &str,
        kinds: &[&str],
    ) -> Result<(EndpointRow, SecretString), EndpointError> {
        let inner = &self.0;
        let url = self.check(url)?;
        let secret = new_secret()?;
        let (id, now) = (Uuid::now_v7().to_string(), milliseconds(&*inner.clock));
        let sealed = inner.keyring.seal(&secret, place(tenant, &id))?;
        let events = serde_json::to_string(kinds).unwrap_or_else(|_| "[]".to_owned());
        let endpoint = EndpointRow { id, url, events, disabled_at: None, created_at: now };
        let mut tx = inner.db.begin().await?;
        users::hold(&mut tx, tenant, owner, false, now).await?;
        let sealed = (sealed.as_str(), inner.keyring.active().as_str());
        if !endpoints::insert(&mut tx, tenant, owner, &endpoint, sealed, MAX_ENDPOINTS).await? {
            return Err(EndpointError::TooMany);
        }
        audit_log::append(&mut tx, &entry(now, tenant, owner, "webhook.registered", &endpoint.id)).await?;
        tx.commit().await.map_err(DbError::from)?;
        Ok((endpoint, secret))
    }

    /// The owner's endpoints, oldest first.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list(&self, tenant: &TenantId, owner: &UserId) -> Result<Vec<EndpointRow>, DbError> {
        endpoints::list(&self.0.db, tenant, owner).await
    }

    /// Removes an endpoint of the owner; answers whether it was there.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn remove(&self, tenant: &TenantId, owner: &UserId, id: &str) -> Result<bool, DbError> {
        let removed = endpoints::remove(&self.0.db, tenant, owner, id).await?;
        if removed {
            let now = milliseconds(&*self.0.clock);
            audit_log::record(&self.0.db, &entry(now, tenant, owner, "webhook.removed", id)).await?;
        }
        Ok(removed)
    }

    /// Deliveries of an endpoint, the newest event first; none when the owner has no such endpoint.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn deliveries(
        &self,
        tenant: &TenantId,
        owner: &UserId,
        endpoint: &str,
        status: Option<&str>,
        limit: i64,
    ) -> Result<Option<Vec<DeliveryRow>>, DbError> {
        endpoints::deliveries(&self.0.db, tenant, owner, endpoint, status, limit).await
    }

    /// Sends a delivery once more, and lets a disabled endpoint take events again.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn retry(&self, tenant: &TenantId, owner: &UserId, endpoint: &str, id: &str) -> Result<Retried, DbError> {
        let now = self.0.now().await?;
        let retried = endpoints::retry(&self.0.db, tenant, owner, endpoint, id, now).await?;
        self.0.wake.notify_one();
        Ok(retried)
    }

    /// Delivers until [`Endpoints::stop`], then lets the attempts under way end, but not for long.
    pub async fn run(&self) {
        let inner = &self.0;
        let mut attempts = JoinSet::new();
        let mut sweep = Instant::now();
        while !inner.stop.is_cancelled() {
            if Instant::now() >= sweep {
                sweep = Instant::now() + SWEEP;
                self.clean().await;
            }
            let room = AT_ONCE.saturating_sub(attempts.len());
            for claimed in inner.claim(room).await {
                let inner = inner.clone();
                attempts.spawn(async move { inner.attempt(claimed).await });
            }
            tokio::select! {
                () = inner.stop.cancelled() => {}
                () = inner.wake.notified(), if attempts.len() < AT_ONCE => {}
                () = tokio::time::sleep(TICK) => {}
                // The next event of the same endpoint.
                Some(_) = attempts.join_next() => {}
            }
        }
        let ended = async { while attempts.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tracing::warn!("some webhooks did not answer before the end; their events are sent again");
        }
    }

    /// Ends [`Endpoints::run`].
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Sends what is due now, one after the other, and what becomes due by it; answers how many attempts that were.
    #[cfg(test)]
    pub(crate) async fn deliver_due(&self) -> usize {
        let mut count = 0;
        loop {
            let claimed = self.0.claim(AT_ONCE).await;
            if claimed.is_empty() {
                return count;
            }
            for claimed in claimed {
                self.0.attempt(claimed).await;
                count += 1;
            }
        }
    }

    /// Removes what is old: deliveries that were made, those given up, and events.
    pub(crate) async fn clean(&self) {
        let done = async {
            let (db, now) = (&self.0.db, self.0.now().await?);
            endpoints::expire(db, now - WAIT_BEHIND, "waited for 3 days behind events that were not taken", now)
                .await?;
            let rows = endpoints::clean(db, now - KEEP_DELIVERED, now - KEEP).await?;
            Ok::<_, DbError>(rows + events::delete_before(db, now - KEEP).await?)
        };
        match done.await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "old events and deliveries were removed"),
            Err(error) => tracing::warn!(%error, "old events and deliveries could not be removed"),
        }
    }
}

impl Inner {
    async fn now(&self) -> Result<i64, DbError> {
        self.db.now(&*self.clock).await
    }

    async fn claim(&self, room: usize) -> Vec<Claimed> {
        if room == 0 {
            return Vec::new();
        }
        let claimed = async {
            let now = self.now().await?;
            endpoints::claim(&self.db, now, now + CLAIM, i64::try_from(room).unwrap_or_default()).await
        };
        match claimed.await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "what is due to webhooks could not be read");
                Vec::new()
            }
        }
    }

    /// Sends one event once, and records what came of it.
    async fn attempt(&self, claimed: Claimed) {
        let answer = self.send(&claimed).await;
        if let Err(error) = self.record(&claimed, answer).await {
            // The claim expires, and the event is sent again.
            tracing::warn!(%error, delivery = claimed.id, "the outcome of a webhook could not be recorded");
        }
    }

    async fn send(&self, claimed: &Claimed) -> Result<Response, String> {
        let policy = policy(&claimed.url, &self.private)?;
        let secret = self.keyring.open(&claimed.secret, place(&claimed.tenant, &claimed.endpoint));
        let secret = secret.map_err(|error| {
            tracing::error!(%error, endpoint = claimed.endpoint, "the secret of a webhook cannot be read");
            "this host cannot read the secret of the webhook".to_owned()
        })?;
        let timestamp = milliseconds(&*self.clock) / 1000;
        let mut request = Request::new("POST", &claimed.url);
        request.headers = vec![
            ("content-type".into(), "application/json".into()),
            ("user-agent".into(), concat!("leno/", env!("CARGO_PKG_VERSION")).into()),
            ("webhook-id".into(), claimed.event_id.clone()),
            ("webhook-timestamp".into(), timestamp.to_string()),
            ("webhook-signature".into(), sign(&secret, &claimed.event_id, timestamp, &claimed.payload)),
        ];
        request.body = Some(claimed.payload.clone().into());
        request.timeout = TIMEOUT;
        let caps = Caps { timeout: TIMEOUT, response_bytes: ANSWER, redirects: 0, ..Caps::default() };
        self.transport.send(request, &policy, &caps).await.map_err(|error| match error {
            leno_egress::Error::Denied(denied) => explain(denied),
            error => error.to_string(),
        })
    }

    async fn record(&self, claimed: &Claimed, answer: Result<Response, String>) -> Result<(), DbError> {
        let now = self.now().await?;
        let (error, asked) = match answer {
            Ok(Response { status: 200..=299, .. }) => {
                tracing::debug!(delivery = claimed.id, attempt = claimed.attempt, "a webhook took an event");
                return endpoints::settle(&self.db, claimed, Outcome::Delivered, now).await.map(drop);
            }
            Ok(Response { status: 410, .. }) => {
                tracing::info!(
                    endpoint = claimed.endpoint,
                    "the receiver of a webhook is gone; it gets no more events"
                );
                let error = "the receiver answered 410: it is gone for good";
                return endpoints::disable(&self.db, &claimed.endpoint, error, now).await;
            }
            Ok(Response { status, .. }) if (300..400).contains(&status) => {
                (format!("the receiver answered {status}; webhooks follow no redirects"), None)
            }
            Ok(response) => {
                (format!("the receiver answered {}", response.status), retry_after(&response, self.clock.now()))
            }
            Err(error) => (error, None),
        };
        let error: String = error.chars().take(REASON).collect();
        let outcome = match claimed.attempt >= ATTEMPTS {
            true => Outcome::Dead { error: &error },
            false => Outcome::Again { at: now + wait(claimed.attempt).max(asked.unwrap_or(0)), error: &error },
        };
        tracing::debug!(delivery = claimed.id, attempt = claimed.attempt, error, "a webhook did not take an event");
        endpoints::settle(&self.db, claimed, outcome, now).await.map(drop)
    }
}

fn place<'a>(tenant: &'a TenantId, id: &'a str) -> Place<'a> {
    Place { table: "webhook_endpoints", tenant: tenant.as_str(), row: id }
}

/// What lets `url` be requested if it is https to a public address, or if its address is privately granted: then plain http
/// will do. Why not, for people, if it is no URL for that.
fn policy(url: &str, private: &[PrivateGrant]) -> Result<Policy, String> {
    let mut url = Url::parse(url).map_err(|error| format!("this is no absolute URL: {error}"))?;
    // The pattern of an http URL would permit plain http to everybody.
    if url.scheme() == "http" && url.set_scheme("https").is_err() {
        return Err("this URL has no host".to_owned());
    }
    let pattern = HostPattern::of_base_url(url.as_str()).map_err(|error| error.to_string())?;
    Ok(Policy::new(vec![pattern], private.to_vec()))
}

/// A refusal in the words of webhooks: those of the policy are for pieces.
fn explain(denied: Denied) -> String {
    let open = "if it is a service of the operator's own, they can open it with LENO_WEBHOOK_PRIVATE";
    match denied {
        Denied::Plain { host, .. } => format!("events are sent over https, and `{host}` is not; {open}"),
        Denied::Address { host, address, class, .. } => {
            format!("events are sent to public addresses; `{host}` leads to {address}, {class} address; {open}")
        }
        Denied::Port { host, port, .. } => format!("port {port} of `{host}` is not open for webhooks; {open}"),
        other => other.to_string(),
    }
}

/// A secret of Standard Webhooks: 32 random bytes.
fn new_secret() -> Result<SecretString, NoRandomness> {
    let text = Zeroizing::new(BASE64.encode(*random::bytes::<32>()?));
    Ok(format!("{PREFIX}{}", *text).into())
}

/// The signature over id, time and body.
fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &str) -> String {
    let text = secret.expose_secret();
    // What this host made always decodes.
    let key = Zeroizing::new(BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text)).unwrap_or_default());
    // A key of HMAC may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// How long to wait after that many attempts, in milliseconds: a fifth more or less, so that what failed together does not
/// come back together.
fn wait(attempts: i64) -> i64 {
    let exponent = i32::try_from(attempts - 1).unwrap_or(i32::MAX);
    let wait = FIRST_WAIT * GROWTH.powi(exponent) * rand::rng().random_range(0.8..1.2);
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let wait = wait as i64;
    wait
}

/// How long the receiver asks to wait, in milliseconds: seconds or a date (RFC 9110, section 10.2.3), within bounds.
fn retry_after(response: &Response, now: SystemTime) -> Option<i64> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == header::RETRY_AFTER.as_str())?;
    let ms = match value.trim().parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
            at.as_millisecond() - Timestamp::try_from(now).ok()?.as_millisecond()
        }
    };
    Some(ms.clamp(0, LONGEST_ASKED))
}

#[cfg(test)]
mod tests;
