//! Listeners that must not be connected to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Listens on a loopback port and counts connections; it closes each at once.
#[derive(Debug)]
pub struct Trap {
    /// Its address.
    pub address: SocketAddr,
    connects: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Trap {
    /// Listens on a free port of `address`, `127.0.0.1` or `::1` for example.
    ///
    /// # Errors
    /// When the address is not this machine's.
    pub async fn on(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let connects = Arc::new(AtomicUsize::new(0));
        let count = connects.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                // Counted before the connection ends, for those who wait for the end.
                drop(stream);
            }
        });
        Ok(Self { address, connects, accepting })
    }

    /// Connections so far.
    ///
    /// A connection attempt is complete for the client before this listener hears of it, so the count is read after a
    /// connection of our own has come through: what was there before has then been counted.
    ///
    /// # Panics
    /// When this machine cannot connect to itself.
    pub async fn connects(&self) -> usize {
        let before = self.connects.load(Ordering::SeqCst);
        let own = tokio::net::TcpStream::connect(self.address).await.expect("loopback takes connections");
        let mut byte = [0];
        let _ = tokio::io::AsyncReadExt::read(&mut { own }, &mut byte).await;
        let after = self.connects.fetch_sub(1, Ordering::SeqCst) - 1;
        debug_assert!(after >= before, "counts only grow");
        after
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_counted_and_our_own_is_not() {
        let trap = Trap::on("127.0.0.1").await.unwrap();
        assert_eq!(trap.connects().await, 0);
        let stranger = tokio::net::TcpStream::connect(trap.address).await.unwrap();
        assert_eq!(trap.connects().await, 1);
        drop(stranger);
        assert_eq!(trap.connects().await, 1);
    }
}
