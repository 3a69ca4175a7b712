//! Clients that do not behave: raw sockets.

use std::{net::SocketAddr, time::Duration};

use leno_testkit::{Client, Server};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The address of a server.
pub(crate) fn address(server: &Server) -> SocketAddr {
    server.url().trim_start_matches("http://").parse().expect("the URL is an address")
}

/// A connection from a loopback address of its own, 127.0.0.`last`; nothing is sent on it.
pub(crate) async fn connect(to: SocketAddr, last: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0)))?;
    socket.connect(to).await
}

/// The head of a POST request with a JSON body of `length` bytes.
pub(crate) fn head(client: &Client, path: &str, length: usize) -> String {
    let token = client.token();
    format!(
        "POST {path} HTTP/1.1\r\nhost: leno\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Sends bytes and reads the answer until its end or the connection's: the status, and the body as JSON.
pub(crate) async fn ask(stream: &mut TcpStream, bytes: &[u8]) -> anyhow::Result<(u16, Value)> {
    // The answer may come before all of it is taken.
    let _ = stream.write_all(bytes).await;
    answer(stream).await
}

/// Reads an answer.
pub(crate) async fn answer(stream: &mut TcpStream) -> anyhow::Result<(u16, Value)> {
    let mut text = Vec::new();
    let read = async {
        loop {
            if stream.read_buf(&mut text).await.unwrap_or_default() == 0 {
                break;
            }
            if let Some(body) = body(&text) {
                return Ok(body);
            }
        }
        anyhow::bail!("no answer: {}", String::from_utf8_lossy(&text))
    };
    tokio::time::timeout(PATIENCE, read).await?
}

/// The status and the body of an answer that is there as a whole.
fn body(text: &[u8]) -> Option<(u16, Value)> {
    let text = std::str::from_utf8(text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let body = body.get(..length?)?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}
