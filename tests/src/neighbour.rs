//! A well-behaved piece that goes on working while another one misbehaves.

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

/// What became of the neighbour's calls.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How many there were.
    pub count: usize,
    /// What went wrong, if anything did.
    pub failures: Vec<String>,
    /// The longest that one took.
    pub slowest: Duration,
}

impl Neighbour {
    /// Waits until the neighbour's piece is served, then begins to call it.
    ///
    /// # Errors
    /// When the piece is not served.
    pub async fn arrive(client: Client) -> anyhow::Result<Self> {
        client.active(&format!("{NAME}.wasm")).await?;
        let (stay, leave) = watch::channel(true);
        let calls = tokio::spawn(async move {
            let run = Run::new(NAME, "run");
            let mut calls = Calls::default();
            while *leave.borrow() {
                calls.count += 1;
                match client.run(&run).await {
                    Ok(answer) if answer.status == 200 && answer.body["output"]["ok"] == true => {
                        calls.slowest = calls.slowest.max(answer.took);
                    }
                    Ok(answer) => calls.failures.push(format!("{}: {}", answer.status, answer.text)),
                    Err(error) => calls.failures.push(format!("{error:#}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            calls
        });
        Ok(Self { stay, calls })
    }

    /// Stops calling, and tells how it went.
    ///
    /// # Errors
    /// When the caller's task was lost.
    pub async fn leave(self) -> anyhow::Result<Calls> {
        self.stay.send_replace(false);
        self.calls.await.context("the neighbour's calls were lost")
    }
}
