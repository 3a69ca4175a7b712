//! One function per kind of response; the paths are listed in the parent module.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{gzip, received::Received, shared::Shared};

const CHUNK: usize = 64 << 10;
/// Between two bytes of `/drip`.
const DRIP: Duration = Duration::from_secs(1);

type Stream = BufReader<TcpStream>;

/// Responds to `received`. Returns whether the connection can take another request.
pub(super) async fn answer(stream: &mut Stream, received: &Received, shared: &Shared) -> std::io::Result<bool> {
    let target = received.target.as_str();
    let (path, rest) = target.split_once('?').unwrap_or((target, ""));
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (what, argument) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let number = argument.parse::<usize>().unwrap_or_default();
    match what {
        "mirror" => {
            let kind = received.header("content-type").unwrap_or("application/octet-stream");
            respond(stream, 200, &[("content-type", kind)], &received.body).await
        }
        "text" => respond(stream, 200, &[], argument.as_bytes()).await,
        "status" => respond(stream, argument.parse().unwrap_or(500), &[], b"").await,
        "redirect" => respond(stream, argument.parse().unwrap_or(302), &[("location", rest)], b"").await,
        "loop" => respond(stream, 302, &[("location", target)], b"").await,
        "hold" => hold(stream, shared).await,
        "never" => wait_for_hangup(stream).await,
        "drip" => drip(stream).await,
        "continue" => repeat(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n").await,
        "hints" => repeat(stream, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n").await,
        "bytes" => bytes(stream, number).await,
        "endless" => endless(stream).await,
        "gzip" => compressed(stream, number).await,
        "headers" => headers(stream, number).await,
        "header" => respond(stream, 200, &[("x-long", &"v".repeat(number))], b"").await,
        "short" => short(stream).await,
        "garbage" => write(stream, b"\x16\x03\x01 this is not HTTP\r\n\r\n").await.map(|()| false),
        _ => respond(stream, 200, &[("content-type", "application/json")], echo(received).to_string().as_bytes()).await,
    }
}

fn echo(received: &Received) -> Value {
    let headers: Map<String, Value> =
        received.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let body = String::from_utf8_lossy(&received.body);
    json!({ "method": received.method, "target": received.target, "headers": headers, "body": body })
}

/// Writes `bytes`, then lets other tasks have their turn: those who measure share the threads with those who flood.
async fn write(stream: &mut Stream, bytes: &[u8]) -> std::io::Result<()> {
    stream.get_mut().write_all(bytes).await?;
    tokio::task::yield_now().await;
    Ok(())
}

async fn respond(stream: &mut Stream, status: u16, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<bool> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} Scripted\r\n{headers}content-length: {}\r\n\r\n", body.len());
    write(stream, &[head.as_bytes(), body].concat()).await?;
    Ok(true)
}

async fn hold(stream: &mut Stream, shared: &Shared) -> std::io::Result<bool> {
    let mut released = shared.released.subscribe();
    released.borrow_and_update();
    shared.held.send_modify(|held| *held += 1);
    let hung_up = tokio::select! {
        _ = released.changed() => false,
        _ = wait_for_hangup(stream) => true,
    };
    shared.held.send_modify(|held| *held -= 1);
    if hung_up { Ok(false) } else { respond(stream, 200, &[], b"{}").await }
}

/// Reads until the client hangs up.
async fn wait_for_hangup(stream: &mut Stream) -> std::io::Result<bool> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {}
    Ok(false)
}

async fn drip(stream: &mut Stream) -> std::io::Result<bool> {
    write(stream, b"HTTP/1.1 200 Scripted\r\ncontent-length: 3600\r\n\r\n").await?;
    let mut clock = tokio::time::interval(DRIP);
    loop {
        tokio::select! {
            hung_up = wait_for_hangup(stream) => return hung_up,
            _ = clock.tick() => {}
        }
        write(stream, b".").await?;
    }
}

/// Writes `first`, then `again` until the client hangs up.
async fn repeat(stream: &mut Stream, first: &[u8], again: &[u8]) -> std::io::Result<bool> {
    write(stream, first).await?;
    let many = again.repeat(CHUNK.div_ceil(again.len()));
    loop {
        write(stream, &many).await?;
    }
}

async fn bytes(stream: &mut Stream, count: usize) -> std::io::Result<bool> {
    write(stream, format!("HTTP/1.1 200 Scripted\r\ncontent-length: {count}\r\n\r\n").as_bytes()).await?;
    let chunk = vec![b'0'; CHUNK];
    let mut left = count;
    while left > 0 {
        let now = left.min(CHUNK);
        write(stream, &chunk[..now]).await?;
        left -= now;
    }
    Ok(true)
}

async fn endless(stream: &mut Stream) -> std::io::Result<bool> {
    let chunk = [format!("{CHUNK:x}\r\n").as_bytes(), &vec![b'0'; CHUNK], b"\r\n"].concat();
    repeat(stream, b"HTTP/1.1 200 Scripted\r\ntransfer-encoding: chunked\r\n\r\n", &chunk).await
}

async fn compressed(stream: &mut Stream, count: usize) -> std::io::Result<bool> {
    write(stream, b"HTTP/1.1 200 Scripted\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n").await?;
    let mut zeros = gzip::Zeros::new(count);
    while let Some(chunk) = zeros.next_chunk(CHUNK) {
        write(stream, &chunk).await?;
    }
    Ok(false)
}

async fn headers(stream: &mut Stream, count: usize) -> std::io::Result<bool> {
    let headers: String = (0..count).map(|index| format!("x-{index}: v\r\n")).collect();
    write(stream, format!("HTTP/1.1 200 Scripted\r\n{headers}content-length: 0\r\n\r\n").as_bytes()).await?;
    Ok(true)
}

async fn short(stream: &mut Stream) -> std::io::Result<bool> {
    write(stream, b"HTTP/1.1 200 Scripted\r\ncontent-length: 1000\r\n\r\n0123456789").await?;
    Ok(false)
}
