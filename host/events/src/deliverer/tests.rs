use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse as _, Response as Answer},
};
use http::{HeaderMap, StatusCode};
use std::time::SystemTime;

use leno_base::{MovingClock, Owner, Periodic};
use leno_db::DeliveryRow;
use leno_egress::{Client, ClientConfig};
use leno_vault::Key;

use super::*;
use crate::{
    EndpointError, Endpoints, MAX_URL,
    signature::sign,
    stream::tests::{database, happen, owner, sample},
};
use leno_db::endpoints::Retried;
use secrecy::{ExposeSecret as _, SecretString};

/// What a receiver does with one request.
#[derive(Clone)]
enum Does {
    Answer(u16, Vec<(&'static str, String)>),
    Hang,
}

fn answers(status: u16) -> Does {
    Does::Answer(status, Vec::new())
}

#[derive(Clone, Default)]
struct Receiver {
    plan: Arc<Mutex<VecDeque<Does>>>,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Receiver {
    async fn start(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(receive).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn plan(&self, does: impl IntoIterator<Item = Does>) {
        self.plan.lock().unwrap().extend(does);
    }

    fn ids(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned()).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Answer {
    receiver.got.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
    let does = receiver.plan.lock().unwrap().pop_front().unwrap_or(answers(200));
    match does {
        Does::Answer(status, headers) => {
            let mut answer = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            answer
        }
        Does::Hang => std::future::pending().await,
    }
}

struct Scene {
    db: Db,
    clock: Arc<MovingClock>,
    events: Events,
    host: Host,
    receiver: Receiver,
    address: SocketAddr,
    secret: SecretString,
    endpoint: String,
    owner: Owner,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (db, directory) = database().await;
        let (clock, receiver) = (MovingClock::new(), Receiver::default());
        let address = receiver.start().await;
        let events = Events::new(db.clone(), &Budgets::default());
        let host = host(&db, &clock, address, &events);
        let owner = owner("t", "u");
        let url = format!("http://{address}/hook");
        let (endpoint, secret) = host.endpoints.register(&owner, &url, &[]).await.unwrap();
        let endpoint = endpoint.id;
        Self { db, clock, events, host, receiver, address, secret, endpoint, owner, _directory: directory }
    }

    async fn happen(&self) -> String {
        let row = sample(&self.owner, "x");
        happen(&self.events, &self.db, &self.clock, row).await.id
    }

    /// The deliveries, the oldest event first.
    async fn deliveries(&self) -> Vec<DeliveryRow> {
        let rows = self.host.endpoints.deliveries(&self.owner, &self.endpoint, None, 100).await.unwrap();
        rows.unwrap().into_iter().rev().collect()
    }

    async fn only(&self) -> DeliveryRow {
        let mut rows = self.deliveries().await;
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    fn now(&self) -> i64 {
        milliseconds(&*self.clock)
    }
}

/// The parts of a host that deliver events.
struct Host {
    endpoints: Endpoints,
    deliverer: Deliverer,
}

impl Host {
    async fn deliver_due(&self) -> usize {
        self.deliverer.deliver_due().await
    }
}

/// A host on that database, which may send to `address`.
fn host(db: &Db, clock: &Arc<MovingClock>, address: SocketAddr, events: &Events) -> Host {
    let keyring = Arc::new(Keyring::new(Key::parse(&"ab".repeat(32).into()).unwrap(), Vec::new()));
    let transport = Arc::new(Client::new(ClientConfig::default()).unwrap());
    let private = vec![address.to_string().parse().unwrap()];
    let endpoints =
        Endpoints::new(db.clone(), keyring.clone(), clock.clone(), private.clone(), events, &Budgets::default());
    let deliverer = Deliverer::new(db.clone(), keyring, clock.clone(), transport, private, events, &Budgets::default());
    Host { endpoints, deliverer }
}

#[tokio::test]
async fn an_event_arrives_signed_with_the_secret_that_was_shown() {
    let scene = Scene::new().await;
    let id = scene.happen().await;
    assert_eq!(scene.host.deliver_due().await, 1);
    let got = scene.receiver.got.lock().unwrap().clone();
    let (headers, body) = &got[0];
    assert_eq!(headers["webhook-id"], id);
    assert_eq!(headers["content-type"], "application/json");
    let timestamp: i64 = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
    assert_eq!(timestamp, scene.now() / 1000);
    let body = std::str::from_utf8(body).unwrap();
    assert_eq!(headers["webhook-signature"], sign(&scene.secret, &id, timestamp, body));
    let payload: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((payload["id"].as_str(), payload["type"].as_str()), (Some(&*id), Some("thing.changed")));
    assert!(scene.secret.expose_secret().starts_with("whsec_"));
    let row = scene.only().await;
    assert_eq!((row.status.as_str(), row.attempts, row.last_error), ("DELIVERED", 1, None));
    assert_eq!(scene.host.deliver_due().await, 0);
}

#[tokio::test]
async fn the_secret_is_stored_sealed() {
    let scene = Scene::new().await;
    let secret = scene.secret.expose_secret();
    for file in std::fs::read_dir(scene._directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[tokio::test]
async fn events_come_one_by_one_in_their_order_and_wait_for_one_that_is_not_taken() {
    let scene = Scene::new().await;
    let ids = [scene.happen().await, scene.happen().await, scene.happen().await];
    scene.receiver.plan([answers(200), answers(500)]);
    assert_eq!(scene.host.deliver_due().await, 2);
    assert_eq!(scene.receiver.ids(), ids[..2]);
    scene.clock.advance(Duration::from_secs(3));
    assert_eq!(scene.host.deliver_due().await, 0, "its time has not come");
    scene.clock.advance(Duration::from_secs(4));
    assert_eq!(scene.host.deliver_due().await, 2);
    assert_eq!(scene.receiver.ids(), [&ids[0], &ids[1], &ids[1], &ids[2]].map(String::clone));
}

#[tokio::test]
async fn an_endpoint_goes_last_after_a_failure_until_it_takes_an_event_again() {
    let scene = Scene::new().await;
    scene.happen().await;
    scene.receiver.plan([answers(500)]);
    assert_eq!(scene.host.deliver_due().await, 1);
    scene.clock.advance(Duration::from_secs(7));
    let slow = async || {
        let most = queue::Most { owner: 9, tenant: 9, all: 9 };
        queue::due(&scene.db, scene.now(), most).await.unwrap().into_iter().map(|due| due.slow).collect::<Vec<_>>()
    };
    assert_eq!(slow().await, [true]);
    assert_eq!(scene.host.deliver_due().await, 1);
    scene.happen().await;
    assert_eq!(slow().await, [false]);
}

#[tokio::test]
async fn the_next_event_after_those_that_were_given_up_tells_their_number() {
    let scene = Scene::new().await;
    let budgets = Budgets::new([(&crate::budgets::ENDPOINT_EVENTS, 2)]);
    let events = Events::new(scene.db.clone(), &budgets);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(happen(&events, &scene.db, &scene.clock, sample(&scene.owner, "x")).await.id);
    }
    assert_eq!(budgets.get(&crate::budgets::ENDPOINT_EVENTS).refusals(), 3);
    scene.receiver.plan([answers(500)]);
    assert_eq!(scene.host.deliver_due().await, 1);
    scene.clock.advance(Duration::from_secs(7));
    assert_eq!(scene.host.deliver_due().await, 2);
    let got = scene.receiver.got.lock().unwrap().clone();
    let told: Vec<_> =
        got.iter().map(|(headers, _)| headers.get(DROPPED).map(|value| value.to_str().unwrap())).collect();
    assert_eq!(told, [Some("3"), Some("3"), None]);
    assert_eq!(scene.receiver.ids(), [&ids[3], &ids[3], &ids[4]].map(String::clone));
}

#[tokio::test]
async fn a_receiver_that_always_fails_is_asked_for_a_day_and_then_given_up_and_its_owner_may_ask_again() {
    let scene = Scene::new().await;
    let id = scene.happen().await;
    scene.receiver.plan((0..ATTEMPTS).map(|_| answers(500)));
    let begun = scene.now();
    for attempt in 1..=ATTEMPTS {
        assert_eq!(scene.host.deliver_due().await, 1, "{attempt}");
        let row = scene.only().await;
        assert_eq!((row.attempts, row.last_error.as_deref()), (attempt, Some("the receiver responded 500")));
        let wait = row.next_at - scene.now();
        if attempt < ATTEMPTS {
            assert_eq!(row.status, "PENDING");
            assert!((4_000..=60_000_000).contains(&wait), "{wait}");
            scene.clock.advance(Duration::from_millis(wait.unsigned_abs()));
        }
    }
    let row = scene.only().await;
    assert_eq!(row.status, "DEAD");
    let hours = (scene.now() - begun) / 3_600_000;
    assert!((17..=27).contains(&hours), "{hours}");
    assert!(scene.receiver.ids().iter().all(|each| *each == id), "the id stays the same");

    let again = scene.host.endpoints.retry(&scene.owner, &scene.endpoint, &row.id).await.unwrap();
    assert!(matches!(again, Retried::Pending(ref row) if row.attempts == 0), "{again:?}");
    assert_eq!(scene.host.deliver_due().await, 1);
    assert_eq!(scene.only().await.status, "DELIVERED");
    let again = scene.host.endpoints.retry(&scene.owner, &scene.endpoint, &row.id).await.unwrap();
    assert_eq!(again, Retried::Delivered);
    for (tenant, owner) in [("t", "v"), ("s", "u")] {
        let again = scene.host.endpoints.retry(&self::owner(tenant, owner), &scene.endpoint, &row.id).await.unwrap();
        assert_eq!(again, Retried::Missing);
    }
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back_but_not_for_long() {
    let scene = Scene::new().await;
    scene.happen().await;
    for (value, seconds) in [("120", 120), ("999999999", 3600), ("-5", 0), ("soon", 0)] {
        scene.receiver.plan([Does::Answer(503, vec![("retry-after", value.into())])]);
        assert_eq!(scene.host.deliver_due().await, 1);
        let wait = scene.only().await.next_at - scene.now();
        assert!(wait >= seconds * 1000 && (seconds == 0 || wait == seconds * 1000), "{value}: {wait}");
        scene.clock.advance(Duration::from_millis(wait.unsigned_abs()));
    }
    let date = Response {
        status: 503,
        url: String::new(),
        headers: vec![("retry-after".into(), "Wed, 21 Oct 2015 07:28:30 GMT".into())],
        body: Bytes::new(),
        hold: leno_egress::Hold::default(),
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
    assert_eq!(date.retry_after(now), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more_until_its_owner_says_that_it_is_back() {
    let scene = Scene::new().await;
    scene.happen().await;
    scene.happen().await;
    scene.receiver.plan([answers(410)]);
    assert_eq!(scene.host.deliver_due().await, 1);
    let rows = scene.deliveries().await;
    assert!(rows.iter().all(|row| row.status == "DEAD" && row.last_error.as_deref().unwrap().contains("410")));
    scene.happen().await;
    assert_eq!(scene.deliveries().await.len(), 2);
    assert!(scene.host.endpoints.list(&scene.owner).await.unwrap()[0].disabled_at.is_some());

    scene.host.endpoints.retry(&scene.owner, &scene.endpoint, &rows[1].id).await.unwrap();
    assert_eq!(scene.host.deliver_due().await, 1);
    assert!(scene.host.endpoints.list(&scene.owner).await.unwrap()[0].disabled_at.is_none());
    scene.happen().await;
    assert_eq!(scene.host.deliver_due().await, 1);
}

#[tokio::test]
async fn no_redirect_is_followed_and_the_reason_quotes_nothing_of_the_receiver() {
    let scene = Scene::new().await;
    scene.happen().await;
    let location = format!("http://{}/canary", scene.address);
    scene.receiver.plan([Does::Answer(302, vec![("location", location)])]);
    assert_eq!(scene.host.deliver_due().await, 1);
    assert_eq!(scene.receiver.ids().len(), 1);
    let row = scene.only().await;
    assert_eq!(row.last_error.as_deref(), Some("the receiver responded 302; deliveries do not follow redirects"));
}

#[tokio::test]
async fn an_address_that_is_closed_by_now_gets_nothing() {
    let scene = Scene::new().await;
    scene.happen().await;
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let host = host(&scene.db, &scene.clock, elsewhere, &scene.events);
    assert_eq!(host.deliver_due().await, 1);
    assert!(scene.receiver.ids().is_empty());
    let error = scene.only().await.last_error.unwrap();
    assert!(error.contains("LENO_WEBHOOK_PRIVATE"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_is_down_or_never_answers_is_asked_again() {
    let scene = Scene::new().await;
    scene.happen().await;
    scene.receiver.plan([Does::Hang]);
    let begun = std::time::Instant::now();
    assert_eq!(scene.host.deliver_due().await, 1);
    assert!((9..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let row = scene.only().await;
    assert_eq!(row.status, "PENDING");
    assert!(row.last_error.unwrap().contains("took longer than 10s"));

    // No server listens there.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let host = host(&scene.db, &scene.clock, closed, &scene.events);
    let owner = owner("t", "w");
    let url = format!("http://{closed}/");
    let (endpoint, _) = host.endpoints.register(&owner, &url, &[]).await.unwrap();
    happen(&scene.events, &scene.db, &scene.clock, sample(&owner, "y")).await;
    assert_eq!(host.deliver_due().await, 1);
    let rows = host.endpoints.deliveries(&owner, &endpoint.id, Some("PENDING"), 10).await.unwrap().unwrap();
    assert!(rows[0].last_error.as_deref().unwrap().contains("not available"), "{rows:?}");
}

#[tokio::test]
async fn a_host_that_died_in_an_attempt_keeps_others_from_it_only_for_a_while() {
    let scene = Scene::new().await;
    scene.happen().await;
    let claimed = scene.host.deliverer.0.claim().await.unwrap();
    assert_eq!(claimed.len(), 1);
    let other = host(&scene.db, &scene.clock, scene.address, &scene.events);
    assert_eq!(other.deliver_due().await, 0);
    scene.clock.advance(Duration::from_millis(CLAIM.unsigned_abs()));
    assert_eq!(other.deliver_due().await, 1);
    // An expired claim cannot settle a delivery.
    assert!(
        !endpoints::settle(&scene.db, &claimed[0].0, Outcome::Dead { error: "late" }, true, scene.now()).await.unwrap()
    );
    assert_eq!(scene.only().await.status, "DELIVERED");
}

#[tokio::test]
async fn of_two_hosts_that_run_each_event_is_sent_once_and_the_end_waits_for_what_is_under_way() {
    let scene = Scene::new().await;
    let other = host(&scene.db, &scene.clock, scene.address, &scene.events);
    let tasks = [Periodic::new(Arc::new(|_, _, _| {})), Periodic::new(Arc::new(|_, _, _| {}))];
    for (tasks, host) in tasks.iter().zip([&scene.host, &other]) {
        let deliverer = host.deliverer.clone();
        let pass = move || {
            let deliverer = deliverer.clone();
            async move { deliverer.pass().await.map(|count| count.to_string()) }
        };
        tasks.every("deliver", Deliverer::INTERVAL, host.deliverer.wake(), pass).await;
    }
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(scene.happen().await);
    }
    let delivered = async {
        while scene.deliveries().await.iter().any(|row| row.status != "DELIVERED") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), delivered).await.unwrap();
    assert_eq!(scene.receiver.ids(), ids);
    for (tasks, host) in tasks.iter().zip([&scene.host, &other]) {
        let ended = async { tokio::join!(tasks.stop(), host.deliverer.stop()) };
        tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    }
}

#[tokio::test]
async fn only_public_https_addresses_and_those_that_are_opened_are_taken() {
    let scene = Scene::new().await;
    let opened = format!("http://{}/x", scene.address);
    for url in ["https://example.com/hooks", "https://example.com:8443/", "https://1.1.1.1/", &opened] {
        scene.host.endpoints.check(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    let long = format!("https://example.com/{}", "x".repeat(MAX_URL));
    for url in [
        "http://example.com/hooks",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3/",
        "http://127.0.0.1:1/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "example.com",
        "",
        "https://",
        &long,
    ] {
        assert!(matches!(scene.host.endpoints.check(url), Err(EndpointError::Address(_))), "{url}");
    }
}
