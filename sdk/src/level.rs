//! The severity of log records.

/// The severity of a log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author of the piece.
    Debug,
    /// Something was done.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something failed.
    Error,
}
