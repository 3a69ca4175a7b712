//! Running an action.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderValue, header};
use leno_base::{Digest, budget::Spec};
use leno_metadata::{Problem as Fault, VersionReq};
use leno_pieces::{Run, StepRequest};
use leno_sandbox::{LogLine, Output, Step, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use super::{App, failure, lookup, problem::is_zero, reference::Given, schema};
use crate::{
    edge::{
        Rejection,
        authorization::Authorized,
        body::body,
        budgets,
        extract::{self, JsonBody, Kind, Member, Path},
    },
    identity::Caller,
};

/// The longest time limit that a request may name, in milliseconds. The piece's own limit is lower in most hosts.
const MAX_TIMEOUT_MS: u64 = 600_000;

/// The longest idempotency key, in characters.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// What to run an action with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RunRequest, example = json!({"input": {"text": "Hello", "search": "l", "replacement": "L"}}))]
pub(super) struct RunBody {
    /// The action's properties, by name. Text is converted to the declared type where that is unambiguous.
    #[schema(value_type = Object)]
    input: Value,
    /// Exact (`1.2.0`), `~1.2.0` or `^1.2.0`; the newest if absent.
    #[schema(example = "^0.1.0")]
    version: Option<String>,
    /// The stable name of a stored connection of the caller, for this piece.
    connection_external_id: Option<String>,
    /// The same as a reference, `{{connections['ID']}}`.
    auth: Option<String>,
    /// The time limit of the call in milliseconds. The piece's own limit applies if it is lower.
    #[schema(minimum = 1, maximum = 600_000)]
    timeout_ms: Option<u64>,
    /// Equal on every retry of the same step. The piece can pass it to services that support such keys.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
    /// A raw connection value, `{"type": "SECRET_TEXT", …}`. Refused in production.
    #[schema(value_type = Option<Object>)]
    connection: Option<Value>,
}

impl JsonBody for RunBody {
    const LIMIT: &'static Spec = &budgets::MAX_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "input", kind: Kind::Object, required: true },
        Member { name: "version", kind: Kind::Text, required: false },
        Member { name: "connectionExternalId", kind: Kind::Text, required: false },
        Member { name: "auth", kind: Kind::Text, required: false },
        Member { name: "timeoutMs", kind: Kind::Count, required: false },
        Member { name: "idempotencyKey", kind: Kind::Text, required: false },
        Member { name: "connection", kind: Kind::Object, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"input": {}}"#;
}

/// The result of a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunAnswer, example = json!({
    "runId": "0190163d-8694-739b-aea5-966c26f8ad91",
    "piece": "text",
    "version": "0.1.0",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "output": "HeLLo",
    "logs": [{"level": "info", "message": "replaced", "fields": [["count", "2"]]}],
    "usage": {"cpuMicros": 41, "wallMicros": 44, "memoryBytes": 1179648, "httpRequests": 0, "bytesIn": 0, "bytesOut": 0, "hostCalls": 1}
}))]
pub(super) struct RunAnswer<'a> {
    #[schema(format = "uuid")]
    run_id: &'a str,
    /// The short name.
    piece: &'a str,
    /// The version that ran.
    #[schema(value_type = String)]
    version: &'a semver::Version,
    /// SHA-256 of the component that ran.
    #[schema(value_type = String)]
    digest: Digest,
    /// The action's output.
    #[schema(value_type = Value)]
    output: &'a RawValue,
    /// What the piece logged, oldest first.
    #[schema(value_type = Vec<schema::LogLine>)]
    logs: &'a [LogLine],
    /// Log records beyond the limits; absent when there were none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    logs_dropped: u64,
    #[schema(value_type = schema::Usage)]
    usage: Usage,
}

/// Runs an action once and returns its output.
#[utoipa::path(
    post,
    path = "/api/pieces/{name}/actions/{action}/run",
    operation_id = "runAction",
    tag = "runs",
    params(
        ("name" = String, Path, description = "`text`, or `@activepieces/piece-text` with the slash as `%2F`.", example = "text"),
        ("action" = String, Path, description = "The action's name.", example = "replace"),
    ),
    request_body = RunBody,
    responses(
        (status = 200, description = "It ran.", body = RunAnswer<'static>,
            headers(("X-Run-Id" = String, description = "The run's id, as in the body."))),
        schema::RunFailures,
    ),
)]
pub(super) async fn run(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path((name, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Rejection> {
    answer(&app, &caller, &name, action, request).await
}

/// The same, for a name whose slash is not escaped: `/api/pieces/@activepieces/piece-text/actions/…`.
#[utoipa::path(
    post,
    path = "/api/pieces/{scope}/{name}/actions/{action}/run",
    operation_id = "runScopedAction",
    tag = "runs",
    params(
        ("scope" = String, Path, description = "`@activepieces`", example = "@activepieces"),
        ("name" = String, Path, description = "`piece-text`", example = "piece-text"),
        ("action" = String, Path, description = "The action's name.", example = "replace"),
    ),
    request_body = RunBody,
    responses(
        (status = 200, description = "It ran.", body = RunAnswer<'static>,
            headers(("X-Run-Id" = String, description = "The run's id, as in the body."))),
        schema::RunFailures,
    ),
)]
pub(super) async fn run_scoped(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path((scope, name, action)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Rejection> {
    answer(&app, &caller, &format!("{scope}/{name}"), action, request).await
}

async fn answer(
    app: &App,
    caller: &Caller,
    name: &str,
    action: String,
    request: Request,
) -> Result<Response, Rejection> {
    let piece = lookup::piece_name(&app.registry, name)?;
    let (body, mut memory) = app.bodies.json::<RunBody>(caller, request).await?;
    let version = body.checked()?;
    let given = Given {
        external_id: body.connection_external_id.as_deref(),
        auth: body.auth.as_deref(),
        value: body.connection,
        input: &body.input,
    };
    let connection = given.connection(app, caller, &piece).await?;
    let mut step = StepRequest::new(piece, version, Step::Action { name: action, input: body.input });
    step.connection = connection;
    step.context.idempotency_key = body.idempotency_key;
    step.wall = body.timeout_ms.map(Duration::from_millis);
    // The step's input becomes text before the call waits for anything.
    memory.only_text();
    let run = app.runs.run(&caller.actor, step).await.map_err(|refusal| failure::refused(&app.registry, refusal))?;
    let (run, output) = failure::output(run)?;
    succeeded(&run, output)
}

impl RunBody {
    /// Checks what the types do not express. Returns the requested version.
    fn checked(&self) -> Result<VersionReq, Rejection> {
        let mut faults = Vec::new();
        if !self.input.is_object() {
            let message = format!("is {}; it must be an object: the properties by name", extract::name_of(&self.input));
            faults.push(Fault::new("/input", message));
        }
        if self.timeout_ms.is_some_and(|timeout| !(1..=MAX_TIMEOUT_MS).contains(&timeout)) {
            faults.push(Fault::new("/timeoutMs", format!("must be from 1 to {MAX_TIMEOUT_MS}")));
        }
        let usable = |key: &String| {
            (1..=MAX_IDEMPOTENCY_KEY).contains(&key.chars().count()) && !key.chars().any(char::is_control)
        };
        if !self.idempotency_key.as_ref().is_none_or(usable) {
            let message = format!("must have 1 to {MAX_IDEMPOTENCY_KEY} characters, none of them control characters");
            faults.push(Fault::new("/idempotencyKey", message));
        }
        let version = self.version.as_deref().unwrap_or_default().parse::<VersionReq>();
        let version =
            version.map_err(|error| faults.push(Fault::new("/version", error.to_string()))).unwrap_or_default();
        if faults.is_empty() { Ok(version) } else { Err(Rejection::invalid_members(faults)) }
    }
}

fn succeeded(run: &Run, output: Output) -> Result<Response, Rejection> {
    let output = output.into_raw();
    let answer = RunAnswer {
        run_id: &run.id,
        piece: run.piece.short(),
        version: &run.version,
        digest: run.digest,
        output: &output,
        logs: &run.report.logs,
        logs_dropped: run.report.logs_dropped,
        usage: run.report.usage,
    };
    // The members around the output come to about 400 bytes.
    let mut json = Vec::with_capacity(output.get().len() + 512);
    serde_json::to_writer(&mut json, &answer).map_err(|error| Rejection::internal(error.to_string()))?;
    let mut response = Response::new(body(json, run.report.held.clone()));
    let headers = response.headers_mut();
    // These two, those of the edge, and what hyper adds: one allocation instead of three.
    headers.reserve(10);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&run.id) {
        headers.insert(crate::edge::RUN_ID, id);
    }
    Ok(response)
}
