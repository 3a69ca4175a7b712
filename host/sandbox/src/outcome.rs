//! The result of a call and its cost.

use std::{sync::Arc, time::Duration};

use leno_base::{
    TenantId,
    budget::{Exhausted, OwnedShare},
};
use leno_egress::Meter;
use leno_metadata::{ErrorKind, PieceError, Problems};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::LogLine;

/// Why a call has no output.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The piece returned an error.
    #[error("{}", .0.message)]
    Piece(PieceError),
    /// No such action, trigger or property.
    #[error("{0}")]
    Unknown(String),
    /// The input does not fit the declared properties.
    #[error("{0}")]
    InvalidProps(Problems),
    /// CPU budget used up.
    #[error("the piece used up its {} ms of CPU time; the host ended the call", .limit.as_millis())]
    CpuLimit {
        /// [`Limits::cpu`](crate::Limits::cpu).
        limit: Duration,
    },
    /// Wall time used up.
    #[error("the call took longer than its {} ms; the host ended it", .limit.as_millis())]
    Timeout {
        /// [`Limits::wall`](crate::Limits::wall).
        limit: Duration,
    },
    /// Memory budget used up.
    #[error("the piece requested {wanted} bytes of memory; its limit is {limit}")]
    MemoryLimit {
        /// [`Limits::memory`](crate::Limits::memory).
        limit: u64,
        /// What it would have had with the growth that was refused.
        wanted: u64,
    },
    /// The output is larger than allowed.
    #[error("the piece returned more than {limit} bytes")]
    OutputTooLarge {
        /// [`Limits::output`](crate::Limits::output).
        limit: usize,
    },
    /// One host call carried more data than allowed.
    #[error("the piece passed more than {limit} bytes to one host call")]
    HostCallTooLarge {
        /// [`Limits::transfer`](crate::Limits::transfer).
        limit: usize,
    },
    /// The output does not have the form that the interface requires.
    #[error("the piece returned invalid JSON: {reason}")]
    InvalidOutput {
        /// The problem and its place.
        reason: String,
    },
    /// Guest code trapped.
    #[error("{}", trap_text(.trap, .panic.as_deref()))]
    GuestTrap {
        /// wasmtime's description.
        trap: String,
        /// The end of the piece's stderr, such as the text of a Rust panic.
        panic: Option<String>,
    },
    /// No room for the call.
    #[error("{what} is busy: {exhausted}")]
    Overloaded {
        /// What is full: this host, or the piece.
        what: String,
        /// The budget that has no room, and when it is likely to have some.
        exhausted: Exhausted,
    },
    /// The piece went on after the host had refused many of its requests.
    #[error("the piece does not heed that its requests are refused: {0}; the call was ended")]
    TooManyDenials(Exhausted),
    /// The caller or the host ended it.
    #[error("the call was cancelled")]
    Cancelled,
    /// A fault of this host, not of the piece.
    #[error("the host failed: {0}")]
    Host(String),
}

fn trap_text(trap: &str, panic: Option<&str>) -> String {
    match panic {
        Some(panic) => format!("the piece crashed: {panic}"),
        None => format!("the piece crashed: {trap}"),
    }
}

impl Failure {
    /// Stable and machine-readable: the piece's own code, or the outcome's name.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Piece(error) => &error.code,
            other => other.outcome(),
        }
    }

    /// The outcome's name, from a closed set: safe as a metric label.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Piece(PieceError { kind: ErrorKind::Denied, .. }) => "denied",
            Self::Piece(_) => "piece_error",
            Self::Unknown(_) => "unknown",
            Self::InvalidProps(_) => "invalid_props",
            Self::CpuLimit { .. } => "cpu_limit",
            Self::Timeout { .. } => "timeout",
            Self::MemoryLimit { .. } => "memory_limit",
            Self::OutputTooLarge { .. } => "output_too_large",
            Self::HostCallTooLarge { .. } => "host_call_too_large",
            Self::InvalidOutput { .. } => "invalid_output",
            Self::GuestTrap { .. } => "guest_trap",
            Self::Overloaded { .. } => "overloaded",
            Self::TooManyDenials(_) => "too_many_denials",
            Self::Cancelled => "cancelled",
            Self::Host(_) => "host_error",
        }
    }

    /// What the caller may do about it, in the WIT's words.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Piece(error) => error.kind,
            Self::Unknown(_) => ErrorKind::NotFound,
            Self::InvalidProps(_) => ErrorKind::InvalidInput,
            Self::Timeout { .. } | Self::CpuLimit { .. } => ErrorKind::Timeout,
            Self::Overloaded { .. } => ErrorKind::RateLimited,
            Self::TooManyDenials(_) => ErrorKind::Denied,
            Self::Cancelled => ErrorKind::Unavailable,
            Self::MemoryLimit { .. }
            | Self::OutputTooLarge { .. }
            | Self::HostCallTooLarge { .. }
            | Self::InvalidOutput { .. }
            | Self::GuestTrap { .. }
            | Self::Host(_) => ErrorKind::Internal,
        }
    }

    /// Whether the guest's code is at fault: it broke, or used up a budget.
    #[must_use]
    pub fn is_guest_fault(&self) -> bool {
        matches!(
            self,
            Self::CpuLimit { .. }
                | Self::MemoryLimit { .. }
                | Self::OutputTooLarge { .. }
                | Self::HostCallTooLarge { .. }
                | Self::InvalidOutput { .. }
                | Self::GuestTrap { .. }
                | Self::TooManyDenials(_)
        )
    }
}

/// What a call cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// CPU time in microseconds: guest code and host functions.
    pub cpu_micros: u64,
    /// Wall time in microseconds.
    pub wall_micros: u64,
    /// Peak of the linear memories and tables together, in bytes.
    pub memory_bytes: u64,
    /// `http` requests, redirects included, and files fetched by URL.
    pub http_requests: u32,
    /// Bytes of HTTP bodies received, as they came over the wire after decompression.
    pub bytes_in: u64,
    /// Bytes of HTTP bodies sent.
    pub bytes_out: u64,
    /// Calls of `leno:piece` host functions.
    pub host_calls: u32,
}

impl Usage {
    /// The same with the figures of `meter`.
    pub(crate) fn with_traffic(self, meter: &Meter) -> Self {
        Self {
            http_requests: u32::try_from(meter.begun()).unwrap_or(u32::MAX),
            bytes_in: meter.received(),
            bytes_out: meter.sent(),
            ..self
        }
    }
}

/// One host call, as `leno run` and `leno-test` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostCall {
    /// Interface and function: `http.send`.
    pub function: &'static str,
    /// Its argument, shortened, secrets masked: `GET https://api.example.com/v1/me`.
    pub subject: String,
    /// `ok`, or the error's code.
    pub result: String,
    /// Microseconds it took.
    pub micros: u64,
}

/// The output of a call: one JSON value, checked, and kept as the text it came in. `null` where the interface returns
/// nothing (`validate`, `enable`, `disable`, `renew`), an array for `triggers.run` and `test`.
#[derive(Debug, Clone)]
pub struct Output(pub(crate) Box<RawValue>);

impl Output {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The text as a value that serializes to itself.
    #[must_use]
    pub fn into_raw(self) -> Box<RawValue> {
        self.0
    }

    /// The parsed value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // The text was parsed when it left the guest.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

/// Everything about one call that ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The output, or why there is none.
    pub result: Result<Output, Failure>,
    /// What the piece logged, oldest first, within [`Limits::log_lines`](crate::Limits::log_lines) and
    /// [`Limits::log_bytes`](crate::Limits::log_bytes).
    pub logs: Vec<LogLine>,
    /// Log records beyond those limits.
    pub logs_dropped: u64,
    /// What it cost.
    pub usage: Usage,
    /// Every host call, if [`CallOptions::trace`](crate::CallOptions) is set.
    pub host_calls: Vec<HostCall>,
    /// The room that output and logs have on this host. To be kept as long as they are.
    pub held: Held,
}

/// A part of the budget [`OUTPUT`](crate::budgets::OUTPUT). The last clone gives it back.
#[derive(Debug, Clone, Default)]
pub struct Held(Option<Arc<OwnedShare<Option<TenantId>>>>);

impl Held {
    pub(crate) fn new(share: OwnedShare<Option<TenantId>>) -> Self {
        Self(Some(Arc::new(share)))
    }

    /// How many bytes it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |share| share.amount())
    }
}

impl Report {
    /// A report of a call that never reached the guest.
    #[must_use]
    pub fn refused(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            logs: Vec::new(),
            logs_dropped: 0,
            usage: Usage::default(),
            host_calls: Vec::new(),
            held: Held::default(),
        }
    }

    /// The outcome's name: `ok` or [`Failure::outcome`].
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        self.result.as_ref().map_or_else(Failure::outcome, |_| "ok")
    }
}
