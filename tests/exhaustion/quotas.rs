//! What is kept for tenants and users, and what is done for them at once: events on their way, rows, refreshes, requests.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use leno_testkit::{Answer, Caller, Client, Grant, Options, Run, Upstream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::Scene;

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] = &[
    "connection_uses",
    "deliveries",
    "endpoint_events",
    "slow_deliveries",
    "store_bytes",
    "store_keys",
    "tenant_connect_sessions",
    "tenant_connection_tests",
    "tenant_connections",
    "tenant_deliveries",
    "tenant_endpoints",
    "tenant_event_tickets",
    "tenant_refreshes",
    "tenant_requests",
    "tenant_sign_ins",
    "user_connect_sessions",
    "user_connections",
    "user_deliveries",
    "user_endpoints",
    "user_event_tickets",
    "user_events",
    "user_requests",
    "user_sign_ins",
    "user_streams",
];

/// How long an event of a bystander may take. What others hold ends after 10 s only.
const PROMPT: Duration = Duration::from_secs(3);
/// How long what must happen may take on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// Two users of one tenant.
fn pair(scene: &Scene) -> (Client, Client) {
    let first = Caller::user();
    let mut second = Caller::user();
    second.tenant_id = first.tenant_id;
    (scene.server.client_of(&first), scene.server.client_of(&second))
}

/// Options with the upstream as a receiver of events.
fn receiving(upstream: &Upstream) -> Options {
    Options::new().env("LENO_WEBHOOK_PRIVATE", &upstream.address.to_string())
}

/// Adds an endpoint. Returns its id.
async fn endpoint(client: &Client, url: &str) -> String {
    let added = client.post("/api/events/endpoints", &json!({"url": url})).await.unwrap();
    assert_eq!(added.status, 201, "{}", added.text);
    added.body["id"].as_str().unwrap().to_owned()
}

async fn store(client: &Client, external_id: &str) -> Answer {
    let body = json!({
        "externalId": external_id, "displayName": external_id, "pieceName": "unknown", "type": "SECRET_TEXT",
        "value": {"type": "SECRET_TEXT", "secret_text": "s"},
    });
    client.post("/api/app-connections", &body).await.unwrap()
}

/// Stores a connection, which is an event.
async fn happen(client: &Client, external_id: &str) -> String {
    let stored = store(client, external_id).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    stored.body["id"].as_str().unwrap().to_owned()
}

/// Waits until `holds`.
async fn until(what: &str, deadline: Duration, holds: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < deadline, "{what}: not within {deadline:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

fn arrived(upstream: &Upstream, path: &str) -> usize {
    upstream.received().iter().filter(|request| request.target == path).count()
}

/// The refusal of a budget, as the API tells it.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, budget: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert_eq!(answer.body["details"]["budget"], budget, "{}", answer.text);
    assert_eq!(answer.headers.contains_key("retry-after"), status == 429, "{}", answer.text);
}

#[tokio::test]
async fn user_deliveries_and_tenant_deliveries_of_slow_receivers_leave_slots_for_a_third() {
    let upstream = Upstream::start().await.unwrap();
    let scene = Scene::start(receiving(&upstream).env("LENO_TENANT_DELIVERIES", "6")).await.unwrap();
    let (first, second) = pair(&scene);
    let mut endpoints = Vec::new();
    for (client, other) in [(&first, "1"), (&second, "2")] {
        for number in 0..10 {
            endpoints.push((client, endpoint(client, &upstream.url(&format!("/hold/{other}-{number}"))).await));
        }
        for number in 0..5 {
            happen(client, &format!("c-{number}")).await;
        }
    }
    upstream.holds(6, SOON).await.unwrap();
    endpoint(&scene.third, &upstream.url("/echo/third")).await;
    happen(&scene.third, "c").await;
    let took = until("the third's event arrives", PROMPT, async || arrived(&upstream, "/echo/third") == 1).await;
    println!("  the third's event took {took:.1?}");
    upstream.holds(6, SOON).await.unwrap();
    for (client, id) in endpoints {
        let removed = client.send(Method::DELETE, &format!("/api/events/endpoints/{id}"), None).await.unwrap();
        assert_eq!(removed.status, 204);
    }
    upstream.release();
    scene.end(&["user_deliveries", "tenant_deliveries"]).await.unwrap();
}

#[tokio::test]
async fn deliveries_that_come_free_go_to_those_who_hold_none() {
    let upstream = Upstream::start().await.unwrap();
    let scene = Scene::start(receiving(&upstream).env("LENO_DELIVERIES", "2")).await.unwrap();
    for number in 0..10 {
        endpoint(&scene.attacker, &upstream.url(&format!("/hold/{number}"))).await;
    }
    happen(&scene.attacker, "c").await;
    upstream.holds(2, SOON).await.unwrap();
    endpoint(&scene.third, &upstream.url("/echo/third")).await;
    happen(&scene.third, "c").await;
    upstream.release();
    until("the third's event arrives", PROMPT, async || arrived(&upstream, "/echo/third") == 1).await;
    let held = |request: &&leno_testkit::upstream::Received| request.target.starts_with("/hold");
    let others = upstream.received().iter().filter(held).count();
    assert!(others <= 6, "{others} deliveries went before it");
    until("the rest arrives", SOON, async || {
        upstream.release();
        upstream.received().iter().filter(held).count() == 10
    })
    .await;
    upstream.release();
    scene.end(&["deliveries"]).await.unwrap();
}

#[tokio::test]
async fn slow_deliveries_leave_slots_for_endpoints_that_are_quick() {
    let upstream = Upstream::start().await.unwrap();
    let options = receiving(&upstream).env("LENO_SLOW_DELIVERIES", "2").env("LENO_USER_DELIVERIES", "10");
    let scene = Scene::start(options).await.unwrap();
    let mut endpoints = Vec::new();
    for number in 0..6 {
        endpoints.push(endpoint(&scene.attacker, &upstream.url(&format!("/hold/{number}"))).await);
    }
    happen(&scene.attacker, "first").await;
    upstream.holds(6, SOON).await.unwrap();
    // An endpoint is slow when it takes 2 s.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    upstream.release();
    for id in endpoints {
        let made = format!("/api/events/endpoints/{id}/deliveries?status=DELIVERED");
        until("the first event is delivered", SOON, async || {
            scene.attacker.get(&made).await.unwrap().body["data"][0].is_object()
        })
        .await;
    }
    let delivered = || upstream.received().len();
    happen(&scene.attacker, "second").await;
    upstream.holds(2, SOON).await.unwrap();
    until("the others are refused", SOON, async || scene.refusals("slow_deliveries").await.unwrap() > 0.0).await;
    assert_eq!(delivered(), 8);
    endpoint(&scene.third, &upstream.url("/echo/third")).await;
    happen(&scene.third, "c").await;
    until("the third's event arrives", PROMPT, async || arrived(&upstream, "/echo/third") == 1).await;
    until("the rest arrives", SOON, async || {
        upstream.release();
        delivered() == 13
    })
    .await;
    upstream.release();
    scene.end(&["slow_deliveries"]).await.unwrap();
}

#[tokio::test]
async fn endpoint_events_and_user_events_beyond_the_limit_are_given_up_and_the_next_one_tells_it() {
    let upstream = Upstream::start().await.unwrap();
    let options = receiving(&upstream).env("LENO_ENDPOINT_EVENTS", "5").env("LENO_USER_EVENTS", "8");
    let scene = Scene::start(options).await.unwrap();
    let id = endpoint(&scene.attacker, &upstream.url("/hold")).await;
    happen(&scene.attacker, "first").await;
    upstream.holds(1, SOON).await.unwrap();
    for number in 0..12 {
        happen(&scene.attacker, &format!("c-{number}")).await;
    }
    let deliveries =
        scene.attacker.get(&format!("/api/events/endpoints/{id}/deliveries?status=PENDING")).await.unwrap();
    assert_eq!(deliveries.body["data"].as_array().map(Vec::len), Some(5), "{}", deliveries.text);
    let dead = scene.attacker.get(&format!("/api/events/endpoints/{id}/deliveries?status=DEAD")).await.unwrap();
    assert_eq!(dead.body["data"][0]["lastError"], "too many events waited for this endpoint", "{}", dead.text);
    until("the rest arrives", SOON, async || {
        upstream.release();
        arrived(&upstream, "/hold") == 5
    })
    .await;
    let told: Vec<_> =
        upstream.received().iter().map(|one| one.header("leno-dropped-before").map(str::to_owned)).collect();
    assert_eq!(told, [None, Some("8".into()), None, None, None]);
    upstream.release();
    for budget in ["endpoint_events", "user_events"] {
        assert!(scene.refusals(budget).await.unwrap() > 0.0, "{budget}");
    }
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_endpoints_and_tenant_endpoints_are_refused_beyond_the_limit() {
    let options = Options::new().env("LENO_USER_ENDPOINTS", "2").env("LENO_TENANT_ENDPOINTS", "3");
    let scene = Scene::start(options).await.unwrap();
    let (first, second) = pair(&scene);
    let url = "https://example.com/hook";
    let id = endpoint(&first, url).await;
    endpoint(&first, url).await;
    let answer = first.post("/api/events/endpoints", &json!({"url": url})).await.unwrap();
    refused(&answer, 409, "too_many_webhooks", "user_endpoints");
    let said = "you may have 2 event endpoints (LENO_USER_ENDPOINTS); remove one of them first";
    assert_eq!(answer.body["detail"], said);
    endpoint(&second, url).await;
    let answer = second.post("/api/events/endpoints", &json!({"url": url})).await.unwrap();
    refused(&answer, 409, "too_many_webhooks", "tenant_endpoints");
    endpoint(&scene.third, url).await;
    let removed = first.send(Method::DELETE, &format!("/api/events/endpoints/{id}"), None).await.unwrap();
    assert_eq!(removed.status, 204);
    endpoint(&second, url).await;
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_connections_and_tenant_connections_are_refused_beyond_the_limit() {
    let options = Options::new().env("LENO_USER_CONNECTIONS", "10").env("LENO_TENANT_CONNECTIONS", "15");
    let scene = Scene::start(options).await.unwrap();
    let (first, second) = pair(&scene);
    let names: Vec<_> = (0..20).map(|number| format!("c-{number}")).collect();
    let answers = join_all(names.iter().map(|name| store(&first, name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 10);
    refused(
        answers.iter().find(|answer| answer.status != 201).unwrap(),
        409,
        "too_many_connections",
        "user_connections",
    );
    let mine: Vec<Value> =
        answers.into_iter().filter(|answer| answer.status == 201).map(|answer| answer.body).collect();
    // To replace one takes no room.
    happen(&first, mine[0]["externalId"].as_str().unwrap()).await;
    let answers = join_all(names.iter().take(8).map(|name| store(&second, name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    let answer = store(&second, "one more").await;
    refused(&answer, 409, "too_many_connections", "tenant_connections");
    happen(&scene.third, "c").await;
    let gone = format!("/api/app-connections/{}", mine[0]["id"].as_str().unwrap());
    let removed = first.send(Method::DELETE, &gone, None).await.unwrap();
    assert!(removed.status < 300, "{}", removed.text);
    happen(&second, "one more").await;
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_sign_ins_and_tenant_sign_ins_are_refused_beyond_the_limit() {
    let options = Options::new().guest("oauth-probe").env("LENO_USER_SIGN_INS", "3").env("LENO_TENANT_SIGN_INS", "5");
    let scene = Scene::start(options).await.unwrap();
    scene.operator.active("oauth-probe.wasm").await.unwrap();
    let (first, second) = pair(&scene);
    let body = json!({
        "pieceName": "oauth-probe", "clientId": "leno", "props": {"base": "https://provider.example"},
        "redirectUrl": format!("{}/api/app-connections/oauth2/callback", scene.server.url()),
    });
    let begin = async |client: &Client| client.post("/api/app-connections/oauth2/start", &body).await.unwrap();
    for _ in 0..3 {
        let answer = begin(&first).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    refused(&begin(&first).await, 429, "budget_exhausted", "user_sign_ins");
    assert_eq!((begin(&second).await.status, begin(&second).await.status), (200, 200));
    refused(&begin(&second).await, 429, "budget_exhausted", "tenant_sign_ins");
    assert_eq!(begin(&scene.third).await.status, 200);
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_connect_sessions_and_tenant_connect_sessions_are_refused_beyond_the_limit() {
    let options = Options::new()
        .guest("oauth-probe")
        .env("LENO_USER_CONNECT_SESSIONS", "3")
        .env("LENO_TENANT_CONNECT_SESSIONS", "5");
    let scene = Scene::start(options).await.unwrap();
    scene.operator.active("oauth-probe.wasm").await.unwrap();
    let (first, second) = pair(&scene);
    let body = json!({"pieceName": "oauth-probe", "externalId": "mine"});
    let open = async |client: &Client| client.post("/api/connect-sessions", &body).await.unwrap();
    let answers = join_all((0..10).map(|_| open(&first))).await;
    let opened: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(opened.len(), 3);
    refused(&open(&first).await, 429, "budget_exhausted", "user_connect_sessions");
    assert_eq!((open(&second).await.status, open(&second).await.status), (201, 201));
    refused(&open(&second).await, 429, "budget_exhausted", "tenant_connect_sessions");
    assert_eq!(open(&scene.third).await.status, 201);
    // One that is closed makes room.
    let path = format!("/api/connect-sessions/{}", opened[0].body["id"].as_str().unwrap());
    assert_eq!(first.send(Method::DELETE, &path, None).await.unwrap().status, 204);
    assert_eq!(open(&second).await.status, 201);
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_event_tickets_and_tenant_event_tickets_are_refused_beyond_the_limit() {
    let options = Options::new().env("LENO_USER_EVENT_TICKETS", "3").env("LENO_TENANT_EVENT_TICKETS", "5");
    let scene = Scene::start(options).await.unwrap();
    let (first, second) = pair(&scene);
    let issue = async |client: &Client| client.post("/api/events/tickets", &json!({})).await.unwrap();
    let answers = join_all((0..10).map(|_| issue(&first))).await;
    let issued: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(issued.len(), 3);
    refused(&issue(&first).await, 429, "budget_exhausted", "user_event_tickets");
    assert_eq!((issue(&second).await.status, issue(&second).await.status), (201, 201));
    refused(&issue(&second).await, 429, "budget_exhausted", "tenant_event_tickets");
    assert_eq!(issue(&scene.third).await.status, 201);
    // One that is used makes room.
    let stream = reqwest::get(issued[0].body["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(stream.status(), 200);
    assert_eq!(issue(&second).await.status, 201);
    drop(stream);
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn tenant_refreshes_and_tenant_connection_tests_that_hang_refuse_further_ones_of_the_tenant_alone() {
    let upstream = Upstream::start().await.unwrap();
    let options = Options::new()
        .grant("probe", Grant::private([upstream.address]))
        .env("LENO_TENANT_REFRESHES", "2")
        .env("LENO_TENANT_CONNECTION_TESTS", "3");
    let scene = Scene::start(options).await.unwrap();
    // A token that has expired, of a piece that this host does not have.
    let expired = async |client: &Client, name: &str, path: &str| {
        let value = json!({
            "type": "OAUTH2", "access_token": "a", "refresh_token": "r", "token_type": "bearer", "scope": "read",
            "expires_in": 1, "claimed_at": 1_700_000_000, "token_url": upstream.url(path), "client_id": "c",
            "client_secret": "s", "redirect_url": "https://app.test/cb", "authorization_method": "BODY",
            "grant_type": "authorization_code", "data": {},
        });
        let body = json!({
            "externalId": name, "displayName": name, "pieceName": "probe", "type": "OAUTH2", "value": value,
        });
        let stored = client.post("/api/app-connections", &body).await.unwrap();
        assert_eq!(stored.status, 201, "{}", stored.text);
        format!("/api/app-connections/{}/test", stored.body["id"].as_str().unwrap())
    };
    let mut held = Vec::new();
    for name in ["a", "b"] {
        let test = expired(&scene.attacker, name, "/hold").await;
        let client = scene.attacker.clone();
        held.push(tokio::spawn(async move { client.post(&test, &Value::Null).await.unwrap() }));
    }
    upstream.holds(2, SOON).await.unwrap();
    let test = expired(&scene.attacker, "c", "/hold").await;
    refused(&scene.attacker.post(&test, &Value::Null).await.unwrap(), 429, "budget_exhausted", "tenant_refreshes");
    // One that joins the refresh of another.
    let list = scene.attacker.get("/api/app-connections").await.unwrap();
    let first = list.body["data"].as_array().unwrap().iter().find(|one| one["externalId"] == "a").unwrap();
    let (again, client) =
        (format!("/api/app-connections/{}/test", first["id"].as_str().unwrap()), scene.attacker.clone());
    held.push(tokio::spawn(async move { client.post(&again, &Value::Null).await.unwrap() }));
    let metric = [("budget", "tenant_connection_tests")];
    until("three tests are under way", SOON, async || {
        scene.operator.metrics().await.unwrap().sum("leno_budget_used", &metric) >= 3.0
    })
    .await;
    let answer = scene.attacker.post(&test, &Value::Null).await.unwrap();
    refused(&answer, 429, "budget_exhausted", "tenant_connection_tests");
    // The other tenant's provider answers nonsense, but it is asked.
    let test = expired(&scene.third, "d", "/text/nonsense").await;
    assert_ne!(scene.third.post(&test, &Value::Null).await.unwrap().status, 429);
    assert_eq!(arrived(&upstream, "/text/nonsense"), 1);
    upstream.release();
    for test in held {
        test.await.unwrap();
    }
    scene.end(&["tenant_refreshes", "tenant_connection_tests"]).await.unwrap();
}

#[tokio::test]
async fn store_keys_and_store_bytes_beyond_the_limit_are_refused_to_the_piece() {
    let options = Options::new().guest("hostile").env("LENO_STORE_KEYS", "20").env("LENO_STORE_BYTES", "1048576");
    let scene = Scene::start(options).await.unwrap();
    scene.operator.active("hostile.wasm").await.unwrap();
    let put = async |client: &Client, op: &str, key: &str, bytes: usize| {
        let input = json!({"op": op, "scope": "project", "key": key, "bytes": bytes});
        client.run(&Run::new("hostile", "store").input(input)).await.unwrap()
    };
    let refused = |answer: &Answer, said: &str| {
        assert_eq!((answer.status, answer.code()), (403, "store-quota"), "{}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains(said), "{}", answer.text);
    };
    let kept = |answer: Answer| assert_eq!(answer.status, 200, "{}", answer.text);
    for number in 0..20 {
        kept(put(&scene.attacker, "put", &format!("k-{number}"), 1).await);
    }
    refused(&put(&scene.attacker, "put", "one more", 1).await, "20 keys in the store of a piece (LENO_STORE_KEYS)");
    refused(&put(&scene.attacker, "cas", "one more", 1).await, "20 keys in the store of a piece (LENO_STORE_KEYS)");
    kept(put(&scene.attacker, "put", "k-0", 512 << 10).await);
    let beyond = put(&scene.attacker, "put", "k-1", 512 << 10).await;
    refused(&beyond, "1048576 bytes of values in the store of a piece (LENO_STORE_BYTES)");
    kept(put(&scene.third, "put", "k-1", 512 << 10).await);
    kept(put(&scene.attacker, "delete", "k-0", 1).await);
    kept(put(&scene.attacker, "put", "one more", 512 << 10).await);
    for budget in ["store_keys", "store_bytes"] {
        assert!(scene.refusals(budget).await.unwrap() > 0.0, "{budget}");
    }
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_requests_and_tenant_requests_beyond_the_limit_are_refused_with_a_time_to_come_back() {
    // The neighbour sends up to 200 a second.
    let options = Options::new().env("LENO_USER_REQUESTS", "250").env("LENO_TENANT_REQUESTS", "300");
    let scene = Scene::start(options).await.unwrap();
    let flood = async |clients: &[&Client]| {
        let senders = (0..32).map(|sender| clients[sender % clients.len()].clone());
        let sent = senders.map(async |client: Client| {
            let mut refusals = Vec::new();
            for _ in 0..50 {
                let answer = client.get("/api/pieces?limit=1").await.unwrap();
                if answer.status == 429 {
                    refusals.push(answer);
                } else {
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            }
            refusals
        });
        join_all(sent).await.concat()
    };
    let refusals = flood(&[&scene.attacker]).await;
    let answer = refusals.first().expect("a refusal");
    refused(answer, 429, "budget_exhausted", "user_requests");
    assert_eq!(answer.headers["ratelimit-policy"], r#""user";q=250;w=1"#);
    assert_eq!(answer.headers["ratelimit"], r#""user";r=0;t=1"#);
    let (first, second) = pair(&scene);
    let refusals = flood(&[&first, &second]).await;
    let of_tenant = refusals.iter().find(|answer| answer.body["details"]["per"] == "tenant").expect("a refusal");
    refused(of_tenant, 429, "budget_exhausted", "tenant_requests");
    assert_eq!(scene.third.get("/api/pieces?limit=1").await.unwrap().status, 200);
    scene.end(&["user_requests", "tenant_requests"]).await.unwrap();
}

#[tokio::test]
async fn user_streams_beyond_the_limit_are_refused_to_their_user_alone() {
    let scene = Scene::start(Options::new().env("LENO_USER_STREAMS", "3")).await.unwrap();
    let http = reqwest::Client::new();
    let open = async |client: &Client| {
        let url = format!("{}/api/events", scene.server.url());
        http.get(url).bearer_auth(client.token()).send().await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(open(&scene.attacker).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == 200));
    refused(&scene.attacker.get("/api/events").await.unwrap(), 429, "budget_exhausted", "user_streams");
    assert_eq!(open(&scene.third).await.status(), 200);
    drop(streams);
    scene.end(&["user_streams"]).await.unwrap();
}

#[tokio::test]
async fn connection_uses_beyond_those_that_are_counted_one_by_one_hold_up_no_run() {
    let scene = Scene::start(Options::new().guest("oauth-probe").env("LENO_CONNECTION_USES", "16")).await.unwrap();
    scene.operator.active("oauth-probe.wasm").await.unwrap();
    for number in 0..40 {
        let name = format!("c{number}");
        let body = json!({
            "externalId": name, "displayName": name, "pieceName": "oauth-probe", "type": "SECRET_TEXT",
            "value": {"type": "SECRET_TEXT", "secret_text": "a-secret-of-the-test"},
        });
        let stored = scene.attacker.post("/api/app-connections", &body).await.unwrap();
        assert_eq!(stored.status, 201, "{}", stored.text);
        let run = Run::new("oauth-probe", "noop").with("connectionExternalId", name);
        let answer = scene.attacker.run(&run).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    scene.end_holding(&["connection_uses"], &["connection_uses"]).await.unwrap();
}
