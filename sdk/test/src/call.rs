//! Calling a piece the way the server does.

mod action;
mod options;
mod trigger;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use action::ActionCall;
use async_trait::async_trait;
use leno_egress::{Caps, Policy, Request, Transport as _};
use leno_metadata::{
    Connection, ErrorKind, FileContent, PendingFile, PieceError, Problem, Problems, Properties, coerce,
};
use leno_sandbox::{Audit, CallOptions, Capabilities, Entry, Store, TriggerSetup};
pub use options::OptionsCall;
use serde_json::Value;
pub use trigger::TriggerCall;

use crate::{Host, Piece, Run, RunError, host::Given, http::Scripted};

/// One call to be made.
pub(crate) struct Call<'a> {
    piece: &'a Piece,
    host: &'a Host,
    /// What is called, for messages.
    what: String,
    connection: Option<Given>,
    transport: Arc<Scripted>,
    store: Arc<dyn Store>,
    setup: Option<Arc<dyn TriggerSetup>>,
    wall: Option<Duration>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(piece: &'a Piece, host: &'a Host, what: &str) -> Self {
        let metadata = piece.metadata();
        Self {
            piece,
            host,
            what: format!("{what} of piece `{}`", metadata.name.short()),
            connection: host.connection_for(metadata),
            transport: Arc::new(Scripted::new(host.script.clone(), piece.grant().private.clone())),
            store: host.store.clone(),
            setup: None,
            wall: None,
        }
    }

    /// Enters the piece.
    pub(crate) async fn enter(self, entry: &Entry<'_>) -> Run {
        let trail = Arc::new(Trail::default());
        let capabilities = Capabilities {
            context: self.host.context(),
            connection: self.connection.map(|given| Arc::new(given) as Arc<dyn Connection>),
            transport: self.transport.clone(),
            store: self.store,
            log: None,
            setup: self.setup,
            audit: Some(trail.clone()),
            clock: Some(self.host.clock.clone()),
        };
        let options = CallOptions { wall: self.wall, trace: true };
        let mut run = Run::new(self.what, self.piece.sandboxed().call(entry, capabilities, options).await);
        (run.usage.bytes_out, run.usage.bytes_in) = self.transport.traffic();
        run.unexpected = self.transport.unexpected();
        run.denied = std::mem::take(&mut *trail.denied.lock().unwrap_or_else(PoisonError::into_inner));
        run.revealed = trail.revealed.load(Ordering::Relaxed);
        run
    }

    /// The run that does not take place.
    fn refuse(self, error: impl Into<Box<RunError>>) -> Run {
        let unexpected = self.transport.unexpected();
        Run { unexpected, ..Run::refused(self.what, error) }
    }

    /// Checks that there is a connection if `require_auth` says so, and that the piece cannot do without.
    fn require_connection(&self, require_auth: bool) -> Result<(), Box<RunError>> {
        let auth = &self.piece.metadata().auth;
        if self.connection.is_some() || !require_auth || !auth.iter().any(|auth| auth.required) {
            return Ok(());
        }
        let kinds = auth.iter().map(|auth| auth.kind()).collect::<Vec<_>>().join(" or ");
        let message = format!("{} needs a connection ({kinds}): choose one with `Host::connection`", self.what);
        Err(RunError::new(ErrorKind::InvalidInput, "connection_required", message).into())
    }

    /// The props as the piece receives them: coerced, and with the files that are given by URL.
    async fn props(&self, properties: &Properties, input: &Value) -> Result<String, Problems> {
        let mut coerced = coerce(properties, input)?;
        for file in coerced.files.clone() {
            let content = self.fetch(&file).await?;
            coerced.fill(&file.pointer, &content)?;
        }
        Ok(coerced.value.to_string())
    }

    /// Fetches a file. Whoever runs the step names it, so the piece's list of hosts does not apply.
    async fn fetch(&self, file: &PendingFile) -> Result<FileContent, Problem> {
        let any = "*".parse().into_iter().collect();
        let policy = Policy::new(any, self.piece.grant().private.clone());
        let problem = |why: String| Problem::new(&file.pointer, format!("the file cannot be fetched: {why}"));
        let request = Request { redirects: REDIRECTS, ..Request::new("GET", &file.url) };
        let caps = Caps { response_bytes: MAX_FILE, ..Caps::default() };
        let response =
            self.transport.send(request, &policy, &caps).await.map_err(|error| problem(error.to_string()))?;
        if !(200..300).contains(&response.status) {
            return Err(problem(format!("its server answered with status {}", response.status)));
        }
        let header = |wanted: &str| {
            let mut headers = response.headers.iter();
            headers.find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let (disposition, kind) = (header("content-disposition"), header("content-type"));
        Ok(FileContent::from_response(&response.url, disposition, kind, response.body.to_vec()))
    }
}

/// As the server has it.
const REDIRECTS: u8 = 5;
/// As the server has it, in bytes.
const MAX_FILE: usize = 25 << 20;

#[derive(Default)]
struct Trail {
    denied: Mutex<Vec<String>>,
    revealed: AtomicBool,
}

#[async_trait]
impl Audit for Trail {
    async fn revealed(&self) -> Result<(), PieceError> {
        self.revealed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn denied(&self, function: &'static str, why: &str) {
        let entry = format!("{function}: {why}");
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}
