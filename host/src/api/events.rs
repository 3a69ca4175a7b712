//! What happens to the caller's connections, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use leno_base::Owner;
use leno_events::ListenError;
use uuid::Uuid;

use super::App;
use crate::edge::{Rejection, authorization::Authorized};

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
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "streamConnectionEvents",
    tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The last event that the client has.")),
    responses(
        (status = 200, description = "The stream of events.", body = String, content_type = "text/event-stream"),
        (status = 429, description = "Too many streams of this user are open."),
        (status = 503, description = "The host is shutting down."),
    ),
)]
pub(super) async fn stream(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    let after = last_event_id(&headers)?;
    let events = app.events.listen(&Owner::from(&caller.actor), after).await.map_err(refused)?;
    let life = LIFE.min(app.identity.until(caller.expires_at));
    let hello = stream::iter([Event::default().retry(COME_BACK).comment("events")]);
    let events = events.map(|event| Event::default().id(&event.id).event(&event.kind).data(&event.payload));
    let events = hello.chain(events).map(Ok::<_, Infallible>).take_until(tokio::time::sleep(life));
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).text("still here")).into_response();
    response.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Uuid>, Rejection> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| Uuid::try_parse(text).ok());
    let id = id.filter(|id| id.get_version_num() == 7);
    id.map(Some).ok_or_else(|| {
        let detail = "the Last-Event-ID header is not the id of an event; send the last `id` of the stream, or omit \
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
