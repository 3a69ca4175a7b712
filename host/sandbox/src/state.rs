//! The store data of one call.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leno_base::{
    Clock, TenantId,
    budget::{Budget, Exhausted, OwnedShare},
};
use leno_egress::Meter;
use leno_metadata::{ErrorKind, PieceError};
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::{Capabilities, HostCall, Limits, Usage, credential::Door, logs::Logs, mask::Mask, stderr::Stderr};

/// The longest reason of a refusal in the log, in bytes.
const REASON: usize = 500;
/// The most random bytes that a guest gets by one call.
const MOST_RANDOM: u64 = 64 << 10;

/// Everything that a running guest can touch, and the accounts of what it used.
pub(crate) struct CallState {
    /// Made when the guest first needs it: many calls do not.
    pub(crate) wasi: Option<Box<WasiCtx>>,
    pub(crate) table: ResourceTable,
    pub(crate) stderr: Stderr,
    pub(crate) memory: MemoryAccount,
    pub(crate) limits: Arc<Limits>,
    /// `None` during `describe`, when nothing can be reached.
    pub(crate) reach: Option<Reach>,
    pub(crate) mask: Arc<Mask>,
    pub(crate) logs: Logs,
    /// What the host keeps of the call until its response is written: output and logs.
    pub(crate) held: OwnedShare<Option<TenantId>>,
    pub(crate) usage: Usage,
    pub(crate) store_operations: u32,
    /// Requests that host functions refused.
    pub(crate) denials: u64,
    pub(crate) may_be_denied: Arc<Budget>,
    pub(crate) trace: Option<Vec<HostCall>>,
    pub(crate) deadline: Instant,
}

/// What a guest can get at outside of its sandbox.
pub(crate) struct Reach {
    pub(crate) capabilities: Capabilities,
    pub(crate) door: Door,
    /// Counts all requests of the call, within its limits.
    pub(crate) meter: Arc<Meter>,
}

impl CallState {
    /// What can be reached; an error while the component runs `describe`.
    pub(crate) fn reach(&mut self) -> Result<&mut Reach, PieceError> {
        self.reach.as_mut().ok_or_else(|| PieceError::denied("not-in-describe", "`describe` must not call the host"))
    }

    /// The capabilities, if there are any.
    pub(crate) fn capabilities(&self) -> Option<&Capabilities> {
        self.reach.as_ref().map(|reach| &reach.capabilities)
    }

    /// Begins a host call: counts it.
    pub(crate) fn begin(&mut self) -> Instant {
        self.usage.host_calls = self.usage.host_calls.saturating_add(1);
        Instant::now()
    }

    /// Ends a host call: audits and counts a refusal, and keeps it for the trace.
    ///
    /// # Errors
    /// [`Denied`]: this refusal is one too many, and ends the call.
    pub(crate) fn end<T>(
        &mut self,
        begun: Instant,
        function: &'static str,
        subject: &str,
        result: &Result<T, PieceError>,
    ) -> wasmtime::Result<()> {
        let mut ended = Ok(());
        if let Err(error) = result
            && error.kind == ErrorKind::Denied
        {
            self.denials += 1;
            ended = self.may_be_denied.allows(self.denials).map_err(Denied);
            if let Some(audit) = self.capabilities().and_then(|capabilities| capabilities.audit.as_deref()) {
                // A message may repeat what the piece sent.
                audit.denied(function, &self.mask.line(&error.message, REASON));
            }
        }
        if let Some(trace) = &mut self.trace {
            let subject = self.mask.line(subject, 200);
            let result = result.as_ref().map_or_else(|error| error.code.clone(), |_| "ok".to_owned());
            let micros = leno_base::micros(begun.elapsed());
            trace.push(HostCall { function, subject, result, micros });
        }
        Ok(ended?)
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Self { wasi, table, stderr, reach, .. } = self;
        let ctx = wasi.get_or_insert_with(|| {
            let mut wasi = WasiCtx::builder();
            wasi.stderr(stderr.clone()).max_random_size(MOST_RANDOM);
            if let Some(clock) = reach.as_ref().and_then(|reach| reach.capabilities.clock.clone()) {
                wasi.wall_clock(WallClock(clock));
            }
            Box::new(wasi.build())
        });
        WasiCtxView { ctx, table }
    }
}

/// The embedder's clock as WASI's.
struct WallClock(Arc<dyn Clock>);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.0.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }
}

/// Ends a call that needs its connection when it cannot be resolved: the functions in question cannot return an error,
/// and an empty value would be misleading.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(crate) struct Unusable(pub(crate) PieceError);

/// Ends a call that host functions refused too often.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Denied(pub(crate) Exhausted);

/// Memory and tables of all of the component's instances together. `wasmtime::StoreLimits` checks each memory alone, so
/// a component with many of them would multiply its limit.
#[derive(Debug)]
pub(crate) struct MemoryAccount {
    limit: u64,
    table_limit: usize,
    used: u64,
    peak: u64,
    table_used: usize,
    /// The growth that was refused: the abort that follows is `memory_limit`, not a bare trap.
    pub(crate) refused: Option<u64>,
    /// What the call has of the memory of all guests.
    share: OwnedShare<Option<TenantId>>,
    /// The growth that the host had no room for: the abort that follows is `overloaded`.
    pub(crate) crowded: Option<Exhausted>,
}

impl MemoryAccount {
    /// An account within `limits`, which draws from `share`.
    pub(crate) fn new(limits: &Limits, share: OwnedShare<Option<TenantId>>) -> Self {
        Self {
            limit: limits.memory,
            table_limit: limits.table_elements,
            used: 0,
            peak: 0,
            table_used: 0,
            refused: None,
            share,
            crowded: None,
        }
    }

    /// The most bytes held at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }
}

/// Bytes of one table element on a 64-bit host.
const TABLE_ELEMENT: u64 = 8;

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used + (desired as u64).saturating_sub(current as u64);
        if wanted > self.limit {
            self.refused = Some(wanted);
            return Ok(false);
        }
        if let Err(exhausted) = self.share.grow(wanted - self.used) {
            self.crowded = Some(exhausted);
            return Ok(false);
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted + self.table_used as u64 * TABLE_ELEMENT);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_used.saturating_add(desired.saturating_sub(current));
        if wanted > self.table_limit {
            self.refused = Some(self.used + wanted as u64 * TABLE_ELEMENT);
            return Ok(false);
        }
        self.table_used = wanted;
        self.peak = self.peak.max(self.used + wanted as u64 * TABLE_ELEMENT);
        Ok(true)
    }
}
