//! Connections: accepting them, serving HTTP/1.1 on them, and letting them end.
//!
//! A slow client holds no more than a task and a socket, and not for long: the head of a request, each part of its
//! body, and each part of the response have time limits.

mod body;
mod writes;

use std::{future::Future, pin::Pin, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use self::{body::Timely, writes::TimelyWrites};

/// How long the head of a request may take, and how long a connection may lie idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes: room for the longest access token and as much again.
const MAX_HEAD: usize = 64 << 10;
/// How long to wait after a failure to accept, most likely for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on the connections of `listener` until `stop`. Returns a future that completes when every connection
/// has ended; they accept no further requests.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => connect(stream, router.clone(), &graceful),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    Box::pin(graceful.shutdown())
}

fn connect(stream: TcpStream, router: Router, graceful: &GracefulShutdown) {
    // Responses are written as a whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move { router.call(request.map(timely)).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(TimelyWrites::new(stream)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Broken clients are no fault of this host.
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

fn timely(body: Incoming) -> Body {
    match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Timely::new(body)),
    }
}
