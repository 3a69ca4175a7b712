//! The endpoints that the caller's events are sent to, and their deliveries.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use leno_base::{Owner, budget::Spec, iso};
use leno_connections::EventKind;
use leno_db::{DeliveryRow, EndpointRow};
use leno_events::{EndpointError, Retried};
use leno_metadata::Problem as Fault;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use crate::edge::{
    Rejection,
    authorization::Authorized,
    budgets,
    extract::{JsonBody, Kind, Member, Path, Query, name_of},
};

/// The most deliveries of a response, and the default.
const MOST: i64 = 100;
const DEFAULT: i64 = 50;
const STATUSES: [&str; 3] = ["PENDING", "DELIVERED", "DEAD"];

/// The address to send events to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRequest, example = json!({"url": "https://example.com/hooks", "events": ["connection.errored"]}))]
pub(super) struct Body {
    /// An https address on a public host.
    #[schema(max_length = 2048)]
    url: String,
    /// The types of events to send; all if empty or absent.
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Vec<Value>>,
}

impl JsonBody for Body {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "url", kind: Kind::Text, required: true },
        Member { name: "events", kind: Kind::List, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"url": "https://example.com/hooks", "events": ["connection.errored"]}"#;
}

/// Where events are sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    id: String,
    url: String,
    /// The types of events that are sent; empty for all.
    events: Vec<String>,
    /// When the receiver responded 410; no event is sent until one of the deliveries is retried.
    #[schema(format = "date-time")]
    disabled_at: Option<String>,
    #[schema(format = "date-time")]
    created: String,
    /// The signing secret, as in Standard Webhooks. Only in the response to the registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

/// The caller's event endpoints.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookList {
    data: Vec<Webhook>,
}

/// The delivery of one event to one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    id: String,
    event_id: String,
    r#type: String,
    /// `PENDING`, `DELIVERED`, or `DEAD` when it was given up.
    status: String,
    /// The number of attempts.
    attempts: i64,
    /// When it is sent next, if it is pending.
    #[schema(format = "date-time")]
    next_attempt_at: Option<String>,
    /// Why the last attempt failed.
    last_error: Option<String>,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    updated: String,
}

/// Deliveries, the newest event first.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryList {
    data: Vec<Delivery>,
}

/// Lists the caller's event endpoints.
#[utoipa::path(
    get,
    path = "/api/events/endpoints",
    operation_id = "listWebhooks",
    tag = "events",
    responses((status = 200, description = "The endpoints, oldest first.", body = WebhookList)),
)]
pub(super) async fn list(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
) -> Result<Json<WebhookList>, Rejection> {
    let rows = app.endpoints.list(&Owner::from(&caller.actor)).await.map_err(Rejection::from)?;
    Ok(Json(WebhookList { data: rows.into_iter().map(|row| shown(row, None)).collect() }))
}

/// Adds an event endpoint: the events of the caller's connections are sent to it.
///
/// Requests are signed as in Standard Webhooks, with the secret that only this response contains. An event is sent until
/// the receiver responds 2xx, for about a day; a receiver that responds 410 gets no further events. Events arrive in order,
/// each at least once and always with the same `webhook-id`. When too many wait for an endpoint, the oldest are given up:
/// the `leno-dropped-before` header of the next one that arrives says how many.
#[utoipa::path(
    post,
    path = "/api/events/endpoints",
    operation_id = "registerWebhook",
    tag = "events",
    request_body = Body,
    responses(
        (status = 201, description = "The endpoint; events are sent to it from now on.", body = Webhook),
        (status = 409, description = "The caller or the tenant has the maximum number of endpoints."),
    ),
)]
pub(super) async fn register(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<Webhook>), Rejection> {
    let (body, _memory) = app.bodies.json::<Body>(&caller, request).await?;
    let (kinds, mut faults) = kinds(body.events.as_deref().unwrap_or_default());
    if let (false, Err(EndpointError::Address(why))) = (faults.is_empty(), app.endpoints.check(&body.url)) {
        faults.insert(0, Fault::new("/url", why));
    }
    if !faults.is_empty() {
        return Err(Rejection::invalid_members(faults));
    }
    let done = app.endpoints.register(&Owner::from(&caller.actor), &body.url, &kinds).await;
    let (row, secret) = done.map_err(|error| match error {
        EndpointError::Address(why) => Rejection::invalid_members(vec![Fault::new("/url", why)]),
        EndpointError::TooMany(ref refusal) => {
            Rejection::full(refusal, "too_many_webhooks", "Too many event endpoints", error.to_string())
        }
        EndpointError::Db(error) => error.into(),
        EndpointError::Random(_) => Rejection::internal(error.to_string()),
    })?;
    let (user, tenant) = (&caller.actor.user, &caller.actor.tenant);
    tracing::info!(target: "audit", event = "webhook_registered", %user, %tenant, webhook = row.id, "an event endpoint was registered");
    Ok((StatusCode::CREATED, Json(shown(row, Some(secret.expose_secret().to_owned())))))
}

/// Removes an event endpoint with its pending deliveries.
#[utoipa::path(
    delete,
    path = "/api/events/endpoints/{id}",
    operation_id = "removeWebhook",
    tag = "events",
    params(("id" = String, Path, description = "The endpoint.")),
    responses(
        (status = 204, description = "It is removed."),
        (status = 404, description = "The caller has no such endpoint."),
    ),
)]
pub(super) async fn remove(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Rejection> {
    match app.endpoints.remove(&Owner::from(&caller.actor), &id).await.map_err(Rejection::from)? {
        true => {
            let (user, tenant) = (&caller.actor.user, &caller.actor.tenant);
            tracing::info!(target: "audit", event = "webhook_removed", %user, %tenant, webhook = id, "an event endpoint was removed");
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(missing()),
    }
}

/// Lists the deliveries of an event endpoint: delivered, pending, or given up.
#[utoipa::path(
    get,
    path = "/api/events/endpoints/{id}/deliveries",
    operation_id = "listWebhookDeliveries",
    tag = "events",
    params(
        ("id" = String, Path, description = "The endpoint."),
        ("status" = Option<String>, Query, description = "`PENDING`, `DELIVERED` or `DEAD`; all if absent."),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "The maximum number of deliveries; 50 if absent."),
    ),
    responses(
        (status = 200, description = "The deliveries, the newest event first.", body = DeliveryList),
        (status = 404, description = "The caller has no such endpoint."),
    ),
)]
pub(super) async fn deliveries(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<DeliveryList>, Rejection> {
    let mut faults = Vec::new();
    let status = query.get("status").filter(|status| {
        let known = STATUSES.contains(status);
        if !known {
            faults.push(Fault::new("status", format!("must be one of {}", STATUSES.join(", "))));
        }
        known
    });
    let limit = query.limit(MOST).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if !faults.is_empty() {
        return Err(Rejection::invalid_query(faults));
    }
    let limit = limit.unwrap_or(DEFAULT);
    let rows = app.endpoints.deliveries(&Owner::from(&caller.actor), &id, status, limit).await;
    let rows = rows.map_err(Rejection::from)?.ok_or_else(missing)?;
    Ok(Json(DeliveryList { data: rows.into_iter().map(delivery).collect() }))
}

/// Retries a delivery now: one that was given up, or that waits for its next attempt.
///
/// A disabled endpoint is enabled.
#[utoipa::path(
    post,
    path = "/api/events/endpoints/{id}/deliveries/{delivery}/retry",
    operation_id = "retryWebhookDelivery",
    tag = "events",
    params(
        ("id" = String, Path, description = "The endpoint."),
        ("delivery" = String, Path, description = "The delivery."),
    ),
    responses(
        (status = 200, description = "The delivery is pending again.", body = Delivery),
        (status = 404, description = "The caller has no such endpoint or delivery."),
        (status = 409, description = "The receiver has accepted the event already."),
    ),
)]
pub(super) async fn retry(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    Path((id, delivery_id)): Path<(String, String)>,
) -> Result<Json<Delivery>, Rejection> {
    match app.endpoints.retry(&Owner::from(&caller.actor), &id, &delivery_id).await.map_err(Rejection::from)? {
        Retried::Pending(row) => Ok(Json(delivery(row))),
        Retried::Delivered => {
            let detail = "the receiver has accepted this event; only other events can be sent again";
            Err(Rejection::new(StatusCode::CONFLICT, "already_delivered", "Already delivered", detail))
        }
        Retried::Missing => Err(missing()),
    }
}

/// The types of events, or the problem with each of them.
fn kinds(events: &[Value]) -> (Vec<&'static str>, Vec<Fault>) {
    let (mut kinds, mut faults) = (Vec::new(), Vec::new());
    for (event, at) in events.iter().zip(0..) {
        let name = event.as_str();
        match EventKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == name) {
            Some(kind) if !kinds.contains(&kind.as_str()) => kinds.push(kind.as_str()),
            Some(_) => {}
            None if faults.len() < leno_metadata::MAX_PROBLEMS => {
                let known = EventKind::ALL.map(EventKind::as_str).join(", ");
                let what = if name.is_some() { "not a type of event" } else { name_of(event) };
                faults.push(Fault::new(format!("/events/{at}"), format!("is {what}; the types are {known}")));
            }
            None => {}
        }
    }
    (kinds, faults)
}

fn shown(row: EndpointRow, secret: Option<String>) -> Webhook {
    Webhook {
        id: row.id,
        url: row.url,
        events: serde_json::from_str(&row.events).unwrap_or_default(),
        disabled_at: row.disabled_at.map(iso),
        created: iso(row.created_at),
        secret,
    }
}

fn delivery(row: DeliveryRow) -> Delivery {
    Delivery {
        id: row.id,
        event_id: row.event_id,
        r#type: row.kind,
        next_attempt_at: (row.status == "PENDING").then(|| iso(row.next_at)),
        status: row.status,
        attempts: row.attempts,
        last_error: row.last_error,
        created: iso(row.created_at),
        updated: iso(row.updated_at),
    }
}

fn missing() -> Rejection {
    let detail = "you have no such event endpoint or delivery; GET /api/events/endpoints lists your endpoints";
    Rejection::new(StatusCode::NOT_FOUND, "webhook_not_found", "Event endpoint not found", detail)
}
