//! For whoever operates the host: whether it is up, whether it is ready, what it counts.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};

use super::{App, schema::Status};
use crate::{edge::Rejection, metrics};

/// How long the database may take to answer that it is there.
const PING: Duration = Duration::from_secs(2);

/// Whether the process is up. Answers as long as it can answer anything.
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

/// Whether requests may be sent here: the pieces directory has been read and the database answers.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readiness",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "They may.", body = Status),
        (status = 503, description = "Not now; the answer says why."),
    ),
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Status>, Rejection> {
    let mut reasons = Vec::new();
    if !app.registry.is_ready() {
        reasons.push("the pieces directory has not been read yet");
    }
    match tokio::time::timeout(PING, app.db.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            reasons.push("the database does not answer");
        }
        Err(_) => {
            tracing::warn!("the database did not answer within {PING:?}");
            reasons.push("the database does not answer in time");
        }
    }
    if reasons.is_empty() {
        return Ok(Json(Status { status: "ready" }));
    }
    let problem = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready", reasons.join("; "));
    Err(problem.retry_after(Duration::from_secs(1)))
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
