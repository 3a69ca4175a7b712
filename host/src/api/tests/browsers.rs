//! Pages of another origin, as their browser lets them use the API.

use super::{connections::LIST, *};

const ORIGIN: &str = "https://app.gauzy.co";

async fn preflight(host: &Host, origin: &str, method: &str, path: &str) -> HeaderMap {
    let request = request("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type");
    host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts().0.headers
}

async fn from(host: &Host, origin: &str, method: &str, path: &str) -> HeaderMap {
    let request = request(method, path).header("origin", origin).body(Body::empty()).unwrap();
    host.router.clone().oneshot(request).await.unwrap().into_parts().0.headers
}

#[tokio::test]
async fn an_allowed_origin_may_send_and_read_and_no_other() {
    let host = Host::with_piece().await;
    for (method, path) in
        [("GET", LIST), ("POST", "/token"), ("DELETE", "/api/app-connections/x"), ("POST", "/authorize")]
    {
        let headers = preflight(&host, ORIGIN, method, path).await;
        assert_eq!(
            headers.get("access-control-allow-origin").map(|value| value.as_bytes()),
            Some(ORIGIN.as_bytes()),
            "{method} {path}: {headers:?}"
        );
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["access-control-max-age"], "7200");
        assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
        assert!(headers["vary"].to_str().unwrap().to_lowercase().contains("origin"));
        for other in ["https://evil.test", "null", "https://app.gauzy.co.evil.test", "http://app.gauzy.co"] {
            let headers = preflight(&host, other, method, path).await;
            assert!(!headers.contains_key("access-control-allow-origin"), "{other} {path}: {headers:?}");
        }
    }
    // A refusal can be read as well: the page has to know that it must sign in again.
    let refused = from(&host, ORIGIN, "GET", LIST).await;
    assert_eq!(
        (&refused["access-control-allow-origin"], &refused["content-type"]),
        (&ORIGIN.parse().unwrap(), &"application/problem+json".parse().unwrap())
    );
    assert!(refused["access-control-expose-headers"].to_str().unwrap().contains("x-request-id"));
    assert!(!from(&host, "https://evil.test", "GET", LIST).await.contains_key("access-control-allow-origin"));
    // What a browser is sent to, the pages, and what only the operator does, are for no script of another origin.
    for path in [
        "/authorize",
        "/api/integration/ever-gauzy/oauth/authorize",
        "/api/app-connections/oauth2/callback",
        "/pages/grants",
        "/connect/x",
        "/api/admin/pieces",
        "/metrics",
    ] {
        for headers in [from(&host, ORIGIN, "GET", path).await, preflight(&host, ORIGIN, "GET", path).await] {
            assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_ticket_opens_one_stream_of_its_owners_events() {
    let host = Host::empty().await;
    let issued = host.json("/api/events/tickets", &json!({})).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let ticket = issued.body["ticket"].as_str().unwrap();
    assert!(issued.body["url"].as_str().unwrap().ends_with(&format!("/api/events?ticket={ticket}")));
    let open = async |query: String| {
        let request = request("GET", &format!("/api/events?{query}")).body(Body::empty()).unwrap();
        host.router.clone().oneshot(request).await.unwrap()
    };
    assert_eq!(open("ticket=nonsense".into()).await.status(), 401);
    assert_eq!(open("ticket=".into()).await.status(), 401);
    // Nothing else opens with it.
    let other = request("GET", &format!("{LIST}?ticket={ticket}")).body(Body::empty()).unwrap();
    assert_eq!(host.send(other).await.status, 401);
    let statuses = futures_util::future::join_all((0..8).map(|_| open(format!("ticket={ticket}")))).await;
    let mut opened: Vec<_> = statuses.into_iter().filter(|response| response.status() == 200).collect();
    assert_eq!(opened.len(), 1);
    let mut body = opened.pop().unwrap().into_body().into_data_stream();
    let (tenant, owner) = (host.claims.tenant_id.to_string(), host.claims.user_id.to_string());
    let event = happen(&host.events, &host.db, "connection.updated", &tenant, &owner).await;
    let mut text = String::new();
    while !text.contains(&event.id) {
        let part =
            tokio::time::timeout(Duration::from_secs(20), futures_util::StreamExt::next(&mut body)).await.unwrap();
        text.push_str(std::str::from_utf8(&part.unwrap().unwrap()).unwrap());
    }
    // A new `EventSource` names the last event in the address.
    let issued = host.json("/api/events/tickets", &json!({})).await;
    let ticket = issued.body["ticket"].as_str().unwrap();
    assert_eq!(open(format!("ticket={ticket}&lastEventId=x")).await.status(), 400);
}
