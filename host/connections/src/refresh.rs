//! Refreshing access tokens: each refresh token is used once, however many callers need it.
//!
//! A provider that rotates refresh tokens treats a second use of one as theft and revokes the whole grant, so two
//! concurrent refreshes would lose the connection. Therefore:
//!
//! 1. In this process one *flight* refreshes a connection; other callers wait for it. The flight is a separate task: it
//!    completes even if its caller is dropped, and shutdown waits for it.
//! 2. Among the hosts of one database, a flight needs the *lease* of the row, see `renewal`.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use leno_base::{Owner, budget::Exhausted};
use leno_db::{ConnectionRow, ConnectionStatus};
use leno_metadata::ConnectionValue;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    ConnectionError, Connections,
    flights::{Landing, Why, renewable_at},
    inner::broken,
    renewal::FIRST_PAUSE,
};

/// How long a caller waits when its token has expired.
const WAIT: Duration = Duration::from_secs(25);
/// A token that is younger, in milliseconds, is not renewed because a service rejects it: the next would be rejected too.
const YOUNG: i64 = 300_000;

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
                    inner.set_broken(row, None, None, &error.to_string()).await?;
                }
                return Err(broken(&error));
            }
        };
        let now = inner.now();
        if renewable_at(row, &value).is_none_or(|at| now < at) {
            return Ok(value);
        }
        let resting = row.retry_at.filter(|at| *at > now);
        if row.expires_at.is_none_or(|end| now < end) {
            if resting.is_none() {
                // Without room for it, the next caller tries.
                let _ = self.begin(row, Why::Due);
            }
            return Ok(value);
        }
        match resting {
            Some(retry_at) => inner.landed(Landing::resting(row, retry_at)),
            None => self.arrive(row, Why::Due).await,
        }
    }

    /// Renews the token of the owner's connection now, also when it does not work or was refused before.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]; [`ConnectionError::NotRenewable`]; [`ConnectionError::Exhausted`]; or why there is no new
    /// token: [`ConnectionError::Broken`], [`ConnectionError::Refused`], [`ConnectionError::NotYet`].
    pub async fn renew(&self, owner: &Owner, id: &str) -> Result<ConnectionRow, ConnectionError> {
        let inner = &*self.0;
        let found = inner.rows.by_id_with_value(&owner.tenant, &owner.user, id).await?;
        let (row, sealed) = found.ok_or(ConnectionError::NotFound)?;
        let value = inner.open(&row, &sealed).map_err(|error| broken(&error))?;
        if row.status == ConnectionStatus::Missing || renewable_at(&row, &value).is_none() {
            return Err(ConnectionError::NotRenewable);
        }
        // A provider that is not well is left alone; one that refused is asked again, as its settings may have been corrected.
        if let (Some(retry_at), 0) = (row.retry_at.filter(|at| *at > inner.now()), row.refresh_refusals) {
            inner.landed(Landing::resting(&row, retry_at))?;
        }
        self.arrive(&row, Why::Asked { rev: row.rev }).await?;
        self.by_id(owner, id).await
    }

    /// What to use instead of `rejected`, a value that a service no longer accepts although its token should be valid: the
    /// value that is stored by now, or a renewed one. `None` when there is no other.
    pub(super) async fn instead_of(
        &self,
        owner: &Owner,
        id: &str,
        rejected: &ConnectionValue,
    ) -> Option<Arc<ConnectionValue>> {
        let inner = &*self.0;
        let (row, sealed) = inner.rows.by_id_with_value(&owner.tenant, &owner.user, id).await.ok()??;
        let value = inner.open(&row, &sealed).ok().filter(|_| row.status == ConnectionStatus::Active)?;
        let member = |value: &ConnectionValue, name: &str| value.expose().get(name).cloned();
        if member(&value, "access_token") != member(rejected, "access_token") {
            return Some(Arc::new(value));
        }
        renewable_at(&row, &value)?;
        let now = inner.now();
        let claimed = member(&value, "claimed_at").as_ref().and_then(Value::as_i64).unwrap_or_default();
        if now - claimed.saturating_mul(1000) < YOUNG || row.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        tracing::info!(
            connection = row.id,
            piece = row.piece_name,
            "a token is renewed before its end: it was rejected"
        );
        self.arrive(&row, Why::Asked { rev: row.rev }).await.ok()
    }

    /// Begins or joins a flight, and waits for its end.
    async fn arrive(&self, row: &ConnectionRow, why: Why) -> Result<Arc<ConnectionValue>, ConnectionError> {
        match tokio::time::timeout(WAIT, land(self.begin(row, why)?)).await {
            Ok(Some(landing)) => self.0.landed(landing),
            Ok(None) => Err(ConnectionError::not_yet("this host is shutting down".into(), 1_000)),
            Err(_) => Err(ConnectionError::not_yet("the provider has not responded yet".into(), 1_000)),
        }
    }

    /// Begins a flight, or joins the one under way.
    ///
    /// # Errors
    /// [`Exhausted`]: the tenant has the most flights under way.
    pub(super) fn begin(&self, row: &ConnectionRow, why: Why) -> Result<watch::Receiver<Option<Landing>>, Exhausted> {
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
            let flown = AssertUnwindSafe(inner.fly(&id, why)).catch_unwind().await;
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
pub(super) async fn land(mut flight: watch::Receiver<Option<Landing>>) -> Option<Landing> {
    flight.wait_for(Option::is_some).await.ok().and_then(|landing| landing.clone())
}

impl crate::inner::Inner {
    /// What a caller gets after a flight.
    fn landed(&self, landing: Landing) -> Result<Arc<ConnectionValue>, ConnectionError> {
        match landing {
            Landing::Good(value) => Ok(value),
            Landing::Broken(reason) => Err(ConnectionError::Broken { reason }),
            Landing::Refused(reason) => Err(ConnectionError::Refused { reason }),
            Landing::Gone => Err(ConnectionError::NotFound),
            Landing::Later(reason, retry_at) => Err(ConnectionError::not_yet(reason, retry_at - self.now())),
        }
    }
}
