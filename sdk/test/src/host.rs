//! The host that a piece meets in a test.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use leno_metadata::{Auth, ConnectionValue, Metadata, PieceError};
use leno_sandbox::TriggerSetup;
use serde_json::Value;

use crate::{Clock, Http, Store, http::Script, mask::Mask};

/// Everything that a piece can reach in a test: a connection, a network of expected requests, a store, a clock.
///
/// One `Host` is one flow of one project: runs of the same piece share its store. Make a fresh one for each test. When it
/// goes out of scope it checks what [`Host::verify`] checks.
pub struct Host {
    pub(crate) clock: Arc<Clock>,
    pub(crate) store: Arc<Store>,
    pub(crate) script: Arc<Script>,
    pub(crate) setup: Arc<Setup>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Given>,
    attempt: Option<u32>,
    idempotency_key: Option<String>,
    webhook_url: Option<String>,
    runs: u32,
}

/// What the step has in the place of a connection.
#[derive(Clone)]
pub(crate) enum Given {
    Value(Arc<ConnectionValue>),
    Broken(PieceError),
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host without a connection, without expected requests, with an empty store, at 2024-01-01T00:00:00Z.
    pub fn new() -> Self {
        let clock = Arc::new(Clock::new());
        Self {
            store: Arc::new(Store::new(clock.clone())),
            clock,
            script: Arc::new(Script::new(Arc::new(Mask::default()))),
            setup: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Chooses a connection for the runs to come, by its whole value:
    /// `{"type": "SECRET_TEXT", "secret_text": "…"}`, `{"type": "BASIC_AUTH", "username": "…", "password": "…"}`,
    /// `{"type": "CUSTOM_AUTH", "props": {…}}` or `{"type": "OAUTH2", "access_token": "…", …}`.
    ///
    /// Each run checks it against the auth that the piece declares, as when a user saves it.
    ///
    /// # Panics
    /// When the value is not an object with a `type`.
    #[track_caller]
    pub fn connection(&self, value: Value) {
        let value =
            ConnectionValue::new(value).unwrap_or_else(|problem| panic!("the connection is refused: {problem}"));
        self.script.mask.set(&value, None);
        self.state().connection = Some(Given::Value(Arc::new(value)));
    }

    /// Chooses a connection that cannot be used: every use of it fails with `error`.
    pub fn broken_connection(&self, error: PieceError) {
        self.state().connection = Some(Given::Broken(error));
    }

    /// Leaves the runs to come without a connection.
    pub fn disconnect(&self) {
        self.state().connection = None;
    }

    /// The network.
    pub fn http(&self) -> Http<'_> {
        Http { script: &self.script }
    }

    /// The time that the piece sees.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The state that outlives a run.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes the runs to come this attempt at their step; 1 if not said.
    pub fn attempt(&self, attempt: u32) {
        self.state().attempt = Some(attempt);
    }

    /// Sets the idempotency key of the runs to come. If not said, it is the id of the run: `run-1`, `run-2` and so on.
    pub fn idempotency_key(&self, key: &str) {
        self.state().idempotency_key = Some(key.to_owned());
    }

    /// Sets where the outside world reaches the trigger.
    pub fn webhook_url(&self, url: &str) {
        self.state().webhook_url = Some(url.to_owned());
    }

    /// The schedules that triggers requested while they were enabled: cron expression and time zone.
    pub fn schedules(&self) -> Vec<(String, String)> {
        self.setup.schedules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events that triggers subscribed to while they were enabled, with their identifier.
    pub fn listeners(&self) -> Vec<(Vec<String>, String)> {
        self.setup.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that every expected request came and no other.
    ///
    /// # Panics
    /// When that is not so. The message says what came, what was expected, and where the two differ; secrets of the
    /// connection are masked in it.
    #[track_caller]
    pub fn verify(&self) {
        let complaints = self.script.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    pub(crate) fn context(&self) -> leno_sandbox::Context {
        let mut state = self.state();
        state.runs += 1;
        let run_id = format!("run-{}", state.runs);
        leno_sandbox::Context {
            attempt: state.attempt.unwrap_or(1),
            idempotency_key: state.idempotency_key.clone().unwrap_or_else(|| run_id.clone()),
            webhook_url: state.webhook_url.clone(),
            run_id,
        }
    }

    /// The connection as `piece` would get it: completed and checked like one that a user saves.
    ///
    /// # Panics
    /// When it would not have been saved.
    pub(crate) fn connection_for(&self, piece: &Metadata) -> Option<Given> {
        let given = self.state().connection.clone()?;
        let Given::Value(value) = given else { return Some(given) };
        // A type that the piece does not take is for the sandbox to refuse.
        let Ok(Some(auth)) = piece.auth_for(&value) else { return Some(Given::Value(value)) };
        self.script.mask.set(&value, Some(auth));
        match auth.accept(value.expose()) {
            Ok(value) => Some(Given::Value(Arc::new(value))),
            Err(problems) => {
                panic!("a connection of type {} with this value would not be accepted:\n{problems}", Auth::kind(auth))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let complaints = self.script.complaints();
        if complaints.is_empty() {
            return;
        }
        let complaints = complaints.join("\n");
        if std::thread::panicking() {
            // The test has failed already, and this is likely to be why.
            #[allow(clippy::print_stderr, reason = "the test harness shows it with the failure")]
            {
                eprintln!("{complaints}");
            }
        } else {
            panic!("{complaints}");
        }
    }
}

/// What is left of the test's arrangements: for a snapshot of the state after a run.
impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("clock", &self.clock)
            .field("store", &self.store)
            .field("requests", &self.http().requests())
            .field("schedules", &self.schedules())
            .field("listeners", &self.listeners())
            .finish_non_exhaustive()
    }
}

/// What triggers arrange.
#[derive(Default)]
pub(crate) struct Setup {
    schedules: Mutex<Vec<(String, String)>>,
    listeners: Mutex<Vec<(Vec<String>, String)>>,
}

#[async_trait]
impl TriggerSetup for Setup {
    async fn schedule(&self, cron: &str, timezone: &str) -> Result<(), PieceError> {
        if cron.split_whitespace().count() != 5 {
            let message = format!("`{cron}` is not a cron expression of five fields, such as `*/5 * * * *`");
            return Err(PieceError::invalid("cron-invalid", message));
        }
        let entry = (cron.to_owned(), timezone.to_owned());
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Ok(())
    }

    async fn listen(&self, events: &[String], identifier: &str) -> Result<(), PieceError> {
        let entry = (events.to_vec(), identifier.to_owned());
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Ok(())
    }
}

#[async_trait]
impl leno_metadata::Connection for Given {
    async fn resolve(&self) -> Result<Arc<ConnectionValue>, PieceError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Broken(error) => Err(error.clone()),
        }
    }
}
