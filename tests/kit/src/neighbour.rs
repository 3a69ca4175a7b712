//! A well-behaved piece that is called while another one misbehaves.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{Client, Run};
use crate::craft;

/// The name of the neighbour's piece.
pub const NAME: &str = "neighbour";
/// Time between two calls.
const PAUSE: Duration = Duration::from_millis(5);

/// The neighbour's component: [`craft::well_behaved`].
#[must_use]
pub fn component() -> Vec<u8> {
    craft::well_behaved(NAME)
}

/// Calls the neighbour's action again and again until [`Neighbour::leave`].
#[derive(Debug)]
pub struct Neighbour {
    stay: watch::Sender<bool>,
    calls: JoinHandle<Calls>,
}

/// The results of the neighbour's calls.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How many there were.
    pub count: usize,
    /// The first failure.
    pub failures: Vec<String>,
    /// How long each of the others took.
    pub took: Vec<Duration>,
}

impl Calls {
    /// The time within which `share` (of 1) of the calls returned.
    #[must_use]
    pub fn within(&self, share: f64) -> Duration {
        percentile(&self.took, share)
    }
}

/// The time that `share` (of 1) of `times` do not exceed; zero of none.
#[must_use]
pub fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

impl Neighbour {
    /// Waits until the neighbour's piece is served, then starts to call it.
    ///
    /// # Errors
    /// When the piece is not served.
    pub async fn arrive(client: Client) -> anyhow::Result<Self> {
        client.active(&format!("{NAME}.wasm")).await?;
        Ok(Self::work(client))
    }

    /// Starts to call the neighbour's piece, which is served.
    #[must_use]
    pub fn work(client: Client) -> Self {
        let (stay, leave) = watch::channel(true);
        let calls = tokio::spawn(async move {
            let run = Run::new(NAME, "run");
            let mut calls = Calls::default();
            while *leave.borrow() {
                calls.count += 1;
                match client.run(&run).await {
                    Ok(answer) if answer.status == 200 && answer.body["output"]["ok"] == true => {
                        calls.took.push(answer.took);
                    }
                    Ok(answer) => calls.failures.push(format!("{}: {}", answer.status, answer.text)),
                    Err(error) => calls.failures.push(format!("{error:#}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            calls
        });
        Self { stay, calls }
    }

    /// Stops calling, and returns the results.
    ///
    /// # Errors
    /// When the caller's task was lost.
    pub async fn leave(self) -> anyhow::Result<Calls> {
        self.stay.send_replace(false);
        self.calls.await.context("the neighbour's calls were lost")
    }
}
