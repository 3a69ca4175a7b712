//! Guests that misbehave before their first call.

use leno_testkit::craft::versioned::versioned;
use leno_testkit::craft::{self, Crafted};
use leno_testkit::{Options, Run, Trap};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_misbehaves_while_it_loads_is_refused_with_the_reason() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for Crafted { name, bytes, code, says } in craft::loading::all() {
        scene.server.deliver(&format!("{name}.wasm"), &bytes)?;
        let reason = scene.client.refused(&format!("{name}.wasm")).await?;
        assert_eq!(reason.code, code, "{name}: {}", reason.message);
        assert!(reason.message.to_lowercase().contains(&says.to_lowercase()), "{name}: {}", reason.message);
        assert!(!reason.message.contains('\u{1b}'), "{name}: {:?}", reason.message);
        assert!(reason.message.len() < 10_000, "{name}: {} bytes", reason.message.len());
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_good_version_serves_on_while_its_successor_hangs() -> anyhow::Result<()> {
    let good = versioned("steady", "1.0.0", "marker-1").component();
    let scene = Scene::with(Options::new().piece("steady", good)).await?;
    let first = scene.client.active("steady.wasm").await?;
    for bad in [craft::loading::describe_loops("steady"), craft::loading::start_loops("steady")] {
        scene.server.deliver("steady.wasm", &bad)?;
        let failed = scene.client.file("steady.wasm", |file| file.status == "failed").await?;
        assert_eq!(failed.reason.map(|reason| reason.code).as_deref(), Some("cpu_limit"));
        assert_eq!(failed.keeps, first.digest);
        let answer = scene.client.run(&Run::new("steady", "run")).await?;
        assert_eq!(answer.output()["code"], "marker-1");
        assert_eq!(answer.body["digest"].as_str(), first.digest.as_deref());
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_reaches_nobody() -> anyhow::Result<()> {
    let trap = Trap::on("127.0.0.1").await?;
    let bytes = craft::loading::describe_calls_out(&format!("http://{}/", trap.address));
    let grant = leno_testkit::Grant::private([trap.address]);
    let scene =
        Scene::with(Options::new().piece("describe-calls-out", bytes).grant("describe-calls-out", grant)).await?;
    // It traps if it gets a response, so being active proves the refusal.
    scene.client.active("describe-calls-out.wasm").await?;
    assert_eq!(trap.connects().await, 0);
    scene.end().await
}
