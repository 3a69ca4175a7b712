//! A proxy that loses an answer: it hangs up on the first client as soon as the server has begun to respond.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Lossy {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Lossy {
    /// A proxy in front of the server at `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let Ok((mut client, _)) = listener.accept().await else { break };
                let Ok(mut server) = TcpStream::connect(&server).await else { break };
                tokio::spawn(async move {
                    if number > 0 {
                        return tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ());
                    }
                    let (mut requests, _kept) = client.split();
                    let (mut answers, mut to_server) = server.split();
                    let answered = async { answers.read_u8().await };
                    tokio::select! {
                        answered = answered => answered.map(|_| ()),
                        sent = tokio::io::copy(&mut requests, &mut to_server) => sent.map(|_| ()),
                    }
                });
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
