//! The limits of a call that an operator may set, and between which bounds.

use std::{ops::RangeInclusive, time::Duration};

use leno_sandbox::Limits;

/// One limit.
#[derive(Debug)]
pub(super) struct Limit {
    /// Its name in a grant.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) range: RangeInclusive<u64>,
    set: fn(&mut Limits, u64),
}

impl Limit {
    pub(super) fn set(&self, limits: &mut Limits, number: u64) {
        (self.set)(limits, number);
    }

    /// The expected value, for messages.
    pub(super) fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.range.start(), self.range.end())
    }
}

/// A day: longer than any call should take.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// MiB in a slot of the engine's memory pool.
const SLOT_MB: u64 = 128;
/// More than that does not fit into the piece's memory.
const SLOT: u64 = SLOT_MB << 20;
const MILLION: u64 = 1_000_000;

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Lets `bytes` pass the limit of one host call: wasmtime counts a multiple of them.
fn pass(limits: &mut Limits, bytes: usize) {
    limits.transfer = limits.transfer.max(bytes.saturating_mul(3));
}

const fn limit(name: &'static str, range: RangeInclusive<u64>, set: fn(&mut Limits, u64)) -> Limit {
    Limit { name, range, set }
}

pub(super) const WALL: Limit = limit("wall_ms", 1..=DAY_MS, |limits, ms| limits.wall = Duration::from_millis(ms));
pub(super) const CPU: Limit = limit("cpu_ms", 1..=DAY_MS, |limits, ms| limits.cpu = Duration::from_millis(ms));
pub(super) const MEMORY: Limit = limit("memory_mb", 1..=SLOT_MB, |limits, mb| limits.memory = mb << 20);

/// All of them.
pub(super) static ALL: &[Limit] = &[
    WALL,
    CPU,
    MEMORY,
    limit("input_bytes", 2..=SLOT, |limits, bytes| limits.input = size(bytes)),
    limit("output_bytes", 2..=SLOT, |limits, bytes| {
        limits.output = size(bytes);
        pass(limits, limits.output);
    }),
    limit("log_lines", 0..=MILLION, |limits, lines| limits.log_lines = size(lines)),
    limit("log_bytes", 0..=SLOT, |limits, bytes| limits.log_bytes = size(bytes)),
    limit("http_requests", 0..=MILLION, |limits, requests| limits.http_requests = count(requests)),
    limit("http_request_bytes", 0..=SLOT, |limits, bytes| {
        limits.http_request_body = size(bytes);
        pass(limits, limits.http_request_body);
    }),
    limit("http_response_bytes", 0..=SLOT, |limits, bytes| limits.http_response_body = size(bytes)),
    limit("http_bytes_in", 0..=1 << 40, |limits, bytes| limits.http_bytes_in = bytes),
    limit("http_wall_ms", 1..=DAY_MS, |limits, ms| limits.http_wall = Duration::from_millis(ms)),
    limit("store_operations", 0..=MILLION, |limits, operations| limits.store_operations = count(operations)),
    limit("store_wall_ms", 1..=DAY_MS, |limits, ms| limits.store_wall = Duration::from_millis(ms)),
];
