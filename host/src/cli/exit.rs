//! How a command ends.

/// The command ran, and its result is negative: a piece failed, a lock does not match.
pub(super) const NO: u8 = 1;
/// The command could not be done.
pub(super) const ERROR: u8 = 2;

/// Runs the future of a command that is over soon.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
