//! What a call says: errors, logs, outputs, and the secrets that are kept out of them.

use std::time::Duration;

use leno_testkit::{Options, Run};
use serde_json::json;

use crate::scene::{HOSTILE, Scene};

pub(crate) const EXHAUSTS: &[&str] =
    &["call_denials", "call_denials_logged", "error_details_bytes", "failures_logged", "output_bytes", "secret_bytes"];

/// What the host may log of one call.
const LOGGED: usize = 64 << 10;

async fn scene(options: Options) -> anyhow::Result<Scene> {
    let scene = Scene::start(options.guest(HOSTILE)).await?;
    scene.operator.active("hostile.wasm").await?;
    Ok(scene)
}

fn logged(scene: &Scene) -> usize {
    scene.server.stderr.all().iter().map(String::len).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_does_not_heed_refusals_is_ended_and_fills_no_log() -> anyhow::Result<()> {
    let scene = scene(Options::new()).await?;
    let before = logged(&scene);
    let denied = json!({"url": "https://denied.test/"});
    let one_by_one = json!({"url": "https://denied.test/", "times": 200_000});
    for (action, input) in [("insist", one_by_one), ("fetch_all", json!({"requests": vec![denied.clone(); 20_000]}))] {
        let answer = scene.attacker.run(&Run::new(HOSTILE, action).input(input)).await?;
        assert_eq!((answer.status, answer.code()), (403, "too_many_denials"), "{}", answer.text);
        assert_eq!(answer.body["details"]["budget"], "call_denials", "{}", answer.text);
        assert_eq!(answer.body["kind"], "denied");
    }
    let log = scene.server.stderr.all();
    let count = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("event=\"denied\""), count("event=\"repeated\"")), (40, 2), "20 for each call, and a sum");
    let sum = log.iter().find(|line| line.contains("event=\"repeated\"")).map(String::as_str).unwrap_or_default();
    assert!(sum.contains("denials=1001"), "{sum}");
    let more = logged(&scene) - before;
    assert!(more < LOGGED, "{more} bytes are logged");
    // Every one is in the metrics.
    let denials = scene.operator.metrics().await?.sum("leno_denials_total", &[("piece", HOSTILE)]);
    assert!((denials - 2_002.0).abs() < f64::EPSILON, "{denials} are counted");
    scene.end(&["call_denials", "call_denials_logged"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_runs_all_fail_does_not_fill_the_log() -> anyhow::Result<()> {
    let scene = scene(Options::new()).await?;
    let before = logged(&scene);
    let run = Run::new(HOSTILE, "fail").input(json!({"kind": "not-found", "code": "gone", "message": "gone"}));
    // Many within any one second.
    let all = futures_util::future::join_all((0..40).map(|_| async {
        for _ in 0..25 {
            anyhow::ensure!(scene.attacker.run(&run).await?.status == 404);
        }
        Ok(())
    }));
    all.await.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    let more = logged(&scene) - before;
    assert!(more < LOGGED, "{more} bytes are logged");
    scene.end(&["failures_logged"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_thirty_megabytes_are_not_parsed() -> anyhow::Result<()> {
    let scene = scene(Options::new()).await?;
    let fail = |bytes: usize| {
        let input = json!({"kind": "not-found", "code": "gone", "message": "gone", "details_bytes": bytes});
        Run::new(HOSTILE, "fail").input(input)
    };
    let answer = scene.attacker.run(&fail(60_000)).await?;
    assert_eq!(answer.body["details"].as_array().map(Vec::len), Some(30_001));
    let before = scene.server.figures()?.resident;
    scene.server.forget_peak()?;
    let answer = scene.attacker.run(&fail(30 << 20)).await?;
    assert_eq!((answer.status, answer.code()), (404, "gone"), "{}", answer.text);
    let details = json!({"code": "details_too_large", "bytes": (30 << 20) + 3, "limit": 64 << 10});
    assert_eq!(answer.body["details"], details);
    let grown = scene.server.figures()?.peak.saturating_sub(before) >> 20;
    // The guest's memory, and the text until it is measured. It was 1.2 GB.
    assert!(grown < 160, "{grown} MiB");
    scene.end(&["error_details_bytes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_nobody_reads_leave_another_tenant_room() -> anyhow::Result<()> {
    /// Three quarters of 128 MiB are for one tenant.
    const OUTPUTS: usize = 12;
    const BYTES: usize = 8_000_000;
    let scene = scene(Options::new()).await?;
    let url = format!("{}/api/pieces/{HOSTILE}/actions/big_output/run", scene.server.url());
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut unread = Vec::new();
    let mut refused = None;
    for _ in 0..=OUTPUTS {
        let body = json!({"input": {"bytes": BYTES}});
        let response = client.post(&url).bearer_auth(scene.attacker.token()).json(&body).send().await?;
        match response.status().as_u16() {
            200 => unread.push(response),
            status => refused = Some((status, response.json::<serde_json::Value>().await?)),
        }
    }
    assert_eq!(unread.len(), OUTPUTS);
    let (status, problem) = refused.expect("one is refused");
    assert_eq!((status, &problem["code"]), (429, &json!("overloaded")), "{problem}");
    assert_eq!(problem["details"]["budget"], "output_bytes", "{problem}");
    let answer = scene.third.run(&Run::new(HOSTILE, "big_output").input(json!({"bytes": 2_000_000}))).await?;
    assert_eq!(answer.status, 200, "{}", answer.text);
    drop(unread);
    scene.end(&["output_bytes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_ninety_thousand_secrets_holds_no_worker() -> anyhow::Result<()> {
    let scene = scene(Options::new()).await?;
    let many: Vec<String> = (0..90_000).map(|number| format!("text-{number:06}")).collect();
    let connection = json!({"type": "CUSTOM_AUTH", "props": {"apiKey": "key", "undeclared": many}});
    let answer = scene.attacker.run(&Run::new(HOSTILE, "settings").connection(connection)).await?;
    assert_eq!((answer.status, answer.code()), (422, "connection-too-large"), "{}", answer.text);
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("LENO_SECRET_BYTES"), "{detail}");
    assert!(answer.took < Duration::from_secs(5), "{:?}", answer.took);
    // The most that are accepted, the worst that there are, on the longest output.
    let nested: Vec<String> = (4..400).map(|length| "x".repeat(length)).collect();
    let connection = json!({"type": "CUSTOM_AUTH", "props": {"apiKey": "key", "undeclared": nested}});
    let run = Run::new(HOSTILE, "big_output").input(json!({"bytes": 8_000_000, "connected": true}));
    let answer = scene.attacker.run(&run.connection(connection)).await?;
    assert_eq!(answer.output(), "**REDACTED**");
    assert!(answer.took < Duration::from_secs(5), "{:?}", answer.took);
    scene.end(&["secret_bytes"]).await
}
