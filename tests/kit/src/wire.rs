//! A wire to a server that can be cut: what is sent then is lost, and so is every connection.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A wire from a port of this machine to a server. Dropping it cuts it for ever.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// A wire to the server at `to`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn to(to: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, (whole, watch)) = (listener.local_addr()?, watch::channel(true));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut watch = watch.clone();
                // Without a server behind it, the client sees a connection that ends.
                tokio::spawn(async move {
                    if !*watch.borrow_and_update() {
                        return;
                    }
                    tokio::select! {
                        _ = carry(client, to) => {}
                        _ = watch.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Ok(Self { address, whole, accepting })
    }

    /// Where it begins.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection, and each new one at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_until_it_is_cut_and_again_when_it_is_mended() {
        let echo = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Wire::to(echo.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut one, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = one.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        let ask = async |wire: &Wire| {
            let mut client = TcpStream::connect(wire.address()).await?;
            client.write_all(b"a").await?;
            let mut byte = [0];
            client.read_exact(&mut byte).await.map(|_| client)
        };
        let mut open = ask(&wire).await.unwrap();
        wire.cut();
        assert_eq!(open.read(&mut [0]).await.unwrap_or_default(), 0);
        assert!(ask(&wire).await.is_err());
        wire.mend();
        ask(&wire).await.unwrap();
    }
}
