//! npm's `oidc-provider`, as `tests/interop/peers/provider.mjs` sets it up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::Running;

/// How long Node may take to load it.
const START: Duration = Duration::from_secs(20);
/// How often its state is polled.
const ASK: Duration = Duration::from_millis(20);

/// How a provider is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The redirect URIs that it accepts.
    pub redirect_uris: Vec<String>,
    /// Life of an access token in seconds.
    pub ttl: u64,
    /// Whether each refresh token can be used once only.
    pub rotate: bool,
}

impl Setup {
    /// Tokens that live for an hour, and refresh tokens for one use.
    #[must_use]
    pub fn new(redirect_uri: &str) -> Self {
        Self { redirect_uris: vec![redirect_uri.to_owned()], ttl: 3600, rotate: true }
    }

    /// With tokens that live for `seconds`.
    #[must_use]
    pub fn ttl(mut self, seconds: u64) -> Self {
        self.ttl = seconds;
        self
    }
}

/// What happened at the provider so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Token requests that came in.
    pub arrived: u64,
    /// Token requests that wait for [`Provider::release`].
    pub held: u64,
    /// Token requests that were processed, by grant.
    pub requests: BTreeMap<String, u64>,
    /// Those of them that got a token.
    pub granted: BTreeMap<String, u64>,
    /// The refresh tokens that were presented, in order.
    pub refresh_tokens: Vec<String>,
    /// Grants that were ended because a refresh token was used twice.
    pub revoked_grants: u64,
    /// Requests to give a token back.
    pub revocations: u64,
    /// Token requests that a fault was done to.
    pub faulted: u64,
}

impl State {
    /// How many refreshes were processed.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        self.requests.get("refresh_token").copied().unwrap_or_default()
    }
}

/// What is done to a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It waits before it is processed.
    HoldBefore,
    /// Processed; the response waits.
    HoldAfter,
    /// Refused with an error, and not processed.
    Fail,
    /// Processed, and then responded to with an error.
    FailAfter,
    /// The connection is closed without processing it.
    Drop,
    /// Processed, and the connection is closed instead of a response.
    DropAfter,
}

/// A running provider. Dropping it ends it.
#[derive(Debug)]
pub struct Provider {
    // Ends with its standard input.
    _process: Running,
    issuer: String,
    control: String,
    http: reqwest::Client,
}

impl Provider {
    /// Starts one from the peers' folder on free ports.
    ///
    /// # Errors
    /// When it does not listen in time; with what it said.
    pub async fn start(folder: &Path, setup: &Setup) -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command
            .args(["provider.mjs", "0", "0"])
            .current_dir(folder)
            .env("REDIRECT_URIS", setup.redirect_uris.join(" "))
            .env("AT_TTL", setup.ttl.to_string())
            .env("ROTATE", if setup.rotate { "1" } else { "0" });
        let process = Running::start(command)?;
        let place = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some((line["issuer"].as_str()?.to_owned(), line["control"].as_str()?.to_owned()))
        };
        let listening = process.stdout.first(START, place).await;
        let (issuer, control) = listening.with_context(|| format!("no provider: {:?}", process.stderr.all()))?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { _process: process, issuer, control, http })
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its address, to grant to a piece.
    ///
    /// # Panics
    /// Never: it is where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.issuer.trim_start_matches("http://").parse().expect("the provider listens at an address")
    }

    /// What happened so far.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn state(&self) -> anyhow::Result<State> {
        Ok(self.http.get(&self.control).send().await?.json().await?)
    }

    /// Waits until `wanted` holds.
    ///
    /// # Errors
    /// When it does not within `deadline`; with how things stand.
    pub async fn until(&self, deadline: Duration, wanted: impl Fn(&State) -> bool) -> anyhow::Result<State> {
        let end = Instant::now() + deadline;
        loop {
            let state = self.state().await?;
            if wanted(&state) {
                return Ok(state);
            }
            anyhow::ensure!(Instant::now() < end, "not within {deadline:?}: {state:?}");
            tokio::time::sleep(ASK).await;
        }
    }

    async fn order(&self, order: Value) -> anyhow::Result<()> {
        self.http.post(&self.control).json(&order).send().await?.error_for_status()?;
        Ok(())
    }

    /// Does something to the next token request.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn fault(&self, fault: Fault) -> anyhow::Result<()> {
        self.faults(fault, 1).await
    }

    /// Does something to the next `times` token requests.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn faults(&self, fault: Fault, times: u64) -> anyhow::Result<()> {
        self.order(json!({"fault": {"kind": fault, "times": times}})).await
    }

    /// Responds to the next `times` token requests with this, without processing them.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn answers(&self, status: u16, headers: Value, body: Value, times: u64) -> anyhow::Result<()> {
        let fault = json!({"kind": Fault::Fail, "times": times, "status": status, "headers": headers, "body": body});
        self.order(json!({ "fault": fault })).await
    }

    /// Lets the requests that are held go on.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn release(&self) -> anyhow::Result<()> {
        self.order(json!({"release": true})).await
    }

    /// Gives access tokens from now on this life in seconds.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn ttl(&self, seconds: u64) -> anyhow::Result<()> {
        self.order(json!({ "ttl": seconds })).await
    }

    /// What the user sees before they are sent back: `""` nothing, `coop` a page that cuts the opener, `wait` a page that
    /// stays until its link is followed.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn page(&self, page: &str) -> anyhow::Result<()> {
        self.order(json!({ "page": page })).await
    }
}
