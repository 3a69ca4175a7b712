//! Guests that pass values which are not what the interface promises.

use leno_testkit::craft::{self, Crafted};
use leno_testkit::{Options, Run};
use serde_json::json;

use crate::scene::{HOSTILE, Scene, assert_failed};

/// What the host may take for one call: see `memory.rs`.
const ROOM: u64 = (64 + 32) << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_breaks_the_canonical_abi_ends_the_call_and_nothing_else() -> anyhow::Result<()> {
    let all = craft::values::all();
    let options =
        all.iter().fold(Options::new(), |options, crafted| options.piece(crafted.name, crafted.bytes.clone()));
    let scene = Scene::with(options).await?;
    for Crafted { name, code, .. } in all {
        scene.client.active(&format!("{name}.wasm")).await?;
        scene.server.forget_peak()?;
        let before = scene.server.figures()?.resident;
        let answer = scene.client.run(&Run::new(name, "run")).await?;
        assert_failed(&answer, code, 500);
        let grown = scene.server.figures()?.peak.saturating_sub(before);
        assert!(grown <= ROOM, "{name}: {} MiB", grown >> 20);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_json_is_refused() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    for run in [Run::new(HOSTILE, "not_json"), Run::new(HOSTILE, "deep_json")] {
        assert_failed(&scene.client.run(&run).await?, "invalid_output", 502);
    }
    for text in ["", " ", "{", "nul", "NaN", "{\"a\":1} x", "[1,]", "{\"a\" 1}", "\"\\ud800\"", "'a'", "\u{feff}{}"] {
        let answer = scene.client.run(&Run::new(HOSTILE, "raw_output").input(json!({ "text": text }))).await?;
        assert_failed(&answer, "invalid_output", 502);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_json_comes_through_as_it_is() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    for text in ["null", "-0.5", r#""</script>\u0000""#, r#"{"runId":"forged","output":1,"usage":{}}"#, "[[[[[]]]]]"] {
        let answer = scene.client.run(&Run::new(HOSTILE, "raw_output").input(json!({ "text": text }))).await?;
        assert_eq!(answer.output(), &serde_json::from_str::<serde_json::Value>(text)?);
        assert_ne!(answer.body["runId"], "forged");
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_piece_cannot_forge_the_problem_around_it() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    for (kind, status) in [
        ("invalid-input", 422),
        ("unauthorized", 424),
        ("not-found", 404),
        ("rate-limited", 429),
        ("unavailable", 502),
        ("denied", 403),
        ("timeout", 504),
        ("internal", 500),
    ] {
        let code = "c".repeat(10_000);
        let message = "\",\"runId\":\"forged\u{1b}[2J\r\n".repeat(10_000);
        let details = json!({ "runId": "forged", "status": 200 });
        let input = json!({ "kind": kind, "code": code, "message": message, "details": details });
        let answer = scene.client.run(&Run::new(HOSTILE, "fail").input(input)).await?;
        assert_eq!((answer.status, &answer.body["kind"]), (status, &kind.into()), "{}", answer.text);
        assert_ne!(answer.body["runId"], "forged");
        assert!(answer.code().len() <= 100 && answer.text.len() <= 100_000, "{} bytes", answer.text.len());
        assert!(!answer.text.contains(['\u{1b}', '\r']), "control characters in {kind}");
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_in_the_guests_words_and_ends_only_the_call() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let run = Run::new(HOSTILE, "panic").input(json!({ "text": "the flux \u{1b}[31mcapacitor\nis empty" }));
    let answer = scene.client.run(&run).await?;
    assert_eq!((answer.code(), answer.status), ("guest_trap", 500), "{}", answer.text);
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the flux") && !detail.contains(['\u{1b}', '\n']), "{detail:?}");
    for action in ["trap", "exit"] {
        assert_failed(&scene.client.run(&Run::new(HOSTILE, action)).await?, "guest_trap", 500);
    }
    scene.end().await
}
