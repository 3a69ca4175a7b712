//! What pieces make the host fetch: bytes in memory, connections, lookups, what comes besides a response, files by URL.

use std::time::Duration;

use futures_util::future::join_all;
use leno_testkit::neighbour::percentile;
use leno_testkit::{Answer, Client, Grant, Options, Run, Upstream};
use serde_json::{Value, json};

use crate::scene::Scene;

/// The budgets that the tests of this file exhaust.
pub(crate) const EXHAUSTS: &[&str] = &[
    "call_files",
    "destination_egress_connections",
    "egress_connections",
    "lookups",
    "piece_egress_connections",
    "tenant_egress_connections",
    "tenant_upstream_bytes",
    "upstream_bytes",
    "upstream_head_bytes",
];

const HOSTILE: &str = "hostile";
const OPEN: &str = "hostile-open";
/// As many bytes as one response may have.
const LARGE: &str = "/bytes/26214400";
const MIB: u64 = 1 << 20;

/// How long a refusal may take: requests wait for a place for a while.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start(options: Options, piece: &str, private: impl ToString) -> anyhow::Result<Scene> {
    let scene = Scene::start(options.guest(piece).grant(piece, Grant::private([private]))).await?;
    scene.operator.active(&format!("{piece}.wasm")).await?;
    scene.server.forget_peak()?;
    Ok(scene)
}

fn many(piece: &str, urls: &[String], times: usize) -> Run {
    Run::new(piece, "fetch_many").input(json!({ "urls": urls, "times": times }))
}

/// Runs `run` `count` times at once.
async fn at_once(client: &Client, run: &Run, count: usize) -> anyhow::Result<Vec<Answer>> {
    join_all((0..count).map(|_| client.run(run))).await.into_iter().collect()
}

/// The error that a guest was told first.
fn first(answer: &Answer) -> &Value {
    &answer.output()["first"]
}

/// Waits until `budget` has refused something.
async fn refuses(scene: &Scene, budget: &str) -> anyhow::Result<()> {
    let wait = async {
        while scene.refusals(budget).await? == 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, wait).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_upstream_bytes_bounds_what_the_calls_of_a_tenant_have_in_memory() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = start(Options::new(), HOSTILE, upstream.address).await?;
    let answers = at_once(&scene.attacker, &many(HOSTILE, &[upstream.url(LARGE)], 100), 4).await?;
    for answer in &answers {
        println!("  {} {} MiB in: {}", answer.status, answer.usage("bytesIn") / MIB, answer.body["output"]);
        assert!(answer.usage("bytesIn") <= 100 * MIB, "{}", answer.text);
    }
    // One such response is no problem.
    let one = scene.third.run(&many(HOSTILE, &[upstream.url(LARGE)], 1)).await?;
    assert_eq!(one.output()["bytes"], 25 * MIB, "{}", one.text);
    scene.end(&["tenant_upstream_bytes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_bytes_bounds_what_all_tenants_have_in_memory_together() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let options = Options::new().env("LENO_UPSTREAM_BYTES", "67108864");
    let scene = start(options, HOSTILE, upstream.address).await?;
    let run = many(HOSTILE, &[upstream.url(LARGE)], 4);
    let (a, b) = tokio::join!(at_once(&scene.attacker, &run, 2), at_once(&scene.third, &run, 2));
    for answer in a?.iter().chain(&b?) {
        println!("  {} {} MiB in: {}", answer.status, answer.usage("bytesIn") / MIB, answer.body["output"]);
        assert!(answer.usage("bytesIn") <= 100 * MIB, "{}", answer.text);
    }
    scene.end(&["upstream_bytes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_requests_of_a_call_draw_on_one_budget_and_redirects_count() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = start(Options::new(), HOSTILE, upstream.address).await?;
    // Each is small enough for the host, and all of them are more than a call may receive.
    let answer = scene.attacker.run(&many(HOSTILE, &[upstream.url("/bytes/3000000")], 90)).await?;
    println!("  {} {} MiB in: {}", answer.status, answer.usage("bytesIn") / MIB, answer.body["output"]);
    assert!(answer.usage("bytesIn") <= 100 * MIB, "{}", answer.text);
    let before = upstream.received().len();
    let run = Run::new(HOSTILE, "fetch_many")
        .input(json!({ "urls": [upstream.url("/loop")], "times": 100, "redirects": 10 }));
    let answer = scene.attacker.run(&run).await?;
    let requests = upstream.received().len() - before;
    assert!(requests <= 100, "{requests} requests of a call that may send 100");
    assert_eq!(answer.usage("httpRequests"), 100, "{}", answer.text);
    scene.end(&[]).await
}

/// A call holds as many connections as one tenant gets of `budget`, whose limit is eight, and asks for more; another tenant
/// still gets one.
async fn exhaust_connections(budget: &str) -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let options = Options::new().env(&format!("LENO_{}", budget.to_uppercase()), "8");
    let scene = start(options, HOSTILE, upstream.address).await?;
    let attack = tokio::spawn({
        let (attacker, run) = (scene.attacker.clone(), many(HOSTILE, &[upstream.url("/hold")], 16));
        async move { attacker.run(&run).await }
    });
    upstream.holds(6, PATIENCE).await?;
    let other = scene.third.run(&many(HOSTILE, &[upstream.url("/text/hello")], 1)).await?;
    assert_eq!(other.output()["ok"], 1, "{}", other.text);
    refuses(&scene, budget).await?;
    let answer = loop {
        upstream.release();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if attack.is_finished() {
            break attack.await??;
        }
    };
    let told = first(&answer);
    assert_eq!((&told["code"], &told["kind"]), (&"budget-exhausted".into(), &"rate-limited".into()), "{}", answer.text);
    assert!(told["details"].as_str().is_some_and(|details| details.contains(budget)), "{}", answer.text);
    scene.end(&[budget]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn destination_egress_connections_bounds_requests_to_a_slow_service() -> anyhow::Result<()> {
    exhaust_connections("destination_egress_connections").await
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_egress_connections_bounds_requests_of_a_tenant() -> anyhow::Result<()> {
    exhaust_connections("tenant_egress_connections").await
}

#[tokio::test(flavor = "multi_thread")]
async fn piece_egress_connections_bounds_requests_of_a_piece() -> anyhow::Result<()> {
    exhaust_connections("piece_egress_connections").await
}

#[tokio::test(flavor = "multi_thread")]
async fn egress_connections_bounds_requests_of_the_host() -> anyhow::Result<()> {
    exhaust_connections("egress_connections").await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_idle_are_few_over_all_hosts_and_make_room() -> anyhow::Result<()> {
    const LIMIT: usize = 64;
    let upstream = Upstream::on("0.0.0.0").await?;
    let port = upstream.address.port();
    let options = Options::new().env("LENO_EGRESS_CONNECTIONS", &LIMIT.to_string());
    let scene = start(options, OPEN, format!("127.0.0.0/8:{port}")).await?;
    let calls = (1..=11).map(|call| {
        let urls: Vec<_> = (1..=100).map(|host| format!("http://127.9.{call}.{host}:{port}/text/hello")).collect();
        let (attacker, run) = (scene.attacker.clone(), many(OPEN, &urls, 1));
        async move { attacker.run(&run).await }
    });
    let mut ok = 0;
    for answer in join_all(calls).await {
        ok += answer?.output()["ok"].as_u64().unwrap_or_default();
    }
    println!("  {ok} of 1100 requests succeed; {} connections at most, {} stay", upstream.most_open(), upstream.open());
    assert_eq!(ok, 1_100, "a request that waits for a place gets one");
    // A connection that makes room closes a moment after another has opened, and a busy upstream notices later still.
    assert!(upstream.most_open() <= LIMIT + LIMIT / 2, "{} connections at once", upstream.most_open());
    assert!(upstream.open() <= LIMIT / 4 + 1, "{} idle connections", upstream.open());
    scene.end(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_are_bounded() -> anyhow::Result<()> {
    let scene = start(Options::new().env("LENO_LOOKUPS", "1"), HOSTILE, "127.0.0.1:1").await?;
    let urls: Vec<_> = (0..16).map(|name| format!("https://n{name}.allowed.test/")).collect();
    let run = many(HOSTILE, &urls, 1).timeout(Duration::from_secs(15));
    let answer = scene.attacker.run(&run).await?;
    println!("  {}", answer.text);
    scene.end(&["lookups"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_head_bytes_ends_interim_responses_without_end() -> anyhow::Result<()> {
    let (upstream, other) = (Upstream::start().await?, Upstream::start().await?);
    let options = Options::new().guest(HOSTILE).grant(HOSTILE, Grant::private([upstream.address, other.address]));
    let scene = Scene::start(options).await?;
    scene.operator.active("hostile.wasm").await?;
    let outbound = async |count: usize| {
        let run = many(HOSTILE, &[other.url("/text/hello")], 1);
        let mut took = Vec::new();
        for _ in 0..count {
            let answer = scene.third.run(&run).await?;
            assert_eq!(answer.output()["ok"], 1, "{}", answer.text);
            took.push(answer.took);
        }
        anyhow::Ok(percentile(&took, 0.5))
    };
    let quiet = outbound(200).await?;
    let attack = [(); 2].map(|()| {
        let (attacker, run) = (scene.attacker.clone(), many(HOSTILE, &[upstream.url("/hints")], 20));
        tokio::spawn(async move { attacker.run(&run).await })
    });
    let busy = outbound(200).await?;
    println!("  others' requests: {quiet:.1?} at the median, {busy:.1?} beside interim responses");
    for call in attack {
        let answer = call.await??;
        assert_eq!((&answer.output()["ok"], &first(&answer)["code"]), (&0.into(), &"response-too-large".into()));
        println!("  {}", answer.text);
    }
    assert!(busy <= (quiet * 3).max(Duration::from_millis(20)), "{busy:?}, and {quiet:?} before");
    scene.end(&["upstream_head_bytes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn call_files_bounds_files_by_url_before_any_is_fetched() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let options = Options::new().env("LENO_FILE_PRIVATE", &upstream.address.to_string());
    let scene = start(options, HOSTILE, "127.0.0.1:1").await?;
    let files = |path: &str, count: usize| {
        let files = vec![json!({ "file": upstream.url(path) }); count];
        Run::new(HOSTILE, "files").input(json!({ "files": files }))
    };
    let refused = scene.attacker.run(&files("/gzip/25000000", 80)).await?;
    assert_eq!((refused.status, refused.code()), (422, "too-many-files"), "{}", refused.text);
    assert!(refused.text.contains("this call may have 10 files by URL (LENO_CALL_FILES)"), "{}", refused.text);
    assert_eq!(upstream.received(), []);
    let fetched = scene.attacker.run(&files("/bytes/100000", 3)).await?;
    assert_eq!(fetched.output()["count"], 3, "{}", fetched.text);
    assert_eq!(fetched.usage("httpRequests"), 3);
    assert!((300_000..301_000).contains(&fetched.usage("bytesIn")), "{}", fetched.text);
    // What cannot fit into an input is refused by the length that its server announces.
    let large = scene.attacker.run(&files("/bytes/26214400", 1)).await?;
    assert_eq!((large.status, large.code()), (422, "input-too-large"), "{}", large.text);
    assert!(large.usage("bytesIn") < 1_000, "{}", large.text);
    scene.end(&["call_files"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_by_url_do_not_use_the_pieces_private_grant_and_no_caller_learns_an_address() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = start(Options::new(), HOSTILE, upstream.address).await?;
    let file = |url: String| Run::new(HOSTILE, "files").input(json!({ "files": [{ "file": url }] }));
    for url in [upstream.url("/text/secret"), upstream.url_by_name("/text/secret")] {
        let refused = scene.attacker.run(&file(url)).await?;
        assert_eq!((refused.status, refused.code()), (422, "invalid_props"), "{}", refused.text);
    }
    let refused = scene.attacker.run(&file("https://localhost/".to_owned())).await?;
    let says = "`localhost` resolves to an address that is not public";
    assert!(refused.text.contains(says) && !refused.text.contains("127.0.0.1"), "{}", refused.text);
    assert_eq!(upstream.received(), []);
    let log = scene.server.stderr.all();
    assert!(log.iter().any(|line| line.contains("event=\"denied\"") && line.contains("127.0.0.1")), "{log:#?}");
    scene.end(&[]).await
}
