//! Guests that write too much, or what they should not.

use leno_testkit::{Grant, Options, Run, Upstream};
use serde_json::json;

use crate::scene::{HOSTILE, Scene};

/// What the host may print on behalf of one call.
const PRINTED: usize = 2 << 20;
const CANARY: &str = "canary-7f3d9a1c5e8b";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_records_is_cut_off_and_counted() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let run = Run::new(HOSTILE, "log_flood").input(json!({ "count": 3_000, "bytes": 4_000 }));
    let answer = scene.client.run(&run).await?;
    assert_eq!(answer.output()["emitted"], 3_000);
    let kept = answer.logs().len() as u64;
    assert_eq!(answer.body["logsDropped"].as_u64(), Some(3_000 - kept), "{kept} are kept");
    assert!(answer.text.len() < 1 << 20, "{} bytes", answer.text.len());
    let printed: usize = scene.server.stderr.all().iter().map(String::len).sum();
    assert!(printed < PRINTED, "{printed} bytes in the log");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_records_of_a_megabyte_cost_the_guest_its_budget_and_the_host_nothing() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::default().limit("cpu_ms", 1_000))).await?;
    scene.server.forget_peak()?;
    let before = scene.server.figures()?.resident;
    let answer = scene.client.run(&Run::new(HOSTILE, "log_flood")).await?;
    assert_eq!(answer.code(), "cpu_limit", "{}", answer.text);
    assert!(answer.text.len() < 1 << 20, "{} bytes", answer.text.len());
    let grown = scene.server.figures()?.peak.saturating_sub(before);
    assert!(grown < 96 << 20, "{} MiB", grown >> 20);
    let printed: usize = scene.server.stderr.all().iter().map(String::len).sum();
    assert!(printed < PRINTED, "{printed} bytes in the log");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_text_cannot_steer_a_terminal_or_forge_a_record() -> anyhow::Result<()> {
    for format in ["text", "json"] {
        let scene = Scene::with_hostile(Options::new().env("LENO_LOG_FORMAT", format).env("LENO_LOG", "debug")).await?;
        let answer = scene.client.run(&Run::new(HOSTILE, "log_escape")).await?;
        assert_eq!(answer.status, 500);
        let records =
            answer.logs().iter().filter(|record| record["message"].as_str().is_some_and(|m| m.contains("forged")));
        assert_eq!(records.count(), 1, "{}", answer.text);
        let steering = ['\u{1b}', '\u{9b}', '\u{7}', '\r', '\0', '\u{2028}', '\u{202e}'];
        let decoded: Vec<String> = strings(&answer.body);
        assert!(decoded.iter().all(|text| !text.contains(steering) && !text.contains('\n')), "{decoded:?}");
        for line in scene.server.stderr.all().iter() {
            assert!(!line.contains(steering), "{line:?}");
            assert!(!line.trim_start().starts_with("{\"timestamp\":\"2038"), "{line:?}");
            if format == "json" {
                let record: serde_json::Value = serde_json::from_str(line)?;
                assert_ne!(record["message"], "forged-record");
            }
        }
        scene.end().await?;
    }
    Ok(())
}

/// Every text in `value`, names included.
fn strings(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(strings).collect(),
        serde_json::Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [vec![name.clone()], strings(value)].concat()).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_a_service_sends_back_does_not_enter_the_sandbox() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    let input = json!({ "through": "log", "url": upstream.url("/echo") });
    let answer = scene.client.run(&Run::new(HOSTILE, "echo_secret").secret(CANARY).input(input)).await?;
    // The length that the guest saw is the mask's.
    assert_eq!(answer.output()["bytes"], "**REDACTED**".len(), "{}", answer.text);
    let sent = upstream.received();
    assert_eq!(sent[0].header("authorization"), Some(&*format!("Bearer {CANARY}")));
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_leaves_by_no_log_error_url_or_key() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let grant = || Grant::private([upstream.address]);
    let options = Options::new()
        .env("LENO_LOG", "trace")
        .grant(HOSTILE, grant())
        .grant("hostile-privileged", grant().with_secrets())
        .guest("hostile-privileged");
    let mut scene = Scene::with_hostile(options).await?;
    scene.client.active("hostile-privileged.wasm").await?;
    for piece in [HOSTILE, "hostile-privileged"] {
        for through in ["log", "stderr", "error", "panic", "url", "key"] {
            let input =
                json!({ "through": through, "url": upstream.url("/echo"), "leak": upstream.url("/status/204") });
            let answer = scene.client.run(&Run::new(piece, "echo_secret").secret(CANARY).input(input)).await?;
            assert!(!answer.text.contains(CANARY), "{piece} through {through}: {}", answer.text);
            assert_ne!(answer.body["detail"], "the host added no credentials");
        }
    }
    let sent = upstream.received();
    assert!(sent.iter().any(|request| request.header("authorization") == Some(&format!("Bearer {CANARY}"))));
    scene.server.stop().await?;
    for lines in [scene.server.stdout.all(), scene.server.stderr.all()] {
        let leak = lines.iter().find(|line| line.contains(CANARY));
        assert_eq!(leak, None);
    }
    assert_eq!(scene.server.data_files_with(&[CANARY])?, [""; 0].map(std::path::PathBuf::from));
    Ok(())
}
