//! CPU time of a call, by the thread clock.
//!
//! A call moves between threads, but only between polls. So its CPU time is the sum over its polls of what the thread
//! clock advanced: exact, whatever else runs on the machine, and two system calls a poll instead of a hook on every
//! crossing between guest and host.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// The running total of one call. Only the thread that polls the call touches it; atomics make it shareable.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    /// Nanoseconds of the polls that ended.
    ended: AtomicU64,
    /// The thread clock at the start of the present poll.
    begun: AtomicU64,
}

fn thread_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

impl CpuMeter {
    /// CPU time so far. To be called from within the metered future.
    pub(crate) fn running(&self) -> Duration {
        let now = thread_nanos();
        Duration::from_nanos(
            self.ended.load(Ordering::Relaxed) + now.saturating_sub(self.begun.load(Ordering::Relaxed)),
        )
    }

    /// CPU time of the polls that ended. To be called from outside the metered future.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.ended.load(Ordering::Relaxed))
    }
}

/// A future whose polls are charged to a [`CpuMeter`].
pub(crate) struct Metered<F> {
    inner: F,
    meter: Arc<CpuMeter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(inner: F, meter: Arc<CpuMeter>) -> Self {
        Self { inner, meter }
    }
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let begun = thread_nanos();
        self.meter.begun.store(begun, Ordering::Relaxed);
        let answer = Pin::new(&mut self.inner).poll(cx);
        self.meter.ended.fetch_add(thread_nanos().saturating_sub(begun), Ordering::Relaxed);
        answer
    }
}
