//! Guests that take more time than they may.

use std::time::Duration;

use anyhow::Context as _;
use leno_testkit::{Grant, Options, Run, Upstream};
use serde_json::json;

use crate::scene::{HOSTILE, LATENESS, Scene, assert_failed};

const CPU: Duration = Duration::from_millis(300);
const WALL: Duration = Duration::from_millis(500);
/// How long after a call a connection of it may be open: a task that reads without a pause looks up a few times a second.
const HANG_UP: Duration = Duration::from_secs(2);

fn tight() -> Options {
    Options::new().grant(HOSTILE, Grant::default().limit("cpu_ms", 300))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_with_its_cpu_budget_and_the_piece_works_again() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(tight()).await?;
    let wall = Duration::from_secs(3);
    let answer = scene.client.run(&Run::new(HOSTILE, "spin").timeout(wall)).await?;
    assert_failed(&answer, "cpu_limit", 500);
    assert!(answer.took <= wall + LATENESS, "{:?}", answer.took);
    let (used, budget) = (answer.usage("cpuMicros"), u64::try_from(CPU.as_micros())?);
    assert!((budget..budget * 2).contains(&used), "{used} µs of CPU");
    assert_eq!(scene.client.run(&Run::new(HOSTILE, "ok")).await?.output()["ok"], true);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn more_endless_loops_than_cores_do_not_starve_the_neighbour() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(tight()).await?;
    let spins: Vec<_> = (0..8)
        .map(|_| {
            let client = scene.client.clone();
            tokio::spawn(async move { client.run(&Run::new(HOSTILE, "spin")).await })
        })
        .collect();
    for spin in spins {
        assert_failed(&spin.await??, "cpu_limit", 500);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn work_within_the_cpu_budget_is_done_and_charged() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(tight()).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "busy_ms").input(json!({ "ms": 50 }))).await?;
    assert!(answer.output()["rounds"].as_u64() > Some(0));
    // The guest measures wall time, and shares its core with the neighbour.
    assert!(answer.usage("cpuMicros") >= 10_000, "{}", answer.text);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleeper_is_ended_at_its_deadline_and_costs_no_cpu() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(tight()).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "sleep").timeout(WALL)).await?;
    assert_failed(&answer, "timeout", 504);
    assert!((WALL..=WALL + LATENESS).contains(&answer.took), "{:?}", answer.took);
    assert!(answer.usage("cpuMicros") < 100_000, "{}", answer.text);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_cannot_raise_the_deadline_of_the_operator() -> anyhow::Result<()> {
    let grant = Grant::default().limit("wall_ms", 500);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, grant)).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "sleep").timeout(Duration::from_secs(60))).await?;
    assert_failed(&answer, "timeout", 504);
    assert!(answer.took <= WALL + LATENESS, "{:?}", answer.took);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drips_does_not_outlast_the_deadline_and_its_connection_is_closed() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let options = Options::new().grant(HOSTILE, Grant::private([upstream.address]));
    let scene = Scene::with_hostile(options).await?;
    for path in ["/drip", "/never", "/continue", "/hold"] {
        let run = Run::new(HOSTILE, "fetch").input(json!({ "url": upstream.url(path) })).timeout(WALL);
        let answer = scene.client.run(&run).await?;
        // The request's own timeout ends with the call's: either of the two may be reported.
        if path == "/continue" {
            // Interim responses without end have a budget of bytes, which ends them sooner.
            assert_eq!(answer.output()["error"]["code"], "response-too-large", "{path}: {}", answer.text);
        } else if answer.status == 200 {
            assert_eq!(answer.output()["error"]["kind"], "timeout", "{path}: {}", answer.text);
        } else {
            assert_failed(&answer, "timeout", 504);
        }
        assert!(answer.took <= WALL + LATENESS, "{path}: {:?}", answer.took);
        upstream.closes(HANG_UP).await.with_context(|| format!("{path} outlasts its caller"))?;
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_never_come_to_the_point_do_not_keep_the_host_busy() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    let requests = vec![json!({ "url": upstream.url("/continue") }); 16];
    let run = Run::new(HOSTILE, "fetch_all").input(json!({ "requests": requests })).timeout(Duration::from_secs(2));
    let answer = scene.client.run(&run).await?;
    let ended = answer
        .output()
        .as_array()
        .map_or(0, |answers| answers.iter().filter(|answer| answer["error"]["code"] == "response-too-large").count());
    assert_eq!(ended, 16, "{}", answer.text);
    assert!(answer.took <= Duration::from_secs(2) + LATENESS, "{:?}", answer.took);
    upstream.closes(HANG_UP).await?;
    scene.end().await
}
