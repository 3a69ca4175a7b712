//! Connections: accepting them, serving HTTP/1.1 on them, and letting them end.
//!
//! A slow client holds no more than a task and a socket, and not for long: the head of a request, each part of its
//! body, and each part of the response have time limits. There is a limited number of connections, of all and of each peer;
//! an idle one makes room for a new one.

mod body;
mod crowd;
mod held;
mod writes;

use std::{future::Future, io, net::IpAddr, pin::Pin, time::Duration};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use leno_base::budget::{Exhausted, Per};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

pub(crate) use self::crowd::Crowd;
use self::{
    body::Timely,
    crowd::{Peer, Seat},
    held::Held,
    writes::TimelyWrites,
};

/// How long the head of a request may take, and how long a connection may lie idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes: room for the longest access token and as much again.
const MAX_HEAD: usize = 64 << 10;
/// How long to wait after the first failure to accept, most likely for lack of file descriptors. It doubles with each further
/// one.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it doubles: to 1.3 s.
const DOUBLINGS: u32 = 7;

/// Serves `router` on the connections of `listener` until `stop`, as many at once as there is room for in `crowd`. Returns a
/// future that completes when every connection has ended; they accept no further requests.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    crowd: Crowd,
    stop: impl Future<Output = ()>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    let mut failures = 0_u32;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                failures = 0;
                match crowd.admit(Peer::of(address.ip())) {
                    Ok(seat) => connect(stream, address.ip(), router.clone(), seat, &graceful),
                    Err(refusal) => refuse(stream, &refusal),
                }
            }
            // The client went away before it was its turn.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "a connection could not be accepted");
                }
                // Its descriptor may be what is missing.
                crowd.shed();
                tokio::time::sleep(PAUSE * 2_u32.pow((failures - 1).min(DOUBLINGS))).await;
            }
        }
    }
    drop(listener);
    Box::pin(graceful.shutdown())
}

fn connect(stream: TcpStream, address: IpAddr, router: Router, seat: Seat, graceful: &GracefulShutdown) {
    // Responses are written as a whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let requests = seat.service();
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut router, busy, mut request) = (router.clone(), requests.begin(), request);
        request.extensions_mut().insert(super::ring::Peer(address));
        async move {
            let response = router.call(request.map(timely)).await?;
            Ok::<_, std::convert::Infallible>(response.map(|body| Held::new(body, busy)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(TimelyWrites::new(stream)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = seat.dismissed() => {}
            ended = connection => {
                if let Err(error) = ended {
                    // Broken clients are no fault of this host.
                    tracing::debug!(%error, "a connection ended early");
                }
            }
        }
    });
}

/// Tells a client why it is not served, if that can be done at once.
fn refuse(stream: TcpStream, refusal: &Exhausted) {
    let status = match refusal.spec.per {
        Per::Peer => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let seconds = refusal.retry_after.map_or(1, |wait| wait.as_secs().max(1));
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": refusal.to_string(),
        "error": "Too many connections",
        "code": "budget_exhausted",
        "details": {"budget": refusal.spec.name(), "per": refusal.spec.per.as_str(), "limit": refusal.limit},
    })
    .to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nretry-after: {seconds}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A client that does not even take these bytes gets none. The stream does not block.
    if let Ok(mut stream) = stream.into_std() {
        let _ = io::Write::write(&mut stream, answer.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        // What the client has sent is read: else the kernel resets the connection, and takes the answer with it.
        let _ = io::Read::read(&mut stream, &mut [0; 4096]);
    }
}

fn timely(body: Incoming) -> Body {
    match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Timely::new(body)),
    }
}
