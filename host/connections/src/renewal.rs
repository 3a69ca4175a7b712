//! One refresh, from the lease to the commit.
//!
//! 1. A flight needs the *lease* of the row, and only reads the value that it sends after it has got it. It keeps the lease alive
//!    until its result is committed.
//! 2. `refresh_started_at` is written before the request is sent. Such a lease is taken over only from a host that is dead, or
//!    after a long grace: its holder may have sent the token, and wait for a database that is away. If the holder has died, the
//!    next one knows that the refusal it may get is the consequence.
//! 3. The tokens are saved if the stored value is still the one that was sent (`rev`), and saving is retried until it
//!    succeeds. The refresh request is never repeated for that.
//! 4. A host that gave the connection up meanwhile may have had its grant revoked. So what is saved over an error is first
//!    refreshed once more: tokens that are dead do not make a connection `ACTIVE`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use leno_base::Owner;
use leno_db::{
    ConnectionRow, ConnectionStatus, DEGRADED_AFTER, Lease,
    app_connections::{self, Failure},
};
use leno_metadata::ConnectionValue;
use leno_oauth2::TokenError;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    ConnectionError, EventKind,
    flights::{Landing, Why, renewable_at},
    inner::Inner,
};

/// How long a lease lasts unless it is kept alive, in milliseconds.
const LEASE: i64 = 15_000;
/// How often it is kept alive.
const BEAT: Duration = Duration::from_secs(5);
/// A host that took longer than this from the lease to the request may have lost the lease meanwhile.
const PROMPT: Duration = Duration::from_secs(10);
/// How often to look whether another host is done.
const POLL: Duration = Duration::from_millis(100);
/// How long a flight waits for other hosts.
const PATIENCE: Duration = Duration::from_secs(40);
/// The pause after the first failure, in milliseconds; doubled with each further one.
pub(super) const FIRST_PAUSE: i64 = 5_000;
/// The longest pause of our own choice.
const LAST_PAUSE: i64 = 900_000;
/// The longest pause that a provider may request.
const LONGEST_PAUSE: i64 = 3_600_000;
/// Pauses between attempts to save.
const SAVE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What an attempt to save came to.
enum Saved {
    /// The tokens are stored.
    Done,
    /// The row changed: what it is now, if it is there.
    Overtaken(Option<Box<ConnectionRow>>),
}

impl Inner {
    /// Refreshes a connection, or waits until another host has.
    pub(super) async fn fly(&self, id: &str, why: Why) -> Result<Landing, ConnectionError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let Some((row, sealed)) = self.rows.any_with_value(id).await? else { return Ok(Landing::Gone) };
            // What was asked for a value that has been replaced meanwhile was asked for nothing.
            let asked = why == Why::Asked { rev: row.rev };
            if row.status != ConnectionStatus::Active && !asked {
                return Ok(Landing::Broken(row.status_reason.unwrap_or_default()));
            }
            let value = match self.open(&row, &sealed) {
                Ok(value) => value,
                Err(error) => return Ok(Landing::Broken(error.to_string())),
            };
            let now = self.now();
            if !asked {
                if renewable_at(&row, &value).is_none_or(|at| now < at) {
                    return Ok(Landing::Good(Arc::new(value)));
                }
                if let Some(retry_at) = row.retry_at.filter(|at| *at > now) {
                    return Ok(Landing::resting(&row, retry_at));
                }
            }
            let (holder, begun) = (Uuid::new_v4().to_string(), Instant::now());
            if self.lease(&row, &holder).await? {
                return self.renewed(&row, &value, &holder, begun).await;
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
        let lease = self.lease_of(row, holder);
        Ok(app_connections::lease(&self.db, &self.presence, lease, row, now, now + LEASE).await?)
    }

    fn lease_of<'a>(&'a self, row: &'a ConnectionRow, holder: &'a str) -> Lease<'a> {
        Lease { tenant: &row.tenant_id, id: &row.id, holder, host: self.presence.id() }
    }

    /// Keeps a lease alive, also through a database that is away for a while.
    async fn keep_alive(&self, lease: Lease<'_>) -> Infallible {
        loop {
            tokio::time::sleep(BEAT).await;
            let extended = async {
                let now = self.db.now(&*self.clock).await?;
                app_connections::extend(&self.db, lease, now + LEASE).await
            };
            if let Err(error) = extended.await {
                tracing::warn!(connection = lease.id, %error, "the lease of a connection was not kept alive");
            }
        }
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
            if self.lease(&row, holder).await? {
                return Ok(Some((row, sealed)));
            }
            if Instant::now() > patience {
                return Err(ConnectionError::not_yet("it is being renewed".into(), FIRST_PAUSE));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Gives the lease of a connection back that may be gone.
    pub(super) async fn release_by_id(&self, owner: &Owner, id: &str, holder: &str) {
        let lease = Lease { tenant: &owner.tenant, id, holder, host: self.presence.id() };
        if let Err(error) = app_connections::release(&self.db, lease).await {
            tracing::warn!(connection = id, %error, "a lease was not given back; it ends by itself");
        }
    }

    /// Gives a lease back.
    pub(super) async fn release(&self, row: &ConnectionRow, holder: &str) -> Result<(), ConnectionError> {
        Ok(app_connections::release(&self.db, self.lease_of(row, holder)).await?)
    }

    /// Renews the token, holding the lease that was asked for at `begun`.
    async fn renewed(
        &self,
        row: &ConnectionRow,
        value: &ConnectionValue,
        holder: &str,
        begun: Instant,
    ) -> Result<Landing, ConnectionError> {
        let (lease, now) = (self.lease_of(row, holder), self.now());
        let later = |reason: &str| Ok(Landing::Later(reason.to_owned(), now + FIRST_PAUSE));
        if !app_connections::refresh_begins(&self.db, lease, now).await? {
            return later("this host lost the lease of the renewal");
        }
        if begun.elapsed() > PROMPT {
            // Nothing was sent, so nothing is lost.
            self.release(row, holder).await?;
            return later("this host was too slow");
        }
        tokio::select! {
            landing = self.spend(row, value, holder) => landing,
            never = self.keep_alive(lease) => match never {},
        }
    }

    /// Sends the refresh token, and stores what comes of it.
    async fn spend(
        &self,
        row: &ConnectionRow,
        value: &ConnectionValue,
        holder: &str,
    ) -> Result<Landing, ConnectionError> {
        match self.request_tokens(row, value).await {
            Ok(fresh) => self.save(row, fresh).await,
            Err(error) if row.status == ConnectionStatus::Error => {
                // It was broken before, and is so for the same reason.
                self.release(row, holder).await?;
                Ok(Landing::Broken(error.to_string()))
            }
            Err(TokenError::InvalidGrant { description }) => {
                let reason = match row.refresh_started_at {
                    _ if row.trial > 0 => {
                        format!("restored_from_backup: the refresh token of the backup no longer works ({description})")
                    }
                    // The provider responded to an earlier request, the response was lost, and the token that was sent
                    // is spent.
                    Some(_) => {
                        format!("refresh_response_lost: the response to an earlier refresh was lost ({description})")
                    }
                    None => format!("invalid_grant: {description}"),
                };
                match self.set_broken(row, Some(value), Some(holder), &reason).await? {
                    true => Ok(Landing::Broken(reason)),
                    // The provider refused a value that is no longer stored.
                    false => self.as_it_is(&row.id).await,
                }
            }
            Err(error) => self.failed(row, holder, &error).await,
        }
    }

    /// Notes that there is no new token, although the grant may be good.
    async fn failed(&self, row: &ConnectionRow, holder: &str, error: &TokenError) -> Result<Landing, ConnectionError> {
        let retry_at = self.now() + pause(row.refresh_failures, error);
        let reason = error.to_string();
        tracing::warn!(connection = row.id, piece = row.piece_name, reason, "a token was not renewed");
        let refused = matches!(error, TokenError::Refused { .. });
        let failure = Failure { reason: &reason, retry_at, refused, outcome_unknown: error.may_have_spent() };
        let mut tx = self.db.begin(&row.tenant_id).await?;
        let noted = app_connections::refresh_failed(&mut tx, self.lease_of(row, holder), failure).await?;
        if noted && refused && row.refresh_refusals + 1 == DEGRADED_AFTER {
            self.conclude_anew(tx, row.clone(), "host", EventKind::Degraded, json!({"reason": reason})).await?;
        } else {
            tx.commit().await?;
        }
        Ok(if refused { Landing::Refused(reason) } else { Landing::Later(reason, retry_at) })
    }

    /// Saves new tokens, however long the database makes it wait: they exist nowhere else.
    async fn save(&self, sent: &ConnectionRow, fresh: ConnectionValue) -> Result<Landing, ConnectionError> {
        let (mut row, mut fresh, mut pause) = (sent.clone(), fresh, SAVE_PAUSE.0);
        loop {
            match self.try_save(&row, &fresh).await {
                Ok(Saved::Done) => return Ok(Landing::Good(Arc::new(fresh))),
                Ok(Saved::Overtaken(Some(present))) if same(&row, &present) => {}
                Ok(Saved::Overtaken(Some(present))) if given_up(&row, &present) => {
                    match self.request_tokens(&present, &fresh).await {
                        Ok(proven) => (row, fresh) = (*present, proven),
                        Err(error) => {
                            tracing::warn!(connection = row.id, %error, "tokens that came late do not work");
                            return Ok(Landing::Broken(present.status_reason.unwrap_or_default()));
                        }
                    }
                }
                // The owner reconnected or removed it concurrently: that change wins.
                Ok(Saved::Overtaken(_)) => return self.as_it_is(&row.id).await,
                Err(error) => {
                    tracing::error!(connection = row.id, %error, "new tokens are not saved yet; they are kept in memory until the database accepts them");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SAVE_PAUSE.1);
                }
            }
        }
    }

    async fn try_save(&self, row: &ConnectionRow, fresh: &ConnectionValue) -> Result<Saved, ConnectionError> {
        let mut tx = self.db.begin(&row.tenant_id).await?;
        // Its owner may be another by now, and the value is sealed for the owner.
        let present = match app_connections::reread(&mut tx, &row.id).await? {
            Some(present) if same(row, &present) => present,
            other => return Ok(Saved::Overtaken(other.map(Box::new))),
        };
        let sealed = self.seal(&present, present.rev + 1, fresh)?;
        if app_connections::refreshed(&mut tx, &present, &sealed, self.now()).await? {
            self.conclude_anew(tx, present, "host", EventKind::Refreshed, json!({})).await?;
            return Ok(Saved::Done);
        }
        Ok(Saved::Overtaken(app_connections::reread(&mut tx, &row.id).await?.map(Box::new)))
    }

    /// Puts a connection into `ERROR`, unless its value has changed since `row` was read; `value` is what opened, if it did.
    /// Returns whether it did.
    pub(super) async fn set_broken(
        &self,
        row: &ConnectionRow,
        value: Option<&ConnectionValue>,
        holder: Option<&str>,
        reason: &str,
    ) -> Result<bool, ConnectionError> {
        let sealed = value.map(|value| self.seal(row, row.rev + 1, value)).transpose()?;
        let mut tx = self.db.begin(&row.tenant_id).await?;
        let set = app_connections::broken(&mut tx, row, holder, sealed.as_ref(), reason, self.now()).await?;
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

/// Whether the value of a row is the one that was sent.
fn same(sent: &ConnectionRow, present: &ConnectionRow) -> bool {
    (sent.rev, sent.status) == (present.rev, present.status)
}

/// Whether another host has given the connection up since, and nobody has changed it otherwise.
fn given_up(sent: &ConnectionRow, present: &ConnectionRow) -> bool {
    (sent.status, present.status) == (ConnectionStatus::Active, ConnectionStatus::Error)
        && (sent.rev + 1, sent.edition) == (present.rev, present.edition)
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
