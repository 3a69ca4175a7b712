//! Places and memory for calls.

use std::time::Duration;

use futures_util::future::join_all;
use leno_testkit::{Answer, Client, Options, Run};
use serde_json::json;

use crate::scene::{HOSTILE, Scene};

pub(crate) const EXHAUSTS: &[&str] = &["max_calls", "max_calls_per_piece", "guest_memory_bytes"];

/// Longer than a call waits for a place, so that those beyond the limit are refused.
const LONG: Duration = Duration::from_secs(4);

fn sleeper() -> Run {
    Run::new(HOSTILE, "sleep").input(json!({"ms": LONG.as_millis()}))
}

async fn at_once(client: &Client, run: &Run, count: usize) -> anyhow::Result<Vec<Answer>> {
    join_all((0..count).map(|_| client.run(run))).await.into_iter().collect()
}

/// Each answer is a success or the refusal of a budget that says which and when to come back.
fn refused_by(answers: &[Answer], budget: &str) -> usize {
    let refused = answers.iter().filter(|answer| answer.status != 200);
    refused
        .inspect(|answer| {
            assert_eq!((answer.status, answer.code()), (429, "overloaded"), "{}", answer.text);
            assert_eq!(answer.body["details"]["budget"], budget, "{}", answer.text);
            assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
        })
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_sleepers_on_every_place_of_a_piece_leaves_another_tenant_its_places() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new().guest(HOSTILE)).await?;
    scene.operator.active("hostile.wasm").await?;
    let (sleeper, ok) = (sleeper(), Run::new(HOSTILE, "ok"));
    let attack = at_once(&scene.attacker, &sleeper, 300);
    let third = async {
        scene.calls(48).await?;
        // The same piece, of which the attacker holds all that it may have.
        at_once(&scene.third, &ok, 20).await
    };
    let (attacked, third) = tokio::join!(attack, third);
    let (attacked, third) = (attacked?, third?);
    assert_eq!(refused_by(&attacked, "max_calls_per_piece"), 300 - 48, "three quarters of 64 are the attacker's");
    let failed = third.iter().find(|answer| answer.status != 200).map(|answer| &answer.text);
    assert_eq!(failed, None);
    scene.end(&["max_calls_per_piece"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_sleepers_in_several_pieces_leaves_another_tenant_room_on_the_host() -> anyhow::Result<()> {
    let options = ["LENO_MAX_CALLS", "LENO_MAX_CALLS_PER_PIECE"].into_iter().zip(["32", "64"]);
    let options = options.fold(Options::new().guest(HOSTILE), |options, (name, value)| options.env(name, value));
    let scene = Scene::start(options).await?;
    scene.operator.active("hostile.wasm").await?;
    let sleeper = sleeper();
    let attack = at_once(&scene.attacker, &sleeper, 40);
    let third = async {
        scene.calls(24).await?;
        at_once(&scene.third, &Run::new(HOSTILE, "ok"), 20).await
    };
    let (attacked, third) = tokio::join!(attack, third);
    let (attacked, third) = (attacked?, third?);
    assert_eq!(refused_by(&attacked, "max_calls"), 40 - 24, "three quarters of 32 are the attacker's");
    let failed = third.iter().find(|answer| answer.status != 200).map(|answer| &answer.text);
    assert_eq!(failed, None);
    scene.end(&["max_calls"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_fills_the_memory_of_its_calls_leaves_the_host_and_others_theirs() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new().guest(HOSTILE)).await?;
    scene.operator.active("hostile.wasm").await?;
    let allocate = Run::new(HOSTILE, "allocate").input(json!({"mib": 48, "hold_ms": 1_500}));
    let attack = at_once(&scene.attacker, &allocate, 32);
    let third = async {
        scene.calls(3).await?;
        at_once(&scene.third, &Run::new(HOSTILE, "ok"), 8).await
    };
    let (attacked, third) = tokio::join!(attack, third);
    let (attacked, third) = (attacked?, third?);
    let refused = refused_by(&attacked, "guest_memory_bytes");
    assert!((1..32).contains(&refused), "{refused} of 32 were refused");
    let failed = third.iter().find(|answer| answer.status != 200).map(|answer| &answer.text);
    assert_eq!(failed, None);
    scene.end(&["guest_memory_bytes"]).await
}
