//! Connections: half-open, silent, slow, and too many.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use leno_testkit::{Options, Server, Stage, metrics::Metrics};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{raw, scene::Scene};

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] = &["connections", "connections_per_peer", "admin_connections"];
/// How soon somebody new has to be answered.
const SOON: Duration = Duration::from_secs(1);

/// A whole request of somebody who comes anew, from 127.0.0.`last`.
async fn healthy(scene: &Scene, last: u8) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut stream = raw::connect(raw::address(&scene.server), last).await?;
    let (status, _) = raw::ask(&mut stream, b"GET /healthz HTTP/1.1\r\nhost: leno\r\n\r\n").await?;
    let took = began.elapsed();
    anyhow::ensure!(status == 200 && took < SOON, "{status} after {took:?}");
    Ok(())
}

#[tokio::test]
async fn half_open_connections_and_slow_heads_under_256_descriptors_keep_nobody_out() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new().descriptors(256)).await?;
    let server = raw::address(&scene.server);
    let mut held = Vec::new();
    for (last, count) in [(2, 300), (3, 150), (4, 150)] {
        for index in 0..count {
            let mut stream = raw::connect(server, last).await?;
            // Some say nothing, some begin a request, some end one and stay.
            let said = [&b""[..], b"GET /healthz HTTP/1.1\r\nx: ", b"GET /healthz HTTP/1.1\r\nhost: leno\r\n\r\n"];
            // It may have had to go already.
            let _ = stream.write_all(said[index % 3]).await;
            held.push(stream);
        }
        healthy(&scene, 9).await?;
        // Its own crowd makes room for the attacker as well.
        healthy(&scene, last).await?;
    }
    let files = scene.server.figures()?.files;
    assert!(files < 256 - 32, "{files} descriptors are in use");
    drop(held);
    scene.end(&["connections", "connections_per_peer"]).await
}

#[tokio::test]
async fn an_address_whose_connections_are_all_busy_is_told_so_and_others_are_served() -> anyhow::Result<()> {
    let options = Options::new().env("LENO_CONNECTIONS", "64").env("LENO_CONNECTIONS_PER_PEER", "16");
    let scene = Scene::start(options).await?;
    let server = raw::address(&scene.server);
    let path = "/api/pieces/neighbour/actions/run/run";
    let mut busy: Vec<TcpStream> = Vec::new();
    let told = async {
        loop {
            // One whose request has not begun may have made room for the next.
            let mut stream = raw::connect(server, 2).await?;
            stream.write_all(raw::head(&scene.attacker, path, 1_000).as_bytes()).await?;
            let _ = stream.write_all(b"{\"input\": ").await;
            busy.push(stream);
            let mut stream = raw::connect(server, 2).await?;
            if let Ok((status, problem)) = raw::ask(&mut stream, b"GET /healthz HTTP/1.1\r\nhost: leno\r\n\r\n").await
                && status != 200
            {
                return anyhow::Ok((status, problem));
            }
        }
    };
    let (status, problem) =
        tokio::time::timeout(Duration::from_secs(10), told).await.context("nobody is refused")??;
    assert_eq!((status, &problem["code"]), (429, &json!("budget_exhausted")));
    assert_eq!(problem["details"], json!({"budget": "connections_per_peer", "per": "peer", "limit": 16}));
    healthy(&scene, 3).await?;
    drop(busy);
    scene.end(&["connections_per_peer"]).await
}

#[tokio::test]
async fn the_operators_address_is_apart_and_its_crowd_keeps_nobody_out() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let options = Options::new().env("LENO_ADMIN_LISTEN", "127.0.0.1:0").env("LENO_ADMIN_CONNECTIONS", "8");
    let server = Server::start(options).await?;
    let said = |line: &str| {
        let line = line.contains("are served here only").then_some(line)?;
        line.split_whitespace().find_map(|word| word.strip_prefix("address=")?.parse().ok())
    };
    let operator = server.stderr.first(Duration::from_secs(10), said).await?;
    let client = server.client();
    for path in ["/metrics", "/api/admin/pieces", "/api/admin/oauth-apps?tenantId=x", "/readyz?verbose=true"] {
        assert_eq!(client.get(path).await?.status, 404, "{path} is served to everybody");
    }
    for path in ["/healthz", "/readyz", "/api/pieces", "/api/openapi.json"] {
        assert_eq!(client.get(path).await?.status, 200, "{path}");
    }
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(raw::connect(operator, 2).await?);
    }
    let http = reqwest::Client::builder().no_proxy().build()?;
    let get = |path: &str| http.get(format!("http://{operator}{path}")).bearer_auth(client.token()).send();
    for path in ["/healthz", "/readyz?verbose=true", "/api/admin/pieces"] {
        assert_eq!(get(path).await?.status(), 200, "{path}");
    }
    assert_eq!(get("/api/pieces").await?.status(), 404);
    let metrics = Metrics::parse(&get("/metrics").await?.text().await?);
    let of = |name: &str| metrics.sum(name, &[("budget", "admin_connections")]);
    assert!(of("leno_budget_refusals_total") >= 40.0 && of("leno_budget_used") <= 8.0);
    assert_eq!(client.get("/healthz").await?.status, 200);
    Ok(())
}
