//! For operators: health, readiness, metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRequestParts as _, Request, State},
    response::IntoResponse,
};
use http::{StatusCode, header};
use leno_base::{TaskStatus, iso, micros, unix_milliseconds};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, schema::Status};
use crate::{
    edge::{Rejection, authorization::Operator, extract::Query},
    metrics,
};

/// How long the database may take to respond.
const PING: Duration = Duration::from_secs(2);

/// Marks routes apart from which those of the operator are served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart;

/// Whether the process is up.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It is.", body = Status)),
)]
pub(super) async fn healthz() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Whether the host is ready for requests: the pieces directory has been read and the database responds.
///
/// `verbose` also lists the background tasks. It needs the operator's permission, because the results quote errors.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readiness",
    tag = "operations",
    security(()),
    params(("verbose" = Option<bool>, Query, description = "Lists the background tasks; needs `LENO_ADMIN` or the internal token.")),
    responses(
        (status = 200, description = "They may.", body = Readiness),
        (status = 401, description = "`verbose` without a token."),
        (status = 403, description = "`verbose` without the operator's permission."),
        (status = 404, description = "`verbose` where the operator has an address apart."),
        (status = 503, description = "Not ready; `detail` says why."),
    ),
)]
pub(super) async fn readyz(
    State(app): State<Arc<App>>,
    query: Query,
    request: Request,
) -> Result<Json<Readiness>, Rejection> {
    let tasks = match query.flag("verbose").map_err(|fault| Rejection::invalid_query(vec![fault]))? {
        true if request.extensions().get::<Apart>().is_some() => {
            let detail = "the background tasks are listed at the operator's own address, LENO_ADMIN_LISTEN";
            return Err(Rejection::new(StatusCode::NOT_FOUND, "no_route", "Not found", detail));
        }
        true => {
            let (mut parts, _) = request.into_parts();
            Operator::from_request_parts(&mut parts, &app).await?;
            Some(app.tasks.status().into_iter().map(Task::from).collect())
        }
        false => None,
    };
    let mut reasons = Vec::new();
    if !app.registry.is_ready() {
        reasons.push("the pieces directory has not been read yet");
    }
    match tokio::time::timeout(PING, app.db.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not respond");
            reasons.push("the database does not respond");
        }
        Err(_) => {
            tracing::warn!("the database did not respond within {PING:?}");
            reasons.push("the database does not respond in time");
        }
    }
    if reasons.is_empty() {
        return Ok(Json(Readiness { status: "ready", tasks }));
    }
    let not_ready = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready", reasons.join("; "));
    Err(not_ready.retry_after(Duration::from_secs(1)))
}

/// Whether the host is ready.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
    /// The background tasks, with `verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Vec<Task>>,
}

/// A background task.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackgroundTask)]
pub(super) struct Task {
    name: &'static str,
    /// Seconds from the end of one pass to the next, before jitter.
    interval_seconds: u64,
    /// Passes so far.
    runs: u64,
    /// Passes that failed.
    errors: u64,
    /// When the last pass ended.
    #[schema(format = DateTime)]
    last_run: Option<String>,
    /// How long it took.
    last_micros: Option<u64>,
    /// What it did, in a few words; absent when it failed.
    last_result: Option<String>,
    /// Why it failed.
    last_error: Option<String>,
    /// When the next pass is due; absent while one is under way.
    #[schema(format = DateTime)]
    next_run: Option<String>,
}

impl From<TaskStatus> for Task {
    fn from(status: TaskStatus) -> Self {
        let time = |at| iso(unix_milliseconds(at));
        let (last_result, last_error) = match status.last_result {
            Some(Ok(done)) => (Some(done), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Self {
            name: status.name,
            interval_seconds: status.interval.as_secs(),
            runs: status.runs,
            errors: status.errors,
            last_run: status.last_run.map(time),
            last_micros: status.last_took.map(micros),
            last_result,
            last_error,
            next_run: status.next_run.map(time),
        }
    }
}

/// The counters, in the OpenMetrics text format that Prometheus reads.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The counters.", body = String, content_type = "application/openmetrics-text")),
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Rejection> {
    let pieces = app.registry.latest().len();
    let text = app.metrics.encode(app.engine.pool(), app.engine.max_calls(), pieces);
    let text = text.map_err(|error| Rejection::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
}
