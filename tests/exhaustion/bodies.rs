//! The memory of request bodies, and of pages.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use leno_testkit::{Client, Options};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{raw, scene::Scene};

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] = &[
    "request_bytes",
    "tenant_request_bytes",
    "request_values",
    "max_body_bytes",
    "options_body_bytes",
    "workflow_body_bytes",
    "connection_body_bytes",
    "connection_props_bytes",
    "connection_metadata_bytes",
    "small_body_bytes",
    "upload_bytes",
    "page_bytes",
];

const RUN: &str = "/api/pieces/neighbour/actions/run/run";
const CONNECTIONS: &str = "/api/app-connections";
/// The default limit of a run's body.
const LARGEST: usize = 10 << 20;

/// A body of that length around `filling`, repeated.
fn filled(filling: &str, length: usize) -> String {
    format!("{{\"input\":{{\"x\":[{}0]}}}}", filling.repeat((length - 40) / filling.len()))
}

async fn post(scene: &Scene, client: &Client, last: u8, body: &str) -> anyhow::Result<(u16, Value)> {
    let mut stream = raw::connect(raw::address(&scene.server), last).await?;
    let head = raw::head(client, RUN, body.len());
    raw::ask(&mut stream, &[head.as_bytes(), body.as_bytes()].concat()).await
}

#[tokio::test]
async fn bodies_of_tiny_values_are_refused_before_they_are_made() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new()).await?;
    for filling in ["{},", "{\"a\":1},", "[1],", "1,"] {
        let body = filled(filling, LARGEST);
        let answers = join_all((0..10).map(|_| post(&scene, &scene.attacker, 2, &body))).await;
        for answer in answers {
            let (status, problem) = answer?;
            let budget = problem["details"]["budget"].as_str().unwrap_or_default();
            let typed = match status {
                413 => budget == "request_values",
                429 => budget == "tenant_request_bytes",
                _ => false,
            };
            assert!(typed, "{status}: {problem}");
        }
    }
    // Almost as many as a tenant has memory for, at once: they wait for each other, or are told to come back.
    let body = filled("{\"a\":1},", 740_000);
    for answer in join_all((0..10).map(|_| post(&scene, &scene.attacker, 2, &body))).await {
        let (status, problem) = answer?;
        assert!([422, 429].contains(&status), "{status}: {problem}");
    }
    scene.end(&["request_values"]).await
}

/// A body of which the last part never comes.
async fn unfinished(scene: &Scene, client: &Client, last: u8) -> anyhow::Result<TcpStream> {
    let mut stream = raw::connect(raw::address(&scene.server), last).await?;
    let body = filled("\"long text\",", LARGEST);
    stream.write_all(raw::head(client, RUN, LARGEST).as_bytes()).await?;
    // What the host does not take stays with the sender.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&body.as_bytes()[..LARGEST * 9 / 10])).await;
    Ok(stream)
}

/// Waits until a budget has refused something.
async fn refuses(scene: &Scene, budget: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while scene.refusals(budget).await? == 0.0 {
        anyhow::ensure!(Instant::now() < deadline, "{budget} refuses nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn slow_bodies_of_one_tenant_take_its_share_and_of_many_leave_room_for_small_ones() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new()).await?;
    let mut held = join_all((0..10).map(|_| unfinished(&scene, &scene.attacker, 2))).await;
    refuses(&scene, "tenant_request_bytes").await?;
    assert_eq!(scene.refusals("request_bytes").await?, 0.0, "one tenant alone exhausts the host");
    held.extend(join_all((0..10).map(|_| unfinished(&scene, &scene.third, 3))).await);
    refuses(&scene, "request_bytes").await?;
    let (mut refused, mut open) = (0, Vec::new());
    for stream in held {
        let mut stream = stream?;
        match tokio::time::timeout(Duration::from_millis(100), raw::answer(&mut stream)).await {
            Ok(answer) => {
                let (status, problem) = answer?;
                assert_eq!((status, &problem["code"]), (429, &json!("budget_exhausted")), "{problem}");
                refused += 1;
            }
            Err(_) => open.push(stream),
        }
    }
    println!("  {refused} of 20 bodies were refused");
    assert!(refused > 0 && !open.is_empty());
    drop(open);
    scene.end(&["request_bytes", "tenant_request_bytes"]).await
}

#[tokio::test]
async fn each_route_takes_bodies_of_the_size_that_it_needs() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new()).await?;
    let server = raw::address(&scene.server);
    let workflow = "/api/workflows/w/connections";
    for (method, path, limit, budget) in [
        ("POST", RUN, LARGEST, "max_body_bytes"),
        ("POST", "/api/pieces/options", 256 << 10, "options_body_bytes"),
        ("PUT", workflow, 2 << 20, "workflow_body_bytes"),
        ("POST", CONNECTIONS, 64 << 10, "connection_body_bytes"),
        ("POST", "/api/app-connections/test", 64 << 10, "connection_body_bytes"),
        ("POST", "/api/app-connections/oauth2/start", 64 << 10, "connection_body_bytes"),
        ("POST", "/api/events/endpoints", 32 << 10, "small_body_bytes"),
        ("POST", "/api/users/link", 32 << 10, "small_body_bytes"),
        ("POST", "/api/admin/pieces", 64 << 20, "upload_bytes"),
    ] {
        let upload = budget == "upload_bytes";
        let client = if upload { &scene.operator } else { &scene.attacker };
        let head = raw::head(client, path, limit + 1).replacen("POST", method, 1);
        let head = if upload { head.replace("application/json", "application/wasm") } else { head };
        let mut stream = raw::connect(server, 2).await?;
        let (status, problem) = raw::ask(&mut stream, head.as_bytes()).await?;
        let told = (status, &problem["details"]["budget"], &problem["details"]["limit"]);
        assert_eq!(told, (413, &json!(budget), &json!(limit)), "{path}: {problem}");
    }
    let connection = |value: Value, metadata: Value| json!({"externalId": "x", "displayName": "x", "pieceName": "crm", "type": "SECRET_TEXT", "value": value, "metadata": metadata});
    let secret = json!({"secret_text": "x"});
    for (body, budget) in [
        (connection(json!({"secret_text": "x".repeat(33 << 10)}), json!({})), "connection_props_bytes"),
        (connection(secret, json!({"x": "x".repeat(17 << 10)})), "connection_metadata_bytes"),
    ] {
        let answer = scene.attacker.post(CONNECTIONS, &body).await?;
        assert_eq!((answer.status, &answer.body["details"]["budget"]), (413, &json!(budget)), "{}", answer.text);
    }
    let refusing = &EXHAUSTS[3..11];
    scene.end(refusing).await
}

#[tokio::test]
async fn a_page_of_large_rows_ends_early_and_the_next_goes_on() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new()).await?;
    let metadata = json!({"x": "x".repeat(15 << 10)});
    for index in 0..150 {
        let body = json!({
            "externalId": format!("c{index}"), "displayName": "large", "pieceName": "crm", "type": "SECRET_TEXT",
            "value": {"secret_text": "x"}, "metadata": metadata,
        });
        let answer = scene.attacker.post(CONNECTIONS, &body).await?;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let (mut seen, mut pages, mut cursor) = (std::collections::BTreeSet::new(), 0, String::new());
    loop {
        let page = scene.attacker.get(&format!("{CONNECTIONS}?limit=1000{cursor}")).await?;
        assert!(page.status == 200 && page.text.len() <= (1 << 20) + 200, "{} bytes", page.text.len());
        let rows = page.body["data"].as_array().cloned().unwrap_or_default();
        seen.extend(rows.iter().filter_map(|row| Some(row["externalId"].as_str()?.to_owned())));
        pages += 1;
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (150, 3));
    let pages = join_all((0..20).map(|_| scene.attacker.get("/api/app-connections?limit=1000"))).await;
    assert!(pages.into_iter().all(|page| page.is_ok_and(|page| page.status == 200)));
    scene.end(&["page_bytes"]).await
}
