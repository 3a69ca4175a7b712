//! Threads for connections.
//!
//! A connection reads as fast as its server writes, and that work is charged to no call: endless interim responses (RFC
//! 9110, section 15.2) keep its task busy for most of a second at a time. So connections run on threads of their own;
//! the kernel divides the processors between these and the callers' threads.

use std::{future::poll_fn, io, pin::pin};

use tokio::runtime::{Builder, Runtime};

/// How many: more than one, so that a single server cannot keep all of them busy.
const THREADS: usize = 2;

/// The threads on which all connections of a client live. They end with it.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    pub(crate) fn new() -> io::Result<Self> {
        let threads =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("leno-egress").enable_all().build()?;
        Ok(Self(Some(threads)))
    }

    /// Runs `future` where it is, but puts the tasks that it spawns and the sockets that it opens on these threads.
    pub(crate) async fn host<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _entered = self.0.as_ref().map(Runtime::enter);
            future.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which asynchronous code must not.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}
