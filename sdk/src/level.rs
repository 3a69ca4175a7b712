//! How much a log record matters.

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author.
    Debug,
    /// What was done.
    Info,
    /// What may be wrong.
    Warn,
    /// What went wrong.
    Error,
}
