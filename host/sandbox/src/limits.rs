//! The budget of one call.

use std::time::Duration;

/// What one call may use. Every field is a cap, enforced by the host, whatever the guest does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of the whole call, host waits included.
    pub wall: Duration,
    /// CPU time of the call: guest code and the host functions it calls.
    pub cpu: Duration,
    /// Bytes of linear memory, over all memories of the component together.
    pub memory: u64,
    /// Elements over all tables together. A JavaScript guest needs close to 100,000.
    pub table_elements: usize,
    /// Bytes of JSON that the piece returns.
    pub output: usize,
    /// Bytes of JSON that the caller passes.
    pub input: usize,
    /// Bytes that one host call, or the result, may copy out of the guest, as wasmtime counts them.
    pub transfer: usize,
    /// Live resource handles.
    pub handles: usize,
    /// Log records kept; the rest is counted.
    pub log_lines: usize,
    /// Bytes of log text kept over all records.
    pub log_bytes: usize,
    /// `http` requests of the call.
    pub http_requests: u32,
    /// Bytes of one request body.
    pub http_request_body: usize,
    /// Bytes of one response body, decompressed.
    pub http_response_body: usize,
    /// Bytes that all responses of the call may bring in together.
    pub http_bytes_in: u64,
    /// Longest one `http` request may take.
    pub http_wall: Duration,
    /// `store` operations of the call.
    pub store_operations: u32,
    /// Longest one store operation may take.
    pub store_wall: Duration,
}

impl Limits {
    /// The limits of `describe`, which only returns a document: no waiting, no requests, little memory.
    #[must_use]
    pub fn describe() -> Self {
        Self {
            wall: Duration::from_secs(5),
            cpu: Duration::from_secs(2),
            output: 1 << 20,
            transfer: 4 << 20,
            log_lines: 0,
            log_bytes: 0,
            http_requests: 0,
            store_operations: 0,
            ..Self::default()
        }
    }

    /// The largest value of one stored key, as in Activepieces (`AP_MAX_STORE_VALUE`: 512 KiB).
    pub const STORE_VALUE: usize = 512 << 10;
    /// The longest key, in characters, as in Activepieces.
    pub const STORE_KEY: usize = 128;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu: Duration::from_secs(5),
            // A JavaScript guest starts at about 20 MiB.
            memory: 64 << 20,
            table_elements: 100_000,
            output: 8 << 20,
            input: 8 << 20,
            transfer: 32 << 20,
            handles: 1_000,
            log_lines: 1_000,
            log_bytes: 256 << 10,
            http_requests: 100,
            http_request_body: 10 << 20,
            http_response_body: 25 << 20,
            http_bytes_in: 100 << 20,
            http_wall: Duration::from_secs(20),
            store_operations: 1_000,
            store_wall: Duration::from_secs(5),
        }
    }
}
