//! A log record, as the fake host keeps it.

use crate::level::Level;

/// A record that the piece has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its severity.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Names and values of the fields.
    pub fields: Vec<(String, String)>,
}
