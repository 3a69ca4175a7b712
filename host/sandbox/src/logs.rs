//! The log of a call: bounded, and safe to print.

use leno_base::{TenantId, budget::OwnedShare};
use serde::Serialize;

use crate::{Limits, mask::Mask};

/// The level of a record: the WIT's `level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the author.
    Debug,
    /// Normal.
    Info,
    /// Unexpected, without a failure.
    Warn,
    /// Failed.
    Error,
}

/// One log record of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The level.
    pub level: Level,
    /// One line: control characters are escaped, secrets masked.
    pub message: String,
    /// Named values, escaped and masked likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// Longest message or field value kept, in bytes. A longer one is cut, with a mark.
const TEXT: usize = 8 << 10;
/// Most fields of one record.
const FIELDS: usize = 32;

/// Collects the records of one call within its limits.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
}

impl Logs {
    /// Adds one record, or counts it as dropped: beyond the limits, or when the host has no room for it in `held`. Returns
    /// the record if it was kept.
    pub(crate) fn push(
        &mut self,
        limits: &Limits,
        level: Level,
        message: &str,
        fields: &[(String, String)],
        mask: &Mask,
        held: &mut OwnedShare<Option<TenantId>>,
    ) -> Option<&LogLine> {
        if self.lines.len() >= limits.log_lines || self.bytes >= limits.log_bytes {
            self.dropped += 1;
            return None;
        }
        let room = limits.log_bytes - self.bytes;
        let clean = |text: &str| mask.line(text, TEXT.min(room));
        let line = LogLine {
            level,
            message: clean(message),
            fields: fields.iter().take(FIELDS).map(|(name, text)| (clean(name), clean(text))).collect(),
        };
        let bytes = line.message.len() + line.fields.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>();
        let room = bytes + size_of::<LogLine>() + line.fields.len() * size_of::<(String, String)>();
        if held.grow(room as u64).is_err() {
            self.dropped += 1;
            return None;
        }
        self.bytes += bytes;
        self.lines.push(line);
        self.lines.last()
    }

    pub(crate) fn finish(self) -> (Vec<LogLine>, u64) {
        (self.lines, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use leno_base::budget::{Budget, Each};

    use super::*;

    fn room() -> OwnedShare<Option<TenantId>> {
        Each::shared(Budget::of(&crate::budgets::OUTPUT)).none(None)
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let (limits, mut logs) = (Limits::default(), Logs::default());
        let text = "x".repeat(1 << 20);
        for _ in 0..10_000 {
            logs.push(&limits, Level::Info, &text, &[("field".into(), text.clone())], &Mask::default(), &mut room());
        }
        let (lines, dropped) = logs.finish();
        let bytes: usize = lines.iter().map(|line| line.message.len() + line.fields[0].1.len()).sum();
        assert!(bytes <= limits.log_bytes + 4 * TEXT, "{bytes}");
        assert_eq!(lines.len() as u64 + dropped, 10_000);
    }

    #[test]
    fn a_record_stays_one_line_and_cannot_steer_a_terminal() {
        let (limits, mut logs) = (Limits::default(), Logs::default());
        logs.push(
            &limits,
            Level::Info,
            "a\r\n{\"level\":\"error\"}\u{1b}[2J\u{9b}31m\u{2028}b",
            &[],
            &Mask::default(),
            &mut room(),
        );
        let (lines, _) = logs.finish();
        assert_eq!(lines[0].message, "a\\r\\n{\"level\":\"error\"}\\u{1b}[2J\\u{9b}31m\\u{2028}b");
    }
}
