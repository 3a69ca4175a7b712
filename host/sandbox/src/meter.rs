//! CPU time of a call, by the thread clock.
//!
//! A call moves between threads, but only between polls. So its CPU time is the sum over its polls of what the thread
//! clock advanced: exact, whatever else runs on the machine, and two system calls a poll instead of a hook on every
//! crossing between guest and host.
//!
//! A small call ends before the first tick of the epoch. Until then the monotonic clock is used instead, which needs no
//! system call: for at most a tick, a call may be charged for time that its thread waited for a core.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::engine::TICK;

/// The running total of one call. Only the thread that polls the call touches it; atomics make it shareable.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    /// Where the monotonic clock starts.
    origin: Instant,
    /// Whether the thread clock is used.
    exact: AtomicBool,
    /// Nanoseconds of the polls that ended.
    ended: AtomicU64,
    /// The clock at the start of the present poll.
    begun: AtomicU64,
}

impl CpuMeter {
    /// A meter of a call that begins now.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), exact: false.into(), ended: 0.into(), begun: 0.into() }
    }

    /// The epoch has ticked: CPU time so far. To be called from within the metered future.
    pub(crate) fn tick(&self) -> Duration {
        if !self.exact.load(Ordering::Relaxed) {
            // Two ticks, as the thread may have waited for a core: a call must not end for what others used.
            self.charge(u64::try_from(2 * TICK.as_nanos()).unwrap_or(u64::MAX));
            self.exact.store(true, Ordering::Relaxed);
            self.begin();
        }
        Duration::from_nanos(self.ended.load(Ordering::Relaxed) + self.since_begun())
    }

    /// CPU time of the polls that ended. To be called from outside the metered future.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.ended.load(Ordering::Relaxed))
    }

    fn begin(&self) {
        self.begun.store(self.now(), Ordering::Relaxed);
    }

    /// Adds what the clock advanced since [`Self::begin`], but no more than `most`.
    fn charge(&self, most: u64) {
        self.ended.fetch_add(self.since_begun().min(most), Ordering::Relaxed);
    }

    fn since_begun(&self) -> u64 {
        self.now().saturating_sub(self.begun.load(Ordering::Relaxed))
    }

    fn now(&self) -> u64 {
        if !self.exact.load(Ordering::Relaxed) {
            return u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
        let now = clock_gettime(ClockId::ThreadCPUTime);
        u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
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
        self.meter.begin();
        let answer = Pin::new(&mut self.inner).poll(cx);
        self.meter.charge(u64::MAX);
        answer
    }
}
