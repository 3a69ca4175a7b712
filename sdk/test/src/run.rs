//! What came out of one run, and what it did on the way.

use std::{fmt, time::Duration};

use leno_metadata::{ErrorKind, PieceError, Problem, Problems};
use leno_sandbox::{Failure, HostCall, LogLine, Refusal, Report, Usage};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a run failed, as the API reports it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{} ({code}): {message}", .kind.as_str())]
#[non_exhaustive]
pub struct RunError {
    /// Stable and machine-readable: the piece's own code, or what ended the run, such as `invalid_props`, `guest_trap`,
    /// `timeout`.
    pub code: String,
    /// What the caller may do about it.
    pub kind: ErrorKind,
    /// A message for users.
    pub message: String,
    /// The problems with the props. The paths point into the request, and so start with `/input`.
    pub problems: Vec<Problem>,
    /// Details from the piece.
    pub details: Option<Value>,
    /// When to try again, if the service said.
    pub retry_after: Option<Duration>,
}

impl RunError {
    pub(crate) fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self { code, kind, message, problems: Vec::new(), details: None, retry_after: None }
    }
}

impl From<Problems> for RunError {
    fn from(problems: Problems) -> Self {
        let problems: Vec<Problem> = problems
            .into_iter()
            .map(|Problem { path, message }| Problem::new(format!("/input{path}"), message))
            .collect();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self { problems, ..Self::new(ErrorKind::InvalidInput, "invalid_props", lines.join("\n")) }
    }
}

impl From<Refusal> for RunError {
    fn from(refusal: Refusal) -> Self {
        let (kind, code) = match refusal {
            Refusal::Input(problems) => return problems.into(),
            Refusal::Undeclared(_) => (ErrorKind::NotFound, "unknown"),
            Refusal::ConnectionRequired { .. } => (ErrorKind::InvalidInput, "connection_required"),
            Refusal::NotResolvable { .. } => (ErrorKind::InvalidInput, "not_resolvable"),
        };
        let message = match refusal {
            Refusal::ConnectionRequired { .. } => format!("{refusal}: choose one with `Host::connection`"),
            refusal => refusal.to_string(),
        };
        Self::new(kind, code, message)
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        let plain = Self::new(failure.kind(), failure.code(), failure.to_string());
        match failure {
            Failure::Piece(PieceError { retry_after_ms, details, .. }) => Self {
                details: details.map(|details| details.to_value()),
                retry_after: retry_after_ms.map(Duration::from_millis),
                ..plain
            },
            Failure::InvalidProps(problems) => problems.into(),
            _ => plain,
        }
    }
}

/// One run of a piece.
///
/// Its `Debug` has nothing in it that differs from run to run, so it can be kept as a snapshot.
#[must_use]
pub struct Run {
    /// `action `current` of piece `weather``.
    pub(crate) what: String,
    pub(crate) result: Result<Value, Box<RunError>>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) logs_dropped: u64,
    pub(crate) host_calls: Vec<HostCall>,
    pub(crate) usage: Usage,
    pub(crate) denied: Vec<String>,
    pub(crate) revealed: bool,
    /// Requests that were not expected.
    pub(crate) unexpected: Vec<String>,
}

impl Run {
    pub(crate) fn new(what: String, report: Report) -> Self {
        let Report { result, logs, logs_dropped, usage, host_calls, held: _ } = report;
        let result = result.map(|output| output.to_value()).map_err(|failure| Box::new(failure.into()));
        let (denied, revealed, unexpected) = (Vec::new(), false, Vec::new());
        Self { what, result, logs, logs_dropped, host_calls, usage, denied, revealed, unexpected }
    }

    pub(crate) fn refused(what: String, error: impl Into<Box<RunError>>) -> Self {
        let mut run = Self::new(what, Report::refused(Failure::Cancelled));
        run.result = Err(error.into());
        run
    }

    /// The output or the error.
    ///
    /// # Errors
    /// Why the run failed.
    pub fn result(&self) -> Result<&Value, &RunError> {
        self.result.as_ref().map_err(|error| &**error)
    }

    /// The output: `null` where the interface returns nothing, as from `enable`; an array of events from triggers.
    ///
    /// # Panics
    /// When the run failed. The message shows why, with the piece's log and host calls.
    #[track_caller]
    pub fn output(&self) -> &Value {
        match &self.result {
            Ok(output) => output,
            Err(error) => panic!("{} failed: {error}{}", self.what, self.trail()),
        }
    }

    /// [`Run::output`] as a `T`.
    ///
    /// # Panics
    /// When the run failed, or its output is no `T`.
    #[track_caller]
    pub fn output_as<T: DeserializeOwned>(&self) -> T {
        let output = self.output();
        T::deserialize(output)
            .unwrap_or_else(|error| panic!("the output of {} has another type: {error}\n{output:#}", self.what))
    }

    /// The events that a trigger returned, oldest first.
    ///
    /// # Panics
    /// When the run failed, or was none of a trigger.
    #[track_caller]
    pub fn events(&self) -> &[Value] {
        match self.output() {
            Value::Array(events) => events,
            other => panic!("{} returned no list of events: {other}", self.what),
        }
    }

    /// Why the run failed.
    ///
    /// # Panics
    /// When it did not. The message shows the output.
    #[track_caller]
    pub fn error(&self) -> &RunError {
        match &self.result {
            Ok(output) => panic!("{} did not fail; it returned {output}{}", self.what, self.trail()),
            Err(error) => error,
        }
    }

    /// What the piece logged, oldest first.
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }

    /// The piece's host calls, in order.
    pub fn host_calls(&self) -> &[HostCall] {
        &self.host_calls
    }

    /// What the run cost. Times are those of this machine.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What the host refused to do, each with the reason, as the operator's audit log has it.
    pub fn denied(&self) -> &[String] {
        &self.denied
    }

    /// Whether the piece has seen the connection's value (`secrets.reveal`).
    pub fn has_revealed(&self) -> bool {
        self.revealed
    }

    /// Logs, host calls and surprises, each on a line.
    fn trail(&self) -> String {
        let mut lines = Vec::new();
        for (title, entries) in [("logs", self.log_lines()), ("host calls", self.call_lines())] {
            if !entries.is_empty() {
                lines.push(format!("\n{title}:"));
                lines.extend(entries.iter().map(|entry| format!("\n  {entry}")));
            }
        }
        lines.extend(self.unexpected.iter().map(|complaint| format!("\n{complaint}")));
        lines.concat()
    }

    fn log_lines(&self) -> Vec<String> {
        let line = |line: &LogLine| {
            let level = format!("{:?}", line.level).to_ascii_uppercase();
            let fields: Vec<String> = line.fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
            format!("{level} {}{}", line.message, fields.concat())
        };
        let mut lines: Vec<String> = self.logs.iter().map(line).collect();
        if self.logs_dropped > 0 {
            lines.push(format!("and {} more", self.logs_dropped));
        }
        lines
    }

    fn call_lines(&self) -> Vec<String> {
        let line = |call: &HostCall| {
            let subject = if call.subject.is_empty() { String::new() } else { format!(" {}", call.subject) };
            format!("{}{subject} -> {}", call.function, call.result)
        };
        self.host_calls.iter().map(line).collect()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut run = f.debug_struct("Run");
        run.field("of", &format_args!("{}", self.what));
        match &self.result {
            Ok(output) => run.field("output", &format_args!("{output:#}")),
            Err(error) => run.field("error", &format_args!("{error}")),
        };
        run.field("logs", &self.log_lines()).field("host_calls", &self.call_lines()).finish()
    }
}

#[cfg(test)]
mod tests {
    use leno_sandbox::Level;
    use serde_json::json;

    use super::*;

    fn failed() -> Run {
        let error = RunError::new(ErrorKind::Unauthorized, "bad-token", "the service refused the token");
        let fields = vec![("city".to_owned(), "Berlin".to_owned())];
        let logs = vec![LogLine { level: Level::Warn, message: "asked twice".to_owned(), fields }];
        let call = HostCall {
            function: "http.send",
            subject: "GET https://api.weather.test/now".to_owned(),
            result: "ok".to_owned(),
            micros: 7,
        };
        let run = Run::refused("action `current` of piece `weather`".to_owned(), error);
        Run { logs, host_calls: vec![call], ..run }
    }

    #[test]
    #[should_panic(
        expected = "action `current` of piece `weather` failed: unauthorized (bad-token): the service refused \
                               the token\nlogs:\n  WARN asked twice city=\"Berlin\"\nhost calls:\n  http.send GET \
                               https://api.weather.test/now -> ok"
    )]
    fn a_failure_is_told_with_logs_and_host_calls() {
        failed().output();
    }

    #[test]
    #[should_panic(expected = "action `x` did not fail; it returned {\"a\":1}")]
    fn a_success_is_told_where_a_failure_was_expected() {
        let mut run = Run::refused("action `x`".to_owned(), RunError::new(ErrorKind::Internal, "", ""));
        run.result = Ok(json!({"a": 1}));
        run.error();
    }

    #[test]
    fn two_runs_that_differ_in_time_alone_look_the_same() {
        let (first, mut second) = (failed(), failed());
        second.host_calls[0].micros = 9000;
        second.usage.cpu_micros = 5;
        assert_eq!(format!("{first:#?}"), format!("{second:#?}"));
        assert!(format!("{first:?}").contains("bad-token"));
    }

    #[test]
    fn problems_with_props_point_into_the_request() {
        let error = RunError::from(Problems::from(Problem::new("/city", "is required")));
        assert_eq!((error.code.as_str(), error.kind), ("invalid_props", ErrorKind::InvalidInput));
        assert_eq!(error.problems, [Problem::new("/input/city", "is required")]);
    }
}
