//! A request body with time limits.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// How long a sender may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For the next part of a body.
    part: Duration,
    /// For all of it, from the first wait.
    whole: Duration,
}

/// Enough for the largest component on a slow line.
const PATIENCE: Patience = Patience { part: Duration::from_secs(20), whole: Duration::from_secs(600) };

/// A body that fails when its sender is too slow.
pub(crate) struct Timely<B> {
    body: B,
    patience: Patience,
    /// Made at the first wait: most bodies are there at once.
    wait: Option<Wait>,
}

struct Wait {
    until: Pin<Box<Sleep>>,
    end: Instant,
    waiting: bool,
}

/// Why reading the body of a slow sender ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Nothing came for too long.
    #[error("the request body arrived too slowly")]
    TooSlow,
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl<B> Timely<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, patience: PATIENCE, wait: None }
    }

    /// Ready when the time is up.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (now, Patience { part, whole }) = (Instant::now(), self.patience);
        let wait = self.wait.get_or_insert_with(|| Wait {
            until: Box::pin(tokio::time::sleep(part)),
            end: now + whole,
            waiting: true,
        });
        if !wait.waiting {
            wait.until.as_mut().reset((now + part).min(wait.end));
            wait.waiting = true;
        }
        wait.until.as_mut().poll(context)
    }
}

impl<B> Body for Timely<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(wait) = &mut this.wait {
                wait.waiting = false;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        ready!(this.poll_wait(context));
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt as _;

    use super::*;

    /// Sends one byte after each of the given pauses, then nothing.
    struct Drip {
        pauses: VecDeque<Duration>,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            let this = self.get_mut();
            let sleep = match &mut this.sleep {
                Some(sleep) => sleep,
                None => match this.pauses.pop_front() {
                    Some(pause) => this.sleep.insert(Box::pin(tokio::time::sleep(pause))),
                    None => return Poll::Pending,
                },
            };
            ready!(sleep.as_mut().poll(context));
            this.sleep = None;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
        }
    }

    const SHORT: Patience = Patience { part: Duration::from_millis(60), whole: Duration::from_millis(300) };

    /// How long the reader waits for a sender with these pauses, and how much arrives until then.
    async fn waited(pauses: impl IntoIterator<Item = Duration>) -> (Duration, usize) {
        let drip = Drip { pauses: pauses.into_iter().collect(), sleep: None };
        let mut body = Timely { body: drip, patience: SHORT, wait: None };
        let (begun, mut bytes) = (Instant::now(), 0);
        loop {
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(error)) => {
                    assert!(matches!(error, BodyError::TooSlow), "{error}");
                    return (begun.elapsed(), bytes);
                }
                None => panic!("the body ended"),
            }
        }
    }

    #[tokio::test]
    async fn a_sender_that_stops_is_given_up_and_one_that_drips_is_too_in_the_end() {
        let (took, bytes) = waited([]).await;
        assert!(took >= SHORT.part && bytes == 0, "{took:?}");
        let pause = SHORT.part / 2;
        let (took, bytes) = waited([pause; 3]).await;
        assert!(took >= 3 * pause + SHORT.part && bytes == 3, "{took:?}");
        let (took, bytes) = waited([pause; 1_000]).await;
        assert!(took >= SHORT.whole && bytes < 20, "{took:?} {bytes}");
    }
}
