//! What requests have cost, for whom, and what they may cost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leno_base::TenantId;

/// On whose behalf a request is sent. What many share is divided between payers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Payer {
    /// The tenant; `None` for the host itself.
    pub tenant: Option<TenantId>,
    /// The piece, or what else of the host sends requests; empty when it does not matter.
    pub piece: Arc<str>,
}

impl Payer {
    /// A tenant, by a piece; or a tool, without a tenant.
    #[must_use]
    pub fn new(tenant: Option<TenantId>, piece: &str) -> Self {
        Self { tenant, piece: piece.into() }
    }
}

impl Default for Payer {
    /// The host itself.
    fn default() -> Self {
        Self::new(None, "")
    }
}

/// Counts the traffic of one request, or of all requests of a call, as it happens.
///
/// Bytes are those of the messages, not of the wire: method, URL, status, header names and values, and bodies as the
/// piece sees them, which is after decompression. Every redirect counts again.
///
/// A meter may have limits. Then all requests that share it together stay within them, however many are under way at
/// once: each draws chunk by chunk on what is left.
#[derive(Debug)]
pub struct Meter {
    payer: Payer,
    most: Limits,
    begun: AtomicU64,
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

#[derive(Debug)]
struct Limits {
    requests: u64,
    received: u64,
}

/// A limit of a [`Meter`] that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The number of requests, redirects included.
    Requests(u64),
    /// The bytes of responses.
    Received(u64),
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(limit) => write!(f, "one call may send {limit} requests, redirects included"),
            Self::Received(limit) => write!(f, "one call may receive {limit} bytes"),
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::of(Payer::default())
    }
}

impl Meter {
    /// A meter without limits.
    #[must_use]
    pub fn of(payer: Payer) -> Self {
        let most = Limits { requests: u64::MAX, received: u64::MAX };
        Self {
            payer,
            most,
            begun: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// The same, for at most `requests` requests that receive at most `received` bytes together.
    #[must_use]
    pub fn within(mut self, requests: u64, received: u64) -> Self {
        self.most = Limits { requests, received };
        self
    }

    /// Who pays.
    #[must_use]
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// Counts a request that is about to be sent, whatever comes of it. [`Client`](crate::Client) does so for those that
    /// follow by redirects; whoever enforces the limits does for the first.
    ///
    /// # Errors
    ///
    /// [`Spent`], when there was one too many before, or no byte may be received any more.
    pub fn begin(&self) -> Result<(), Spent> {
        let Limits { requests, received } = self.most;
        if self.received() >= received {
            return Err(Spent::Received(received));
        }
        add(&self.begun, 1, requests).map_err(|()| Spent::Requests(requests))
    }

    /// Requests that [`Meter::begin`] counted.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Requests sent, redirects included. A request counts from when it wants a connection, and no longer if it gets
    /// none.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of requests.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes of responses, never more than the limit.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn send(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Takes a [`Meter::send`] back: no connection came about.
    pub(crate) fn unsend(&self, bytes: usize) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
        self.sent.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that arrived. What exceeds the limit uses up the rest of it.
    pub(crate) fn receive(&self, bytes: usize) -> Result<(), Spent> {
        let most = self.most.received;
        add(&self.received, bytes as u64, most).map_err(|()| {
            self.received.fetch_max(most, Ordering::Relaxed);
            Spent::Received(most)
        })
    }

    /// Whether so many bytes could be received now.
    pub(crate) fn expects(&self, bytes: u64) -> Result<(), Spent> {
        let most = self.most.received;
        if bytes <= most.saturating_sub(self.received()) { Ok(()) } else { Err(Spent::Received(most)) }
    }
}

/// Adds, unless the sum would exceed `most`.
fn add(counter: &AtomicU64, more: u64, most: u64) -> Result<(), ()> {
    let sum = |now: u64| now.checked_add(more).filter(|sum| *sum <= most);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).map(drop).map_err(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_share_a_meter_stay_within_its_limits_together() {
        let meter = Meter::default().within(10, 1_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| while meter.receive(7).is_ok() && meter.begin().is_ok() {});
            }
        });
        assert_eq!(meter.begun(), 10);
        assert!(meter.received() <= 1_000);
        while meter.receive(7).is_ok() {}
        assert_eq!((meter.received(), meter.begin()), (1_000, Err(Spent::Received(1_000))));
    }
}
