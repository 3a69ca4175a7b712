//! Tickets: what a browser opens a stream with, as its `EventSource` sends no `Authorization` header.
//!
//! A ticket stands in the address, which is written to logs and histories. So it is good for a minute, once, and for nothing
//! but the stream, which ends when the access token does that the ticket was issued for.

use std::{fmt, sync::Arc, time::Duration};

use leno_base::{
    Clock, Digest, NoRandomness, Owner,
    budget::{Budgets, Exhausted},
    milliseconds, random,
};
use leno_db::{
    Db, DbError, event_tickets,
    quota::{Counted, Quota, QuotaError},
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::budgets::{TENANT_TICKETS, USER_TICKETS};

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(60);

/// The tickets of this host. Cheap to clone.
#[derive(Clone)]
pub struct Tickets {
    db: Db,
    clock: Arc<dyn Clock>,
    quota: Quota,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

/// A ticket that was not issued.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The user or the tenant has too many that were not used.
    #[error(transparent)]
    TooMany(Exhausted),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The operating system returns no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<QuotaError> for TicketError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exhausted(refusal) => Self::TooMany(refusal),
            QuotaError::Db(error) => Self::Db(error),
        }
    }
}

impl Tickets {
    /// The tickets in `db`, within `budgets`.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>, budgets: &Budgets) -> Self {
        let quota = Quota::new(Counted::EventTickets, budgets, &USER_TICKETS, &TENANT_TICKETS, Some(LIFE));
        Self { db, clock, quota }
    }

    /// Issues a ticket for the events of `owner`. The stream is to end at `ends_at`, in milliseconds since 1970. Returns the
    /// ticket, and when it ends itself.
    ///
    /// # Errors
    /// [`TicketError`].
    pub async fn issue(&self, owner: &Owner, ends_at: i64) -> Result<(SecretString, i64), TicketError> {
        let ticket: SecretString = random::token()?.as_str().into();
        let life = i64::try_from(LIFE.as_millis()).unwrap_or_default();
        let expires_at = milliseconds(&*self.clock).saturating_add(life).min(ends_at);
        let mut tx = self.db.begin(&owner.tenant).await?;
        event_tickets::insert(&mut tx, &hash(ticket.expose_secret()), owner, ends_at, expires_at).await?;
        self.quota.check(&mut tx, owner).await?;
        tx.commit().await?;
        Ok((ticket, expires_at))
    }

    /// Takes a ticket, once. Returns whose it is, and when the stream is to end; `None` if it is not good (any more).
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn redeem(&self, ticket: &str) -> Result<Option<(Owner, i64)>, DbError> {
        event_tickets::take(&self.db, &hash(ticket), milliseconds(&*self.clock)).await
    }

    /// Removes tickets that nobody used. Returns their number.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn sweep(&self) -> Result<u64, DbError> {
        event_tickets::delete_expired(&self.db, milliseconds(&*self.clock)).await
    }

    /// Shows how many there are.
    pub fn observe(&self, counted: Counted, used: u64) {
        if counted == Counted::EventTickets {
            self.quota.observe(used);
        }
    }
}

/// What the database keeps of a ticket: who reads the rows cannot use them.
fn hash(ticket: &str) -> String {
    Digest::of(ticket.as_bytes()).to_string()
}
