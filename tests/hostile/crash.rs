//! A guest that crashes on every call, while it is being replaced.

use std::collections::BTreeMap;

use leno_testkit::craft::values::always_traps;
use leno_testkit::craft::versioned::versioned;
use leno_testkit::{Options, Run};

use crate::scene::Scene;

const QUEUED: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_crashes_on_every_call_is_given_a_rest_and_its_replacement_serves() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new().piece("crash", always_traps("crash", "1.0.0"))).await?;
    let bad = scene.client.active("crash.wasm").await?;
    let good = versioned("crash", "1.0.1", "marker-2").component();

    let calls: Vec<_> = (0..QUEUED)
        .map(|_| {
            let client = scene.client.clone();
            tokio::spawn(async move { client.run(&Run::new("crash", "run")).await })
        })
        .collect();
    scene.server.deliver("crash.wasm", &good)?;
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let answer = call.await??;
        match answer.code() {
            "guest_trap" => assert_eq!(answer.status, 500),
            "circuit_open" | "overloaded" => {
                assert_eq!(answer.status, 429);
                assert!(answer.headers.contains_key("retry-after"));
            }
            // The replacement came in between.
            "" => assert_eq!(answer.output()["code"], "marker-2"),
            other => panic!("{other}: {}", answer.text),
        }
        *ended.entry(answer.code().to_owned()).or_default() += 1;
    }
    println!("  {QUEUED} calls ended as {ended:?}");
    let of = |code: &str| ended.get(code).copied().unwrap_or_default();
    // Twenty in a row open the circuit; those under way by then crash as well.
    assert!((20..QUEUED / 2).contains(&of("guest_trap")), "{ended:?}");
    assert!(of("circuit_open") > 0, "{ended:?}");

    // The circuit was that of the old bytes.
    let replaced = scene.client.file("crash.wasm", |file| file.status == "active" && file.digest != bad.digest).await?;
    for _ in 0..50 {
        let answer = scene.client.run(&Run::new("crash", "run")).await?;
        assert_eq!(answer.output()["code"], answer.output()["data"]);
        assert_eq!(answer.body["digest"].as_str(), replaced.digest.as_deref());
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_for_one_tenant_do_not_close_the_piece_for_another() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let stranger = scene.server.client_of(&leno_testkit::Caller::operator());
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(scene.client.run(&Run::new("hostile", "trap")).await?.code().to_owned());
    }
    assert_eq!(codes.first().map(String::as_str), Some("guest_trap"));
    assert_eq!(codes.last().map(String::as_str), Some("circuit_open"));
    assert_eq!(stranger.run(&Run::new("hostile", "ok")).await?.output()["ok"], true);
    scene.end().await
}
