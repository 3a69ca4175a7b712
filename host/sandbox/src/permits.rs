//! How many calls run at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use leno_base::micros;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Failure;

/// A bounded number of places and a bounded queue before them.
pub(crate) struct Gate {
    /// The gate's name, for messages.
    what: String,
    places: Arc<Semaphore>,
    size: usize,
    waiting: AtomicUsize,
    wait: Duration,
    /// Moving average of how long a place is held, in microseconds: the hint for "try again".
    held_micros: AtomicU64,
}

impl Gate {
    /// `size` places, and as many callers that wait for at most `wait`.
    pub(crate) fn new(what: String, size: usize, wait: Duration) -> Self {
        Self {
            what,
            places: Arc::new(Semaphore::new(size)),
            size,
            waiting: AtomicUsize::new(0),
            wait,
            held_micros: AtomicU64::new(10_000),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Failure::Overloaded`] when the queue is full or the wait was in vain.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _queued = self.queue().ok_or_else(|| self.overloaded())?;
        match tokio::time::timeout(self.wait, self.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.overloaded()),
        }
    }

    /// Records how long a permit was held.
    pub(crate) fn left(&self, held: Duration) {
        let held = micros(held);
        let average = self.held_micros.load(Ordering::Relaxed);
        self.held_micros.store(average - average / 8 + held / 8, Ordering::Relaxed);
    }

    /// Places taken.
    pub(crate) fn taken(&self) -> usize {
        self.size - self.places.available_permits()
    }

    fn queue(&self) -> Option<Queued<'_>> {
        let queued = Queued(&self.waiting);
        (self.waiting.fetch_add(1, Ordering::Relaxed) < self.size).then_some(queued)
    }

    fn overloaded(&self) -> Failure {
        let hint = Duration::from_micros(self.held_micros.load(Ordering::Relaxed));
        let retry_after = hint.clamp(Duration::from_millis(50), Duration::from_secs(10));
        Failure::Overloaded { what: self.what.clone(), retry_after }
    }
}

/// One caller in the queue; leaves it on drop, also when the caller is dropped.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_gate_says_when_to_come_back_and_never_waits_for_long() {
        let gate = Gate::new("piece `slow`".into(), 1, Duration::from_millis(50));
        let held = gate.enter().await.unwrap();
        let begun = std::time::Instant::now();
        let (first, second) = tokio::join!(gate.enter(), gate.enter());
        assert!(begun.elapsed() < Duration::from_secs(10));
        for refused in [first, second] {
            let failure = refused.err().unwrap();
            assert!(failure.to_string().starts_with("piece `slow` is busy; try again in "), "{failure}");
        }
        drop(held);
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }
}
