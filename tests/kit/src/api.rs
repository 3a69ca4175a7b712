//! The HTTP API as a client sees it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::metrics::Metrics;

/// How long a file may take to be read, compiled and described in a debug build.
const LOAD: Duration = Duration::from_secs(60);
/// How often the state of a file is polled.
const ASK: Duration = Duration::from_millis(20);

/// Calls one server as one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// An action to run.
#[derive(Debug, Clone)]
pub struct Run {
    piece: String,
    action: String,
    body: Value,
}

impl Run {
    /// Action `action` of `piece` with an empty input.
    #[must_use]
    pub fn new(piece: &str, action: &str) -> Self {
        Self { piece: piece.to_owned(), action: action.to_owned(), body: json!({ "input": {} }) }
    }

    /// With this input.
    #[must_use]
    pub fn input(mut self, input: Value) -> Self {
        self.body["input"] = input;
        self
    }

    /// With another member of the request: `version`, `connectionExternalId`, `idempotencyKey`, ….
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.body[member] = value.into();
        self
    }

    /// With at most this much wall time.
    #[must_use]
    pub fn timeout(self, wall: Duration) -> Self {
        self.with("timeoutMs", u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    /// With this connection value, which has a `type` as in Activepieces. Not taken in production.
    #[must_use]
    pub fn connection(self, value: Value) -> Self {
        self.with("connection", value)
    }

    /// With a text for a connection.
    #[must_use]
    pub fn secret(self, text: &str) -> Self {
        self.connection(json!({ "type": "SECRET_TEXT", "secret_text": text }))
    }
}

/// The server's response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; null if it was no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// From sending to the last byte.
    pub took: Duration,
}

impl Answer {
    /// The output of a run that succeeded.
    ///
    /// # Panics
    /// If it failed.
    #[must_use]
    pub fn output(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.text);
        &self.body["output"]
    }

    /// The problem's `code`; empty when absent.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The log records of a run.
    #[must_use]
    pub fn logs(&self) -> &[Value] {
        self.body["logs"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// One figure of a run's `usage`.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn usage(&self, name: &str) -> u64 {
        self.body["usage"][name].as_u64().unwrap_or_else(|| panic!("no usage.{name} in {}", self.text))
    }
}

/// A file of the pieces directory, as `GET /api/admin/pieces` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its name.
    pub file: String,
    /// `loading`, `active`, `draining`, `failed` or `removed`.
    pub status: String,
    /// The piece's name, once known.
    pub name: Option<String>,
    /// The piece's version, once known.
    pub version: Option<String>,
    /// SHA-256 of its bytes, once read.
    pub digest: Option<String>,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// Calls under way.
    #[serde(default)]
    pub calls: u64,
    /// Digest of the last good version, when that is still served instead.
    pub keeps: Option<String>,
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: String,
    /// A message for users.
    pub message: String,
}

impl Client {
    /// A client of the server at `base`, a URL without a path.
    ///
    /// # Panics
    /// Never for these settings.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { http: http.expect("the client's settings are right"), base: base.to_owned(), token: token.to_owned() }
    }

    /// Sends a request with the caller's token and an optional JSON body.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request, path).await
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a POST request.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Uploads a component.
    ///
    /// # Errors
    /// When the server does not respond; a refusal is a response.
    pub async fn upload(&self, bytes: Vec<u8>) -> anyhow::Result<Answer> {
        let request = self.http.post(format!("{}/api/admin/pieces", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/wasm").body(bytes);
        answer(request, "/api/admin/pieces").await
    }

    /// The caller's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Runs an action.
    ///
    /// # Errors
    /// When the server does not respond; a problem is a response.
    pub async fn run(&self, run: &Run) -> anyhow::Result<Answer> {
        self.post(&format!("/api/pieces/{}/actions/{}/run", run.piece, run.action), &run.body).await
    }

    /// The files of the pieces directory.
    ///
    /// # Errors
    /// When the server does not respond, or in another form.
    pub async fn files(&self) -> anyhow::Result<Vec<File>> {
        let answer = self.get("/api/admin/pieces").await?;
        serde_json::from_value(answer.body).with_context(|| format!("not a list of files: {}", answer.text))
    }

    /// Waits until `file` is as `wanted`, and returns it.
    ///
    /// # Errors
    /// When it does not become so in time; with how it stands.
    pub async fn file(&self, file: &str, wanted: impl Fn(&File) -> bool) -> anyhow::Result<File> {
        let deadline = Instant::now() + LOAD;
        loop {
            let found = self.files().await?.into_iter().find(|found| found.file == file);
            match found {
                Some(found) if wanted(&found) => return Ok(found),
                found if Instant::now() > deadline => anyhow::bail!("{file} stays as it is: {found:?}"),
                _ => tokio::time::sleep(ASK).await,
            }
        }
    }

    /// Waits until `file` serves a piece.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn active(&self, file: &str) -> anyhow::Result<File> {
        self.file(file, |file| file.status == "active" || file.status == "failed").await.and_then(|file| {
            anyhow::ensure!(file.status == "active", "{} is refused: {:?}", file.file, file.reason);
            Ok(file)
        })
    }

    /// Waits until the bytes with this digest are what `file` serves.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn active_with(&self, file: &str, digest: &str) -> anyhow::Result<File> {
        self.file(file, |found| found.status == "active" && found.digest.as_deref() == Some(digest)).await
    }

    /// Waits until `file` is refused, and returns the reason.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn refused(&self, file: &str) -> anyhow::Result<Reason> {
        let file = self.file(file, |file| file.status == "failed").await?;
        file.reason.context("refused without a reason")
    }

    /// The server's metrics.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        Ok(Metrics::parse(&self.get("/metrics").await?.text))
    }
}

async fn answer(request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Answer> {
    let began = Instant::now();
    let response = request.send().await.with_context(|| format!("no answer from {path}"))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let took = began.elapsed();
    Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text, took })
}
