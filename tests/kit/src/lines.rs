//! The lines that a process prints, kept, and awaited.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

/// Every line printed so far. Clones share the lines.
#[derive(Debug, Clone)]
pub struct Lines(watch::Receiver<Printed>);

#[derive(Debug, Clone, Default)]
struct Printed {
    lines: Arc<Vec<String>>,
    ended: bool,
}

impl Lines {
    /// Reads `output` to its end in the background. Bytes that are no UTF-8 become replacement characters; a carriage
    /// return stays what it is.
    pub fn of(output: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(Printed::default());
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
                sender.send_modify(|printed| Arc::make_mut(&mut printed.lines).push(text));
                line.clear();
            }
            sender.send_modify(|printed| printed.ended = true);
        });
        Self(receiver)
    }

    /// The lines so far.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<String>> {
        self.0.borrow().lines.clone()
    }

    /// Waits until the process has closed its output.
    pub async fn ended(&self) {
        // An error says that the reader is gone, and with it the output.
        let _ = self.0.clone().wait_for(|printed| printed.ended).await;
    }

    /// The first line, past or future, for which `wanted` returns a value.
    ///
    /// # Errors
    /// When the process closes its output, or `deadline` passes, without such a line.
    pub async fn first<T>(&self, deadline: Duration, wanted: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let mut receiver = self.0.clone();
        let mut seen = 0;
        let search = async {
            loop {
                let printed = receiver.borrow_and_update().clone();
                if let Some(found) = printed.lines.iter().skip(seen).find_map(|line| wanted(line)) {
                    return Ok(found);
                }
                seen = printed.lines.len();
                if printed.ended {
                    bail!("the output ended after {seen} lines without the line awaited");
                }
                receiver.changed().await.context("the reader of the output is gone")?;
            }
        };
        tokio::time::timeout(deadline, search).await.with_context(|| format!("no such line within {deadline:?}"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_found_whether_past_or_future_and_its_absence_is_noticed() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let lines = Lines::of(reader);
        let awaited = tokio::spawn({
            let lines = lines.clone();
            async move { lines.first(Duration::from_secs(5), |line| line.strip_prefix("b=").map(str::to_owned)).await }
        });
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"a=1\nb=2\n").await.unwrap();
        assert_eq!(awaited.await.unwrap().unwrap(), "2");
        let again = lines.first(Duration::from_secs(5), |line| (line == "a=1").then_some(())).await;
        again.unwrap();
        drop(writer);
        assert!(lines.first(Duration::from_secs(5), |_| None::<()>).await.is_err());
    }
}
