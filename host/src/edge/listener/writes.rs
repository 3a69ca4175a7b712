//! A stream that fails when its peer stops reading.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// How long the peer may accept no byte of a response.
const STALL: Duration = Duration::from_secs(30);

/// A stream that fails when nothing can be written for too long. Without it, a client that requests large responses and
/// reads none of them would keep them in memory.
pub(crate) struct TimelyWrites<T> {
    stream: T,
    stall: Duration,
    until: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<T> TimelyWrites<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, stall: STALL, until: None, waiting: false }
    }

    /// `done` while there is time, else an error.
    fn limit<R>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if done.is_ready() {
            self.waiting = false;
            return done;
        }
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.stall)));
        if !self.waiting {
            until.as_mut().reset(Instant::now() + self.stall);
            self.waiting = true;
        }
        until
            .as_mut()
            .poll(context)
            .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read the response")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimelyWrites<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimelyWrites<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.limit(context, done)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.limit(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_flush(context);
        this.limit(context, done)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_shutdown(context);
        this.limit(context, done)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_client_that_stops_reading_is_given_up_and_a_slow_one_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let stall = Duration::from_millis(100);
        let mut near = TimelyWrites { stall, ..TimelyWrites::new(near) };
        let slow = tokio::spawn(async move {
            let mut part = [0; 16];
            for _ in 0..4 {
                tokio::time::sleep(stall / 2).await;
                far.read_exact(&mut part).await.unwrap();
            }
            far
        });
        let begun = Instant::now();
        near.write_all(&[1; 64]).await.unwrap();
        let far = slow.await.unwrap();
        assert!(begun.elapsed() >= 2 * stall, "{:?}", begun.elapsed());
        let error = near.write_all(&[1; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(far);
    }
}
