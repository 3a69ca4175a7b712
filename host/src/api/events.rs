//! What happens to the caller's connections, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use leno_base::{Owner, iso};
use leno_events::{ListenError, TicketError};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use crate::edge::{Rejection, authorization::Authorized, extract::Query, ring::Sender};

/// The event that a client got last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx not to buffer the stream.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// The interval of comments on a quiet stream.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a stream lasts at most; it ends before, when its token does.
const LIFE: Duration = Duration::from_secs(3600);
/// How long a client waits before it reconnects.
const COME_BACK: Duration = Duration::from_secs(2);

/// Streams the events of the caller's connections.
///
/// Each event has an `id`, its type as `event`, and as `data` the body that endpoints get. After the stream ends, a client
/// resumes by sending the last id as `Last-Event-ID`. Events arrive in the order in which the changes were made, each at least once; duplicates have the same id. A
/// quiet stream sends a comment every 15 seconds, and each stream ends after an hour, or when the access token does.
///
/// A browser's `EventSource` sends no `Authorization` header: it opens the stream with a ticket instead.
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "streamConnectionEvents",
    tag = "events",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that the client has."),
        ("lastEventId" = Option<String>, Query, description = "The same, for a new `EventSource`, which cannot send the header."),
        ("ticket" = Option<String>, Query, description = "In place of the access token: good once, within a minute."),
    ),
    responses(
        (status = 200, description = "The stream of events.", body = String, content_type = "text/event-stream"),
        (status = 429, description = "Too many streams of this user are open."),
        (status = 503, description = "The host is shutting down."),
    ),
)]
pub(super) async fn stream(
    listener: Listener,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Rejection> {
    let after = last_event_id(&headers, &query)?;
    let events = app.events.listen(&listener.owner, after).await.map_err(refused)?;
    let life = LIFE.min(listener.life);
    let hello = stream::iter([Event::default().retry(COME_BACK).comment("events")]);
    let events = events.map(|event| Event::default().id(&event.id).event(&event.kind).data(&event.payload));
    let events = hello.chain(events).map(Ok::<_, Infallible>).take_until(tokio::time::sleep(life));
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).text("still here")).into_response();
    response.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Whose events are streamed, and for how long at most.
pub(super) struct Listener {
    owner: Owner,
    life: Duration,
}

impl FromRequestParts<Arc<App>> for Listener {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Rejection> {
        let query = Query::from_request_parts(parts, app).await?;
        let ticket = query.get("ticket").filter(|_| !parts.headers.contains_key(header::AUTHORIZATION));
        let Some(ticket) = ticket else {
            let Authorized(caller) = Authorized::from_request_parts(parts, app).await?;
            return Ok(Self { owner: Owner::from(&caller.actor), life: app.identity.until(caller.expires_at) });
        };
        // Nobody is known yet, and a ticket is looked for with a write.
        let Ok(sender) = Sender::from_request_parts(parts, app).await;
        app.rates.admit_peer(sender.0)?;
        let taken = app.tickets.redeem(ticket).await?;
        let Some((owner, ends_at)) = taken else {
            let detail = "the ticket was used, is older than a minute, or is none of this host's; get another from \
                          POST /api/events/tickets";
            return Err(Rejection::new(StatusCode::UNAUTHORIZED, "invalid_ticket", "Unauthorized", detail));
        };
        let ends_at = u64::try_from(ends_at / 1_000).unwrap_or_default();
        Ok(Self { owner, life: app.identity.until(ends_at) })
    }
}

/// A ticket for a stream.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventTicket)]
pub(super) struct Ticket {
    /// For the `ticket` parameter.
    ticket: String,
    /// The address of the stream, with the ticket in it.
    url: String,
    /// Until when the stream can be opened with it.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Issues a ticket with which a browser opens the stream of the caller's events.
///
/// It is good once, within a minute. The stream ends when the access token does that the ticket was asked for with.
#[utoipa::path(
    post,
    path = "/api/events/tickets",
    operation_id = "issueEventTicket",
    tag = "events",
    responses(
        (status = 201, description = "The ticket.", body = Ticket),
        (status = 429, description = "Too many tickets of the user or the tenant were not used yet."),
    ),
)]
pub(super) async fn ticket(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
) -> Result<(StatusCode, Json<Ticket>), Rejection> {
    let ends_at = i64::try_from(caller.expires_at).unwrap_or_default().saturating_mul(1_000);
    let (ticket, expires_at) = app.tickets.issue(&Owner::from(&caller.actor), ends_at).await.map_err(not_issued)?;
    let ticket = ticket.expose_secret().to_owned();
    let url = format!("{}/api/events?ticket={ticket}", app.public_url);
    Ok((StatusCode::CREATED, Json(Ticket { ticket, url, expires_at: iso(expires_at) })))
}

fn not_issued(error: TicketError) -> Rejection {
    match error {
        TicketError::TooMany(refusal) => Rejection::exhausted(&refusal),
        TicketError::Db(error) => error.into(),
        TicketError::Randomness(error) => Rejection::internal(error.to_string()),
    }
}

fn last_event_id(headers: &HeaderMap, query: &Query) -> Result<Option<Uuid>, Rejection> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let Some(text) = header.or_else(|| query.get("lastEventId")).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let id = Uuid::try_parse(text).ok();
    let id = id.filter(|id| id.get_version_num() == 7);
    id.map(Some).ok_or_else(|| {
        let detail = "Last-Event-ID is not the id of an event; send the last `id` of the stream, or omit \
                      the header to get new events only";
        Rejection::bad_request("invalid_last_event_id", detail)
    })
}

fn refused(error: ListenError) -> Rejection {
    match error {
        ListenError::TooMany(refusal) => Rejection::exhausted(&refusal),
        ListenError::Stopping => {
            Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "Shutting down", error.to_string())
                .retry_after(Duration::from_secs(5))
        }
        ListenError::Db(error) => error.into(),
    }
}
