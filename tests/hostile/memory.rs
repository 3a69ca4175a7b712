//! Guests that take more memory than they may.

use std::time::Duration;

use leno_testkit::craft::{self, Crafted};
use leno_testkit::{Caller, Grant, Options, Run, Server, Upstream};
use serde_json::json;

use crate::scene::{HOSTILE, Scene, assert_failed};

/// The default limit of a call's memory.
const CAP: u64 = 64 << 20;
/// What the host may take beside it: buffers, and what the neighbour's calls leave behind.
const SLACK: u64 = 32 << 20;

/// Runs `work` and returns the largest growth of the server's resident memory.
async fn growth<T>(server: &Server, work: impl Future<Output = T>) -> anyhow::Result<(T, u64)> {
    server.forget_peak()?;
    let before = server.figures()?.resident;
    let done = work.await;
    Ok((done, server.figures()?.peak.saturating_sub(before)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_allocates_without_end_gets_its_limit_and_no_more() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let run = Run::new(HOSTILE, "allocate");
    let (answer, grown) = growth(&scene.server, scene.client.run(&run)).await?;
    let answer = answer?;
    assert_failed(&answer, "memory_limit", 500);
    assert!(answer.usage("memoryBytes") <= CAP, "{}", answer.text);
    assert!(grown <= CAP + SLACK, "{} MiB", grown >> 20);
    let counted = scene.client.metrics().await?.sum("leno_calls_total", &[("outcome", "memory_limit")]);
    assert!((counted - 1.0).abs() < f64::EPSILON, "{counted} calls are counted");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_notices_the_limit_goes_on() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "allocate").input(json!({ "polite": true }))).await?;
    let bytes = answer.output()["bytes"].as_u64().unwrap_or_default();
    assert!((CAP / 2..=CAP).contains(&bytes), "{bytes} bytes");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_can_lower_the_limit() -> anyhow::Result<()> {
    let options = Options::new().grant(HOSTILE, Grant::default().limit("memory_mb", 8));
    let scene = Scene::with_hostile(options).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "allocate").input(json!({ "polite": true }))).await?;
    assert!(answer.output()["bytes"].as_u64() <= Some(8 << 20), "{}", answer.text);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_recursion_overflows_the_guest_not_the_host() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let answer = scene.client.run(&Run::new(HOSTILE, "recurse")).await?;
    assert_failed(&answer, "guest_trap", 500);
    // Either the host's stack for guests, or the guest's own, which lies at the bottom of its memory.
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("stack") || detail.contains("memory"), "{detail}");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_beyond_the_limit_is_not_copied() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    for bytes in [9_u64 << 20, 40 << 20] {
        let run = Run::new(HOSTILE, "big_output").input(json!({ "bytes": bytes }));
        let (answer, grown) = growth(&scene.server, scene.client.run(&run)).await?;
        assert_failed(&answer?, "output_too_large", 500);
        assert!(grown <= CAP + SLACK, "{} MiB", grown >> 20);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_begins_with_too_much_does_not_load() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for Crafted { name, bytes, code, says } in craft::memory::all() {
        scene.server.deliver(&format!("{name}.wasm"), &bytes)?;
        let reason = scene.client.refused(&format!("{name}.wasm")).await?;
        assert_eq!(reason.code, code, "{name}: {}", reason.message);
        assert!(reason.message.contains(says), "{name}: {}", reason.message);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_holds_all_it_may_takes_nothing_from_its_neighbour() -> anyhow::Result<()> {
    // What one tenant gets of the 64 calls that a piece may have at once: the rest is kept for others.
    const CALLS: usize = 48;
    let upstream = Upstream::start().await?;
    let hoarder = craft::memory::hoarder("hoarder", &upstream.url("/hold"));
    let scene =
        Scene::with(Options::new().piece("hoarder", hoarder).grant("hoarder", Grant::private([upstream.address])))
            .await?;
    scene.client.active("hoarder.wasm").await?;
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let client = scene.client.clone();
            tokio::spawn(async move { client.run(&Run::new("hoarder", "hold")).await })
        })
        .collect();
    upstream.holds(CALLS, Duration::from_secs(10)).await?;
    let beyond = scene.client.run(&Run::new("hoarder", "run")).await?;
    assert_eq!((beyond.code(), beyond.status), ("overloaded", 429), "{}", beyond.text);
    let held = scene.client.metrics().await?;
    let gauge = |name: &str| held.sum(name, &[]);
    let (memories, instances) = (gauge("leno_pool_memories"), gauge("leno_pool_core_instances"));
    println!("  {memories} memories and {instances} instances are held by {CALLS} calls");
    assert!(memories >= 4.0 * 48.0, "{memories} memories");
    upstream.release();
    for call in calls {
        assert_eq!(call.await??.output()["code"], "hoarding");
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_call_is_left_for_the_next() -> anyhow::Result<()> {
    const NAME: &str = "residue";
    let scene = Scene::with(Options::new().piece(NAME, craft::residue::residue(NAME))).await?;
    scene.client.active(&format!("{NAME}.wasm")).await?;
    // Several tenants at once and one after the other, over the same slots of the pool.
    let tenants: Vec<_> = (0..4).map(|_| scene.server.client_of(&Caller::with("EMPLOYEE", &[]))).collect();
    for _ in 0..25 {
        let calls = tenants.iter().map(|tenant| {
            let tenant = tenant.clone();
            tokio::spawn(async move { tenant.run(&Run::new(NAME, "run")).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await??.output(), &serde_json::from_str::<serde_json::Value>(craft::residue::CLEAN)?);
        }
    }
    scene.end().await
}
