//! Refreshing access tokens: each refresh token is used once, however many callers need it.
//!
//! A provider that rotates refresh tokens treats a second use of one as theft and revokes the whole grant, so two
//! concurrent refreshes would lose the connection. Therefore:
//!
//! 1. In this process one *flight* refreshes a connection; other callers wait for it. The flight is a separate task: it
//!    completes even if its caller is dropped, and shutdown waits for it.
//! 2. Among the hosts of one database, a flight needs the *lease* of the row, and only reads the value that it sends after
//!    it has got it.
//! 3. `refresh_started_at` is written before the request is sent. If a host dies in between, the next one knows that the
//!    refusal it may get is the consequence.
//! 4. The tokens are saved if the stored value is still the one that was sent (`rev`), and saving is retried until it
//!    succeeds. The refresh request is never repeated for that.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use leno_base::budget::Exhausted;
use leno_db::{ConnectionRow, ConnectionStatus, Lease, app_connections};
use leno_metadata::ConnectionValue;
use leno_oauth2::TokenError;
use serde_json::json;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use crate::{
    ConnectionError, Connections, EventKind,
    flights::Landing,
    inner::{Inner, broken},
};

/// How long a lease lasts: longer than the request it is for, which ends after 20 s.
const LEASE: i64 = 30_000;
/// How often to look whether another host is done.
const POLL: Duration = Duration::from_millis(100);
/// How long a flight waits for other hosts.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a caller waits when its token has expired.
const WAIT: Duration = Duration::from_secs(25);
/// The pause after the first failure, in milliseconds; doubled with each further one.
const FIRST_PAUSE: i64 = 5_000;
/// The longest pause of our own choice.
const LAST_PAUSE: i64 = 900_000;
/// The longest pause that a provider may request.
const LONGEST_PAUSE: i64 = 3_600_000;
/// Pauses between attempts to save.
const SAVE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Connections {
    /// Returns the value with a valid token: as stored, or after a refresh.
    pub(super) async fn valid(
        &self,
        row: &ConnectionRow,
        sealed: &str,
    ) -> Result<Arc<ConnectionValue>, ConnectionError> {
        let inner = &self.0;
        if row.status != ConnectionStatus::Active {
            let reason = row.status_reason.clone().unwrap_or_else(|| format!("its status is {}", row.status));
            return Err(ConnectionError::Broken { reason });
        }
        let value = match inner.open(row, sealed) {
            Ok(value) => Arc::new(value),
            Err(error) => {
                // A key that is missing here is no fault of the connection.
                if !matches!(error, leno_vault::OpenError::UnknownKey(_)) {
                    inner.set_broken(row, None, &error.to_string()).await?;
                }
                return Err(broken(&error));
            }
        };
        let now = inner.now();
        let Some(refresh_at) = row.refresh_at else { return Ok(value) };
        if now < refresh_at {
            return Ok(value);
        }
        let resting = row.retry_at.filter(|at| *at > now);
        if row.expires_at.is_none_or(|end| now < end) {
            if resting.is_none() {
                // Without room for it, the next caller tries.
                let _ = self.begin(row);
            }
            return Ok(value);
        }
        if let Some(retry_at) = resting {
            let reason = row.status_reason.clone().unwrap_or_default();
            return Err(not_yet(reason, retry_at - now));
        }
        let landing = tokio::time::timeout(WAIT, land(self.begin(row)?)).await;
        match landing {
            Ok(Some(Landing::Good(value))) => Ok(value),
            Ok(Some(Landing::Broken(reason))) => Err(ConnectionError::Broken { reason }),
            Ok(Some(Landing::Gone)) => Err(ConnectionError::NotFound),
            Ok(Some(Landing::Later(reason, retry_at))) => Err(not_yet(reason, retry_at - inner.now())),
            Ok(None) => Err(not_yet("this host is shutting down".into(), 1_000)),
            Err(_) => Err(not_yet("the provider has not responded yet".into(), 1_000)),
        }
    }

    /// Begins a flight, or joins the one under way.
    ///
    /// # Errors
    /// [`Exhausted`]: the tenant has the most flights under way.
    fn begin(&self, row: &ConnectionRow) -> Result<watch::Receiver<Option<Landing>>, Exhausted> {
        let id = &row.id;
        let mut flights = self.0.flights.lock();
        if let Some(flight) = flights.get(id) {
            return Ok(flight.clone());
        }
        let share = self.0.quotas.refreshes.take(row.tenant_id.clone(), 1)?;
        let (arrival, flight) = watch::channel(None);
        flights.insert(id.to_owned(), flight.clone());
        drop(flights);
        let id = id.to_owned();
        let inner = self.0.clone();
        self.0.tasks.spawn(async move {
            let flown = AssertUnwindSafe(inner.fly(&id)).catch_unwind().await;
            let landing = match flown {
                Ok(Ok(landing)) => landing,
                Ok(Err(error)) => {
                    tracing::error!(connection = id, %error, "a token was not renewed");
                    Landing::Later("this host failed".into(), inner.now() + FIRST_PAUSE)
                }
                Err(_) => Landing::Later("this host failed".into(), inner.now() + FIRST_PAUSE),
            };
            // Removed first: a caller that comes now reads the row again.
            inner.flights.lock().remove(&id);
            drop(share);
            arrival.send_replace(Some(landing));
        });
        Ok(flight)
    }
}

/// Waits for the end of a flight; `None` when the process is ending.
async fn land(mut flight: watch::Receiver<Option<Landing>>) -> Option<Landing> {
    flight.wait_for(Option::is_some).await.ok().and_then(|landing| landing.clone())
}

fn not_yet(reason: String, milliseconds: i64) -> ConnectionError {
    let retry_after = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    ConnectionError::NotYet { reason, retry_after }
}

impl Inner {
    async fn fly(&self, id: &str) -> Result<Landing, ConnectionError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let Some((row, sealed)) = self.rows.any_with_value(id).await? else { return Ok(Landing::Gone) };
            if row.status != ConnectionStatus::Active {
                return Ok(Landing::Broken(row.status_reason.unwrap_or_default()));
            }
            let value = match self.open(&row, &sealed) {
                Ok(value) => value,
                Err(error) => return Ok(Landing::Broken(error.to_string())),
            };
            let now = self.now();
            if row.refresh_at.is_none_or(|at| now < at) {
                return Ok(Landing::Good(Arc::new(value)));
            }
            if let Some(retry_at) = row.retry_at.filter(|at| *at > now) {
                return Ok(Landing::Later(row.status_reason.unwrap_or_default(), retry_at));
            }
            let holder = Uuid::new_v4().to_string();
            if self.lease(&row, &holder).await? {
                return self.renewed(&row, &value, &holder).await;
            }
            if Instant::now() > patience {
                return Ok(Landing::Later("another host has not finished renewing it".into(), now + FIRST_PAUSE));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn lease(&self, row: &ConnectionRow, holder: &str) -> Result<bool, ConnectionError> {
        // Leases are compared between hosts, so their time is the database's.
        let now = self.db.now(&*self.clock).await?;
        Ok(self.rows.lease(lease(row, holder), row.rev, now, now + LEASE).await?)
    }

    /// Takes the lease of a connection, waiting for a refresh under way, and reads the value under it.
    pub(super) async fn hold(
        &self,
        id: &str,
        holder: &str,
    ) -> Result<Option<(ConnectionRow, String)>, ConnectionError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let Some((row, sealed)) = self.rows.any_with_value(id).await? else { return Ok(None) };
            // A broken connection is not refreshed, so it has no lease.
            if row.status != ConnectionStatus::Active || self.lease(&row, holder).await? {
                return Ok(Some((row, sealed)));
            }
            if Instant::now() > patience {
                return Err(not_yet("it is being renewed".into(), FIRST_PAUSE));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Renews the token, holding the lease.
    async fn renewed(
        &self,
        row: &ConnectionRow,
        value: &ConnectionValue,
        holder: &str,
    ) -> Result<Landing, ConnectionError> {
        let now = self.now();
        if !self.rows.refresh_begins(lease(row, holder), now).await? {
            return Ok(Landing::Later("this host lost the lease of the renewal".into(), now + FIRST_PAUSE));
        }
        match self.renew(row, value).await {
            Ok(fresh) => self.save(row, fresh).await,
            Err(TokenError::InvalidGrant { description }) => {
                let reason = match row.refresh_started_at {
                    // The provider responded to an earlier request, the response was lost, and the token that was sent
                    // is spent.
                    Some(_) => {
                        format!("refresh_response_lost: the response to an earlier refresh was lost ({description})")
                    }
                    None => format!("invalid_grant: {description}"),
                };
                match self.set_broken(row, Some(holder), &reason).await? {
                    true => Ok(Landing::Broken(reason)),
                    // The provider refused a value that is no longer stored.
                    false => self.as_it_is(&row.id).await,
                }
            }
            Err(error) => {
                let retry_at = self.now() + pause(row.refresh_failures, &error);
                let reason = error.to_string();
                tracing::warn!(connection = row.id, piece = row.piece_name, reason, "a token was not renewed");
                let spent = error.may_have_spent();
                self.rows.refresh_failed(lease(row, holder), retry_at, &reason, spent).await?;
                Ok(Landing::Later(reason, retry_at))
            }
        }
    }

    /// Saves new tokens, however long the database makes it wait: they exist nowhere else.
    async fn save(&self, row: &ConnectionRow, fresh: ConnectionValue) -> Result<Landing, ConnectionError> {
        let mut pause = SAVE_PAUSE.0;
        loop {
            match self.try_save(row, &fresh).await {
                Ok(true) => return Ok(Landing::Good(Arc::new(fresh))),
                // The owner reconnected or removed it concurrently: that change wins.
                Ok(false) => return self.as_it_is(&row.id).await,
                Err(error) => {
                    tracing::error!(connection = row.id, %error, "new tokens are not saved yet; they are kept in memory until the database accepts them");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SAVE_PAUSE.1);
                }
            }
        }
    }

    async fn try_save(&self, row: &ConnectionRow, fresh: &ConnectionValue) -> Result<bool, ConnectionError> {
        let sealed = self.seal(row, fresh)?;
        let mut tx = self.db.begin(&row.tenant_id).await?;
        let saved = app_connections::refreshed(&mut tx, &row.id, row.rev, &sealed, self.now()).await?;
        if saved {
            self.conclude_anew(tx, row.clone(), "host", EventKind::Refreshed, json!({})).await?;
        }
        Ok(saved)
    }

    /// Puts a connection into `ERROR`, unless its value has changed since `row` was read. Returns whether it did.
    pub(super) async fn set_broken(
        &self,
        row: &ConnectionRow,
        holder: Option<&str>,
        reason: &str,
    ) -> Result<bool, ConnectionError> {
        let mut tx = self.db.begin(&row.tenant_id).await?;
        let set = app_connections::broken(&mut tx, &row.id, row.rev, holder, reason, self.now()).await?;
        if set {
            self.conclude_anew(tx, row.clone(), "host", EventKind::Errored, json!({"reason": reason})).await?;
            tracing::warn!(connection = row.id, piece = row.piece_name, reason, "a connection no longer works");
        }
        Ok(set)
    }

    /// The state that a concurrent change left.
    async fn as_it_is(&self, id: &str) -> Result<Landing, ConnectionError> {
        Ok(match self.rows.any_with_value(id).await? {
            None => Landing::Gone,
            Some((row, _)) if row.status != ConnectionStatus::Active => {
                Landing::Broken(row.status_reason.unwrap_or_default())
            }
            Some((row, sealed)) => match self.open(&row, &sealed) {
                Ok(value) => Landing::Good(Arc::new(value)),
                Err(error) => Landing::Broken(error.to_string()),
            },
        })
    }
}

fn lease<'a>(row: &'a ConnectionRow, holder: &'a str) -> Lease<'a> {
    Lease { tenant: &row.tenant_id, id: &row.id, holder }
}

/// The pause after a failure, in milliseconds: what the provider requests, within bounds, else doubled each time, with
/// jitter.
fn pause(failures: i64, error: &TokenError) -> i64 {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.clamp(0, 10)).min(LAST_PAUSE);
    let ours = doubled / 2 + rand::random_range(0..=doubled / 2);
    let asked = match error {
        TokenError::Unavailable { retry_after: Some(after), .. } => {
            i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
        }
        _ => 0,
    };
    ours.max(asked.min(LONGEST_PAUSE))
}
