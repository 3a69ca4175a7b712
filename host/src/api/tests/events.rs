//! The stream of events as its reader meets it.

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;

use super::*;

const PATH: &str = "/api/events";

/// A reader of the stream.
struct Reader {
    headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(host: &Host, token: &str, after: Option<&str>) -> Self {
        let mut request = request("GET", PATH).header("authorization", format!("Bearer {token}"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        assert_eq!(parts.status, 200);
        Self { headers: parts.headers, body: body.into_data_stream(), text: String::new() }
    }

    /// The next block of lines; none at the end.
    async fn block(&mut self) -> Option<Vec<String>> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.lines().map(str::to_owned).collect(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let part = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        }
    }

    /// The next event. A stream that is only alive is a failure.
    async fn event(&mut self) -> Vec<String> {
        for _ in 0..2 {
            let block = self.block().await.unwrap();
            if block.iter().any(|line| line.starts_with("id:")) {
                return block;
            }
        }
        panic!("no event came");
    }
}

async fn change(host: &Host, claims: &Subject) -> EventRow {
    let (tenant, owner) = (claims.tenant_id.to_string(), claims.user_id.to_string());
    happen(&host.events, &host.db, "connection.updated", &tenant, &owner).await
}

fn lines(event: &EventRow) -> Vec<String> {
    vec![format!("id: {}", event.id), "event: connection.updated".into(), format!("data: {}", event.payload)]
}

#[tokio::test]
async fn a_stream_tells_events_as_they_come_and_resumes_after_the_last() {
    let host = Host::empty().await;
    let mut reader = Reader::open(&host, &host.token, None).await;
    assert_eq!(reader.headers["content-type"], "text/event-stream");
    let hello = reader.block().await.unwrap();
    assert!(hello.contains(&"retry: 2000".to_owned()), "{hello:?}");
    let first = change(&host, &host.claims).await;
    let mut block = reader.event().await;
    let mut expected = lines(&first);
    block.sort();
    expected.sort();
    assert_eq!(block, expected);
    drop(reader);

    let missed = change(&host, &host.claims).await;
    let mut reader = Reader::open(&host, &host.token, Some(&first.id)).await;
    assert!(reader.event().await.contains(&format!("id: {}", missed.id)));
    let live = change(&host, &host.claims).await;
    assert!(reader.event().await.contains(&format!("id: {}", live.id)));

    host.events.stop();
    assert_eq!(reader.block().await, None, "it ends with the host");
    host.get(PATH).await.refused(503, "stopping");
}

#[tokio::test]
async fn another_user_sees_nothing_of_it_not_even_when_resuming() {
    let host = Host::empty().await;
    let first = change(&host, &host.claims).await;
    let second = change(&host, &host.claims).await;
    for stranger in [
        Subject { user_id: Uuid::new_v4(), ..host.claims.clone() },
        Subject { tenant_id: Uuid::new_v4(), ..host.claims.clone() },
    ] {
        let token = host.identity.mint(&stranger, Duration::from_secs(60));
        let mut reader = Reader::open(&host, &token, Some(&first.id)).await;
        change(&host, &host.claims).await;
        let own = change(&host, &stranger).await;
        let block = reader.event().await;
        assert!(block.contains(&format!("id: {}", own.id)), "{block:?} {}", second.id);
    }
}

#[tokio::test]
async fn what_is_no_id_of_an_event_and_one_stream_too_many_are_refused() {
    let host = Host::empty().await;
    for id in ["x", "7", "00000000-0000-4000-8000-000000000000", "' OR 1=1"] {
        let request = request("GET", PATH).header("authorization", format!("Bearer {}", host.token));
        let answer = host.send(request.header("last-event-id", id).body(Body::empty()).unwrap()).await;
        answer.refused(400, "invalid_last_event_id");
    }
    let mut readers = Vec::new();
    for _ in 0..10 {
        readers.push(Reader::open(&host, &host.token, None).await);
    }
    let answer = host.get(PATH).await.refused(429, "budget_exhausted");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.body["details"], json!({"budget": "user_streams", "per": "user", "limit": 10}));
    readers.pop();
    Reader::open(&host, &host.token, None).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let host = Host::empty().await;
    let short = host.identity.mint(&host.claims, Duration::from_secs(2));
    let (mut ending, mut lasting) =
        (Reader::open(&host, &short, None).await, Reader::open(&host, &host.token, None).await);
    assert!(ending.block().await.is_some() && lasting.block().await.is_some(), "both are open");
    assert_eq!(ending.block().await, None);
    change(&host, &host.claims).await;
    lasting.event().await;
}
