//! What the host counts of calls.

use leno_metadata::PieceName;
use leno_sandbox::Usage;

/// Notified of calls, for the metrics of the host. Methods return at once.
pub trait Observer: Send + Sync {
    /// A call ended, with `outcome` from the closed set of [`Report::outcome`](leno_sandbox::Report::outcome) or because its caller was dropped.
    fn called(&self, piece: &PieceName, outcome: &'static str, usage: &Usage);
    /// A piece saw the value of its connection.
    fn revealed(&self, piece: &PieceName);
    /// A host function refused a request of a piece.
    fn denied(&self, piece: &PieceName, function: &'static str);
}
