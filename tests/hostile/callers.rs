//! Callers that go away, or that never say what they want.

use std::time::Duration;

use leno_testkit::{Grant, Options, Run};

use crate::scene::{HOSTILE, Scene};

/// How long the host may take to notice that a caller is gone, and to end the call.
const NOTICED: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_with_its_caller_whatever_it_is_at() -> anyhow::Result<()> {
    let grant = Grant::default().limit("cpu_ms", 60_000).limit("wall_ms", 60_000);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, grant)).await?;
    for action in ["sleep", "spin"] {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let client = scene.client.clone();
                tokio::spawn(async move { client.run(&Run::new(HOSTILE, action)).await })
            })
            .collect();
        // All of them; the neighbour may have one more under way.
        scene.holds(|held| held >= 8.0, Duration::from_secs(10)).await?;
        for call in calls {
            call.abort();
        }
        let noticed = scene.holds(|held| held <= 1.0, NOTICED).await?;
        println!("  {action}: all calls ended {noticed:.1?} after their callers");
    }
    let cancelled =
        scene.client.metrics().await?.sum("leno_calls_total", &[("piece", HOSTILE), ("outcome", "cancelled")]);
    assert!((cancelled - 16.0).abs() < f64::EPSILON, "{cancelled} calls are counted as cancelled");
    scene.end().await
}
