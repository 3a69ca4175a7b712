//! One request and its response on a connection: keeps the connection in use for as long as it takes.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use crate::connections::{InUse, Line};
use crate::connector::Connector;
use crate::error::find;

/// A pool of connections.
#[derive(Clone)]
pub(crate) struct Plain(pub(crate) legacy::Client<Connector, Full<Bytes>>);

/// How often a request is sent again that its server did not process.
const RETRIES: usize = 2;

impl Plain {
    /// Sends `request` and takes the head of its response.
    pub(crate) async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response<Tapped>, legacy::Error> {
        for _ in 0..RETRIES {
            match self.send(request.clone()).await {
                Err(error) if was_not_processed(&error) => {}
                done => return done,
            }
        }
        self.send(request).await
    }

    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Tapped>, legacy::Error> {
        let captured = capture_connection(&mut request);
        let (mut sent, mut used) = (pin!(self.0.request(request)), None);
        let response = poll_fn(|cx| {
            let polled = sent.as_mut().poll(cx);
            follow(&captured, &mut used);
            polled
        })
        .await?;
        if let Some(used) = &mut used {
            used.answered();
        }
        Ok(response.map(|body| Tapped { body, used }))
    }
}

/// Whether the server says that it did nothing with the request: it shuts the connection down, or refuses the stream (RFC
/// 9113, section 8.7).
fn was_not_processed(error: &legacy::Error) -> bool {
    let Some(error) = find::<h2::Error>(error).filter(|error| error.is_remote()) else { return false };
    let reason = error.reason();
    (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
        || (error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
}

/// Marks the connection that the request is on as used; another one, if the library has tried again.
fn follow(captured: &CaptureConnection, used: &mut Option<InUse>) {
    let connected = captured.connection_metadata();
    let Some(connected) = &*connected else { return };
    let mut extensions = Extensions::new();
    connected.get_extras(&mut extensions);
    if let Some(line) = extensions.remove::<Arc<Line>>()
        && !used.as_ref().is_some_and(|used| used.is_on(&line))
    {
        *used = Some(line.begin());
    }
}

/// The body of a response as it comes from the connection.
pub(crate) struct Tapped {
    body: Incoming,
    used: Option<InUse>,
}

impl Body for Tapped {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(Ok(_)), Some(used)) = (&frame, &self.used) {
            used.received();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
