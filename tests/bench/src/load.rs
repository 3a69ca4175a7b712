//! HTTP load: keep-alive connections that send one request after another.
//!
//! Deliberately thin - a prepared request, a look at the status and the length - because it shares the cores with the
//! server it measures.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a load measured.
pub(crate) struct Measured {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Times of single requests.
    pub(crate) times: Vec<Duration>,
}

/// How long a server may take to listen.
pub(crate) const START: Duration = Duration::from_secs(10);

/// Connections at once.
const CONNECTIONS: usize = 16;

/// A POST of JSON.
pub(crate) fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET with one more header line.
pub(crate) fn get(path: &str, header: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n\r\n").into_bytes()
}

/// Sends `request` repeatedly for `time`. Any response but a good one fails the measurement.
pub(crate) async fn run(address: SocketAddr, request: &[u8], time: Duration) -> Result<Measured> {
    run_each(address, Arc::new(vec![request.to_vec()]), CONNECTIONS, time).await
}

/// Sends `requests` in turn, repeatedly, on so many connections, each starting at another one.
pub(crate) async fn run_each(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    connections: usize,
    time: Duration,
) -> Result<Measured> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            let (requests, first) = (requests.clone(), number * requests.len() / connections);
            tokio::spawn(async move { connection(address, &requests, first, begun + time).await })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Measured { rate: times.len() as f64 / begun.elapsed().as_secs_f64(), times })
}

/// Sends each of `requests` once, on so many connections.
pub(crate) async fn once(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize) -> Result<Measured> {
    let begun = Instant::now();
    let shares = requests.chunks(requests.len().div_ceil(connections).max(1));
    let tasks: Vec<_> = shares
        .map(|share| {
            let share = share.to_vec();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut buffer, mut times) = (Vec::new(), Vec::new());
                for request in share {
                    let begun = Instant::now();
                    stream.write_all(&request).await?;
                    answer(&mut stream, &mut buffer).await?;
                    times.push(begun.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Measured { rate: times.len() as f64 / begun.elapsed().as_secs_f64(), times })
}

/// Sends `request` `count` times.
pub(crate) async fn calls(address: SocketAddr, request: &[u8], count: usize) -> Result<()> {
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.to_vec();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                let mut buffer = Vec::new();
                for _ in 0..count.div_ceil(CONNECTIONS) {
                    stream.write_all(&request).await?;
                    answer(&mut stream, &mut buffer).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn connection(address: SocketAddr, requests: &[Vec<u8>], first: usize, until: Instant) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = Vec::with_capacity(8 << 10);
    for request in requests.iter().cycle().skip(first) {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        stream.write_all(request).await?;
        answer(&mut stream, &mut buffer).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Reads one complete response.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
            if !head.starts_with("HTTP/1.1 200") && !head.starts_with("HTTP/1.1 201") {
                let rest = String::from_utf8_lossy(buffer.get(end..).unwrap_or_default()).into_owned();
                bail!("the server answered {}{rest}", head.lines().next().unwrap_or_default());
            }
            let length: usize = head
                .lines()
                .find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")))
                .context("an answer without a length")?
                .1
                .trim()
                .parse()?;
            while buffer.len() < end + 4 + length {
                read(stream, buffer).await?;
            }
            return Ok(());
        }
        read(stream, buffer).await?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        bail!("the server closed the connection");
    }
    Ok(())
}

pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    url.trim()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .with_context(|| format!("`{url}` is no address"))
}
