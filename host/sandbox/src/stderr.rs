//! The end of what a guest writes to stderr: why it crashed.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError},
};

/// Bytes kept.
const KEEP: usize = 8 << 10;

/// The last [`KEEP`] bytes written. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Stderr(Arc<Mutex<VecDeque<u8>>>);

impl Stderr {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = bytes.get(bytes.len().saturating_sub(KEEP)..).unwrap_or_default();
        let excess = (kept.len() + bytes.len()).saturating_sub(KEEP);
        kept.drain(..excess);
        kept.extend(bytes);
    }

    /// The end of what the guest wrote: from its last panic on if there is one, else its last line.
    pub(crate) fn last_words(&self) -> Option<String> {
        let bytes: Vec<u8> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        let start = match text.rfind(" panicked at ") {
            // The start of the line: `thread 'main' panicked at src/lib.rs:3:5:`.
            Some(panic) => text.get(..panic).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1),
            None => text.rfind('\n').map_or(0, |newline| newline + 1),
        };
        let words: Vec<&str> =
            text.get(start..)?.lines().filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE")).collect();
        let words = words.join("\n");
        (!words.is_empty()).then_some(words)
    }
}

impl IsTerminal for Stderr {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stderr {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait::async_trait]
impl Pollable for Stderr {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Stderr {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.push(&bytes);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }
    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panic_is_found_behind_a_flood() {
        let stderr = Stderr::default();
        stderr.push(&vec![b'x'; 1 << 20]);
        stderr.push(
            b"\nthread '<unnamed>' panicked at src/lib.rs:3:5:\nno such row\nnote: run with `RUST_BACKTRACE=1`\n",
        );
        assert_eq!(stderr.last_words().unwrap(), "thread '<unnamed>' panicked at src/lib.rs:3:5:\nno such row");
        assert!(stderr.0.lock().unwrap().len() <= KEEP);
    }
}
