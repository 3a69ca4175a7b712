//! All attacks at once, each by a tenant of its own. `cargo xtask soak` runs it for a minute; in the tests it is short.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use leno_testkit::{Caller, Client, Grant, Options, Run, Upstream, neighbour::percentile};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

use crate::scene::{HOSTILE, Scene};

/// How long the attacks last without `LENO_SOAK_SECONDS`.
const SHORT: Duration = Duration::from_secs(8);
/// A neighbour that writes waits for the disk, which the attackers use as well.
const WRITE: Duration = Duration::from_secs(5);

fn lasts() -> Duration {
    let seconds = std::env::var("LENO_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(SHORT, Duration::from_secs)
}

/// How often each attack got which status. 0 stands for no response.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<BTreeMap<(&'static str, u16), u64>>>);

impl Told {
    fn note(&self, attack: &'static str, status: u16) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((attack, status)).or_default() += 1;
    }

    fn all(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request of an attack.
#[derive(Clone)]
enum Shot {
    Run(Run),
    Send(Method, String, Value),
}

impl Shot {
    async fn fire(&self, client: &Client) -> u16 {
        let answer = match self {
            Self::Run(run) => client.run(run).await,
            Self::Send(method, path, body) => client.send(method.clone(), path, Some(body)).await,
        };
        answer.map_or(0, |answer| answer.status)
    }
}

fn upsert(id: &str, metadata: &Value) -> Value {
    json!({
        "externalId": id, "displayName": "Mine", "pieceName": HOSTILE, "type": "SECRET_TEXT", "metadata": metadata,
        "value": {"type": "SECRET_TEXT", "secret_text": "s3cret-s3cret-s3cret"}
    })
}

/// The attacks: a name, how many at once, and what each sends again and again.
fn attacks(upstream: &Upstream) -> Vec<(&'static str, usize, Shot)> {
    let run = |action: &str, input: Value| Shot::Run(Run::new(HOSTILE, action).input(input));
    let large = vec![json!({"url": upstream.url("/bytes/25000000")}); 20];
    let tiny: Vec<Value> = (0..300_000).map(|_| json!({})).collect();
    let uses: Vec<Value> = (0..10_000)
        .map(|step| json!({"nodeId": format!("s{step}"), "connectionExternalId": "mine", "pieceName": HOSTILE}))
        .collect();
    vec![
        ("sleepers", 80, run("sleep", json!({"ms": 2_000}))),
        ("memory", 12, run("allocate", json!({"mib": 48, "hold_ms": 300}))),
        ("spinners", 4, run("spin", json!({}))),
        ("large answers", 4, run("fetch_all", json!({"requests": large}))),
        ("denied requests", 4, run("fetch_forever", json!({"url": "http://10.255.255.1/", "times": 200_000}))),
        ("large store", 2, run("store", json!({"op": "put", "key": "k", "bytes": 500_000, "times": 1_000}))),
        ("large outputs", 4, run("big_output", json!({"bytes": 7_000_000}))),
        ("tiny objects", 3, run("ok", json!({"list": tiny}))),
        (
            "metadata",
            2,
            Shot::Send(Method::POST, "/api/app-connections".into(), upsert("m", &json!({"x": "y".repeat(2 << 20)}))),
        ),
        ("workflows", 8, Shot::Send(Method::PUT, "/api/workflows/w/connections".into(), json!({"connections": uses}))),
        ("connections", 4, Shot::Send(Method::POST, "/api/app-connections".into(), upsert("mine", &json!({})))),
    ]
}

/// Opens connections that send half a request, and holds them.
async fn half_open(server: String, until: Instant) {
    let mut held = Vec::new();
    while Instant::now() < until {
        if held.len() < 200
            && let Ok(Ok(mut stream)) = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(&server)).await
        {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ").await;
            held.push(stream);
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A neighbour that stores a connection and reads it again.
async fn stores(client: Client, until: Instant) -> (Vec<String>, Vec<Duration>) {
    let (mut failures, mut took) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        for (method, path, body) in [
            (Method::POST, "/api/app-connections", Some(upsert("neighbours", &json!({})))),
            (Method::GET, "/api/app-connections", None),
        ] {
            match client.send(method.clone(), path, body.as_ref()).await {
                Ok(answer) if answer.status < 300 => took.push(answer.took),
                Ok(answer) => failures.push(format!("{method} {path}: {} {}", answer.status, answer.text)),
                Err(error) => failures.push(format!("{method} {path}: {error:#}")),
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (failures, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_all_attacks_at_once_neighbours_run_store_and_read() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let options = Options::new().guest(HOSTILE).grant(HOSTILE, Grant::private([upstream.address]));
    let scene = Scene::start(options).await?;
    scene.operator.active("hostile.wasm").await?;
    let until = Instant::now() + lasts();
    let (told, mut attackers) = (Told::default(), JoinSet::new());
    for (name, count, shot) in attacks(&upstream) {
        let client = scene.server.client_of(&Caller::user());
        if name == "workflows" {
            client.post("/api/app-connections", &upsert("mine", &json!({}))).await?;
        }
        for _ in 0..count {
            let (client, shot, told) = (client.clone(), shot.clone(), told.clone());
            attackers.spawn(async move {
                while Instant::now() < until {
                    let status = shot.fire(&client).await;
                    told.note(name, status);
                    if status == 429 || status == 503 {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            });
        }
    }
    let address = scene.server.url().trim_start_matches("http://").to_owned();
    attackers.spawn(half_open(address, until));
    let (failures, took) = stores(scene.third.clone(), until).await;
    attackers.join_all().await;
    let told = told.all();
    for ((attack, status), count) in &told {
        println!("  {attack}: {count} × {status}");
    }
    println!("  a neighbour stored and read {} times, p99 {:.1?}", took.len(), percentile(&took, 0.99));
    assert_eq!(failures.first(), None, "{} failures of the neighbour that stores", failures.len());
    assert!(took.len() > 3 && percentile(&took, 0.99) < WRITE, "{:?}", percentile(&took, 0.99));
    // What a piece does wrong is a 500 with its own code; the host's faults are in its log.
    let log = scene.server.stderr.all();
    let fault = log.iter().find(|line| line.contains("the host failed"));
    assert_eq!(fault, None, "a caller caused a fault of the host");
    scene.end(&["max_calls_per_piece", "guest_memory_bytes"]).await
}
