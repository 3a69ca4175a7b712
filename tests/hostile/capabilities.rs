//! Guests that request what was not granted, or more than that.

use leno_testkit::craft::{self, Crafted};
use leno_testkit::{Grant, Options, Run, Upstream};
use serde_json::json;

use crate::scene::{HOSTILE, Scene, assert_failed};

const PRIVILEGED: &str = "hostile-privileged";

#[tokio::test(flavor = "multi_thread")]
async fn handles_that_are_never_dropped_end_the_call_and_leave_nothing_behind() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let few = scene.client.run(&Run::new(HOSTILE, "leak").input(json!({ "count": 100 }))).await?;
    assert_eq!(few.output()["opened"], 100);
    let before = scene.server.figures()?;
    for _ in 0..10 {
        assert_failed(&scene.client.run(&Run::new(HOSTILE, "leak")).await?, "guest_trap", 500);
    }
    let after = scene.server.figures()?;
    // Less than one for each call; the database may have opened another connection, of three files, meanwhile.
    assert!(after.files < before.files + 10, "{before:?} {after:?}");
    assert!(after.resident <= before.resident + (32 << 20), "{before:?} {after:?}");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_store_operations_are_counted_and_capped() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let grant = Grant::private([upstream.address]).limit("http_requests", 5).limit("store_operations", 5);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, grant)).await?;
    let run = Run::new(HOSTILE, "fetch_forever").input(json!({ "url": upstream.url("/echo") }));
    let answer = scene.client.run(&run).await?;
    assert_eq!(answer.output()["sent"], 5, "{}", answer.text);
    assert_eq!(answer.output()["error"]["kind"], "denied", "{}", answer.text);
    assert_eq!((answer.usage("httpRequests"), upstream.received().len()), (5, 5));

    let requests = vec![json!({ "url": upstream.url("/echo") }); 100];
    let answer = scene.client.run(&Run::new(HOSTILE, "fetch_all").input(json!({ "requests": requests }))).await?;
    let sent = answer.output().as_array().map(|told| told.iter().filter(|told| told["response"].is_object()).count());
    assert_eq!((sent, upstream.received().len()), (Some(5), 10), "{}", answer.text);

    let run = Run::new(HOSTILE, "store").input(json!({ "op": "get", "key": "k", "times": 6 }));
    let answer = scene.client.run(&run).await?;
    assert_eq!((answer.status, answer.code()), (403, "store-limit"), "{}", answer.text);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_one_tenant_is_not_that_of_another() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let stranger = scene.server.client_of(&leno_testkit::Caller::operator());
    let put = Run::new(HOSTILE, "store").input(json!({ "op": "put", "key": "k", "value": "mine" }));
    let get = Run::new(HOSTILE, "store").input(json!({ "op": "get", "key": "k" }));
    assert_eq!(scene.client.run(&put).await?.status, 200);
    assert_eq!(scene.client.run(&get).await?.output()["value"], "mine");
    assert_eq!(stranger.run(&get).await?.output()["value"], json!(null));
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_or_value_that_is_too_large_is_refused() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    for input in [
        json!({ "op": "put", "key": "k", "bytes": 10 << 20 }),
        json!({ "op": "put", "key": "k".repeat(100_000), "value": "v" }),
        json!({ "op": "put", "key": "", "value": "v" }),
        json!({ "op": "put", "key": "a\nb", "value": "v" }),
    ] {
        let answer = scene.client.run(&Run::new(HOSTILE, "store").input(input)).await?;
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_revealed_without_the_grant() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new().guest(PRIVILEGED)).await?;
    let reason = scene.client.refused("hostile-privileged.wasm").await?;
    assert_eq!(reason.code, "not_granted");
    assert!(reason.message.contains("[grants.hostile-privileged]"), "{}", reason.message);
    assert_eq!(scene.client.run(&Run::new(PRIVILEGED, "ok")).await?.status, 404);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_reveal_is_counted_and_shows_this_calls_connection_only() -> anyhow::Result<()> {
    let options = Options::new().guest(PRIVILEGED).grant(PRIVILEGED, Grant::default().with_secrets());
    let scene = Scene::with(options).await?;
    scene.client.active("hostile-privileged.wasm").await?;
    let without = scene.client.run(&Run::new(PRIVILEGED, "reveal")).await?;
    assert_eq!((without.status, without.code()), (404, "no-connection"), "{}", without.text);
    for secret in ["first-secret", "another-secret"] {
        let answer = scene.client.run(&Run::new(PRIVILEGED, "reveal").secret(secret)).await?;
        assert_eq!(answer.output(), &json!({ "type": "SECRET_TEXT", "secret_text": "**REDACTED**" }));
        // What the guest saw, in a form that no mask recognizes.
        let input = json!({ "through": "log" });
        let answer = scene.client.run(&Run::new(PRIVILEGED, "echo_secret").secret(secret).input(input)).await?;
        assert_eq!(answer.output()["bytes"], secret.len());
    }
    let reveals = scene.client.metrics().await?.sum("leno_secret_reveals_total", &[("piece", PRIVILEGED)]);
    assert!((reveals - 4.0).abs() < f64::EPSILON, "{reveals} reveals are counted");
    let revealed = |line: &&String| line.contains("secret_revealed") && line.contains(PRIVILEGED);
    let audited = scene.server.stderr.all().iter().filter(revealed).count();
    assert_eq!(audited, 4, "audit events");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_reveals_again_and_again_makes_one_audit_entry_and_is_counted() -> anyhow::Result<()> {
    let options = Options::new().guest(PRIVILEGED).grant(PRIVILEGED, Grant::default().with_secrets());
    let scene = Scene::with(options).await?;
    scene.client.active("hostile-privileged.wasm").await?;
    let run = Run::new(PRIVILEGED, "reveal_often").secret("a-secret").input(json!({ "times": 500 }));
    assert_eq!(scene.client.run(&run).await?.output()["revealed"], 500);
    let reveals = scene.client.metrics().await?.sum("leno_secret_reveals_total", &[("piece", PRIVILEGED)]);
    assert!((reveals - 500.0).abs() < f64::EPSILON, "{reveals} reveals are counted");
    let log = scene.server.stderr.all();
    let audited: Vec<_> = log.iter().filter(|line| line.contains("audit") && line.contains(PRIVILEGED)).collect();
    assert!(
        matches!(audited[..], [first, sum] if first.contains("secret_revealed") && sum.contains("reveals=500")),
        "{audited:?}"
    );
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_connection_show_no_secret() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let connection =
        json!({ "type": "CUSTOM_AUTH", "props": { "baseUrl": "https://allowed.test", "apiKey": "hidden-key" } });
    let answer = scene.client.run(&Run::new(HOSTILE, "settings").connection(connection)).await?;
    assert_eq!(answer.output()["kind"], "CUSTOM_AUTH");
    assert!(answer.text.contains("https://allowed.test") && !answer.text.contains("hidden-key"), "{}", answer.text);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_not_offered_keeps_a_piece_from_loading_and_is_named() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for Crafted { name, bytes, code, says } in craft::imports::all() {
        scene.server.deliver(&format!("{name}.wasm"), &bytes)?;
        let reason = scene.client.refused(&format!("{name}.wasm")).await?;
        assert_eq!(reason.code, code, "{name}: {}", reason.message);
        assert!(reason.message.contains(says), "{name}: {}", reason.message);
    }
    scene.server.deliver("nothing.wasm", &craft::imports::not_a_piece())?;
    assert_eq!(scene.client.refused("nothing.wasm").await?.code, "wrong_world");
    scene.end().await
}
