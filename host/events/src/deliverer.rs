//! Delivering events to endpoints.
//!
//! An endpoint gets its events one at a time and in order, each at least once and under the same id every time. A delivery
//! that fails is repeated for a day, and the later events of the endpoint wait for it.
//!
//! Attempts take slots, of which each owner and each tenant has a share. The free ones go to the owners and tenants that hold
//! the fewest, and endpoints that are down or slow get no more than a part of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leno_base::{Clock, Tasks, budget::Budgets, milliseconds};
use leno_db::{
    Db, DbError,
    endpoints::{self, Claimed, Outcome},
    events, queue,
};
use leno_egress::{Caps, Meter, Payer, PrivateGrant, Request, Response, Transport};
use leno_vault::Keyring;
use rand::Rng as _;
use tokio::sync::Notify;

use self::slots::{Slot, Slots};
use crate::{Events, address, signature};

/// How long a receiver has to respond.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of its response, which is not used. In bytes.
const RESPONSE: usize = 64 << 10;
/// How long a claim lasts, in milliseconds: longer than an attempt, with room for a slow database.
const CLAIM: i64 = 60_000;
/// An endpoint that takes this long is slow.
const SLOW: Duration = Duration::from_secs(2);
/// How many events the receiver did not get before this one, because too many waited. Standard Webhooks leaves other headers
/// to the sender, and receivers ignore them.
const DROPPED: &str = "leno-dropped-before";
/// How long attempts under way may go on after [`Deliverer::stop`].
const GRACE: Duration = Duration::from_secs(3);
/// The first wait between two attempts, in milliseconds; each further one is 2.5 times as long. With 12 attempts that is
/// 22 hours.
const FIRST_WAIT: f64 = 5_000.0;
const GROWTH: f64 = 2.5;
const ATTEMPTS: i64 = 12;
/// The longest wait that a receiver may request.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// The longest reason that is recorded, in characters.
const REASON: usize = 300;
const DAY: i64 = 86_400_000;
/// How long rows are kept, in milliseconds: deliveries that were made; events, and deliveries that were given up; deliveries
/// that wait behind others.
const KEEP_DELIVERED: i64 = 7 * DAY;
const KEEP: i64 = 30 * DAY;
const WAIT_BEHIND: i64 = 3 * DAY;

/// Sends events to endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    transport: Arc<dyn Transport>,
    private: Vec<PrivateGrant>,
    wake: Arc<Notify>,
    slots: Slots,
    attempts: Tasks,
}

impl Deliverer {
    /// How long at most a due delivery waits for [`Deliverer::pass`] when nothing wakes it: deliveries that other hosts
    /// wrote, and repeated ones.
    pub const INTERVAL: Duration = Duration::from_secs(2);

    /// Delivers the events in `db`; `keyring` opens the secrets of endpoints. Requests go out through `transport`, to public
    /// addresses and to those in `private`.
    #[must_use]
    pub fn new(
        db: Db,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        private: Vec<PrivateGrant>,
        events: &Events,
        budgets: &Budgets,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            keyring,
            clock,
            transport,
            private,
            wake: events.deliverer(),
            slots: Slots::new(budgets),
            attempts: Tasks::default(),
        }))
    }

    /// Is notified when a pass has something to do.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        self.0.wake.clone()
    }

    /// Starts an attempt for each due delivery, as far as there are slots for it. Returns their number. Every attempt that
    /// ends wakes the deliverer, as the next event of its endpoint may be due.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn pass(&self) -> Result<usize, DbError> {
        let inner = &self.0;
        let claimed = inner.claim().await?;
        let count = claimed.len();
        for (claimed, slot) in claimed {
            let this = inner.clone();
            inner.attempts.spawn(async move {
                this.attempt(claimed).await;
                drop(slot);
                this.wake.notify_one();
            });
        }
        Ok(count)
    }

    /// Waits a short time for the attempts under way. Call it when no further pass starts.
    pub async fn stop(&self) {
        if tokio::time::timeout(GRACE, self.0.attempts.finish()).await.is_err() {
            tracing::warn!(
                "some event endpoints did not respond before the shutdown; their events are sent again after the start"
            );
        }
    }

    /// Removes old rows: deliveries that were made, those that were given up, and events. Returns their number.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn clean(&self) -> Result<u64, DbError> {
        let (db, now) = (&self.0.db, self.0.now().await?);
        endpoints::expire(db, now - WAIT_BEHIND, "waited 3 days behind events that the receiver did not accept", now)
            .await?;
        let rows = endpoints::clean(db, now - KEEP_DELIVERED, now - KEEP).await?;
        Ok(rows + events::delete_before(db, now - KEEP).await?)
    }

    /// Sends what is due now, one after the other, and what becomes due by it. Returns the number of attempts.
    #[cfg(test)]
    async fn deliver_due(&self) -> usize {
        let mut count = 0;
        loop {
            let claimed = self.0.claim().await.unwrap();
            if claimed.is_empty() {
                return count;
            }
            for (claimed, _slot) in claimed {
                self.0.attempt(claimed).await;
                count += 1;
            }
        }
    }
}

impl Inner {
    async fn now(&self) -> Result<i64, DbError> {
        self.db.now(&*self.clock).await
    }

    /// Claims what is due, as far as there are slots for it.
    async fn claim(&self) -> Result<Vec<(Claimed, Slot)>, DbError> {
        let Some(most) = self.slots.most() else { return Ok(Vec::new()) };
        let now = self.now().await?;
        let mut claimed = Vec::new();
        for (due, slot) in self.slots.assign(queue::due(&self.db, now, most).await?) {
            if let Some(delivery) = queue::claim(&self.db, due, now, now + CLAIM).await? {
                claimed.push((delivery, slot));
            }
        }
        Ok(claimed)
    }

    /// Sends one event once, and records the outcome.
    async fn attempt(&self, claimed: Claimed) {
        let begun = Instant::now();
        let response = self.send(&claimed).await;
        if let Err(error) = self.record(&claimed, response, begun.elapsed()).await {
            // The claim expires, and the event is sent again.
            tracing::warn!(%error, delivery = claimed.id, "the outcome of a delivery was not recorded");
        }
    }

    async fn send(&self, claimed: &Claimed) -> Result<Response, String> {
        let policy = address::policy(&claimed.url, &self.private)?;
        let place = signature::place(&claimed.tenant, &claimed.endpoint);
        let secret = self.keyring.open(&claimed.secret, place).map_err(|error| {
            tracing::error!(%error, endpoint = claimed.endpoint, "the secret of an event endpoint cannot be read");
            "this host cannot read the secret of the endpoint".to_owned()
        })?;
        let timestamp = milliseconds(&*self.clock) / 1000;
        let mut request = Request::new("POST", &claimed.url);
        request.headers = vec![
            ("content-type".into(), "application/json".into()),
            ("user-agent".into(), concat!("leno/", env!("CARGO_PKG_VERSION")).into()),
            ("webhook-id".into(), claimed.event_id.clone()),
            ("webhook-timestamp".into(), timestamp.to_string()),
            ("webhook-signature".into(), signature::sign(&secret, &claimed.event_id, timestamp, &claimed.payload)),
        ];
        if claimed.dropped > 0 {
            request.headers.push((DROPPED.into(), claimed.dropped.to_string()));
        }
        request.body = Some(claimed.payload.clone().into());
        request.timeout = TIMEOUT;
        request.meter = Arc::new(Meter::of(Payer::new(Some(claimed.tenant.clone()), "events")));
        let caps = Caps { timeout: TIMEOUT, response_bytes: RESPONSE, redirects: 0, ..Caps::default() };
        self.transport.send(request, &policy, &caps).await.map_err(|error| match error {
            leno_egress::Error::Denied(denied) => address::explain(denied),
            error => error.to_string(),
        })
    }

    async fn record(
        &self,
        claimed: &Claimed,
        response: Result<Response, String>,
        took: Duration,
    ) -> Result<(), DbError> {
        let now = self.now().await?;
        let (error, asked) = match response {
            Ok(Response { status: 200..=299, .. }) => {
                tracing::debug!(delivery = claimed.id, attempt = claimed.attempt, "an event was delivered");
                return endpoints::settle(&self.db, claimed, Outcome::Delivered, took >= SLOW, now).await.map(drop);
            }
            Ok(Response { status: 410, .. }) => {
                tracing::info!(endpoint = claimed.endpoint, "an event endpoint responded 410 and is disabled");
                let error = "the receiver responded 410 (Gone)";
                return endpoints::disable(&self.db, &claimed.endpoint, error, now).await;
            }
            Ok(Response { status, .. }) if (300..400).contains(&status) => {
                (format!("the receiver responded {status}; deliveries do not follow redirects"), None)
            }
            Ok(response) => {
                (format!("the receiver responded {}", response.status), response.retry_after(self.clock.now()))
            }
            Err(error) => (error, None),
        };
        let error: String = error.chars().take(REASON).collect();
        let asked = asked.map_or(0, |asked| i64::try_from(asked.min(LONGEST_ASKED).as_millis()).unwrap_or(i64::MAX));
        let outcome = match claimed.attempt >= ATTEMPTS {
            true => Outcome::Dead { error: &error },
            false => Outcome::Again { at: now + wait(claimed.attempt).max(asked), error: &error },
        };
        tracing::debug!(delivery = claimed.id, attempt = claimed.attempt, error, "an event was not delivered");
        endpoints::settle(&self.db, claimed, outcome, true, now).await.map(drop)
    }
}

/// How long to wait after that many attempts, in milliseconds: up to a fifth more or less, so that deliveries that failed
/// together are not repeated together.
fn wait(attempts: i64) -> i64 {
    let exponent = i32::try_from(attempts - 1).unwrap_or(i32::MAX);
    let wait = FIRST_WAIT * GROWTH.powi(exponent) * rand::rng().random_range(0.8..1.2);
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let wait = wait as i64;
    wait
}

mod slots;
#[cfg(test)]
mod tests;
