//! What uploads and compilations may take of the host.

use std::time::{Duration, Instant};

use leno_testkit::craft::versioned::versioned;
use leno_testkit::craft::{bombs, digest};
use leno_testkit::{Options, Run, process};

use crate::scene::Scene;

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] = &["compiles", "component_bytes"];

/// Several, as one takes no longer than an upload waits where nothing else runs.
const BOMBS: [&str; 4] = ["bomb-a", "bomb-b", "bomb-c", "bomb-d"];

/// Waits until the host compiles something, or nothing.
async fn compiling(scene: &Scene, wanted: bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while process::children(scene.server.id())?.is_empty() == wanted {
        anyhow::ensure!(Instant::now() < deadline, "a compilation runs: {}", !wanted);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn compiles() -> anyhow::Result<()> {
    let scene = Scene::start(Options::new().env("LENO_COMPILES", "1")).await?;
    let known = versioned("known", "1.0.0", "marker-1").component();
    scene.server.deliver("known.wasm", &known)?;
    scene.operator.active("known.wasm").await?;

    compiling(&scene, false).await?;
    for bomb in BOMBS {
        scene.server.deliver(&format!("{bomb}.wasm"), &bombs::long(bomb))?;
    }
    compiling(&scene, true).await?;
    // The one place is taken: an upload is told so. What need not be compiled is served meanwhile.
    let upload = {
        let (operator, bytes) = (scene.operator.clone(), versioned("late", "1.0.0", "marker-2").component());
        tokio::spawn(async move { operator.upload(bytes).await })
    };
    scene.server.deliver("moved.wasm", &versioned("moved", "1.0.0", "marker-3").component())?;
    std::fs::rename(scene.server.pieces().join("known.wasm"), scene.server.pieces().join("renamed.wasm"))?;
    scene.operator.active_with("renamed.wasm", &digest(&known)).await?;
    assert_eq!(scene.operator.run(&Run::new("known", "run")).await?.output()["code"], "marker-1");
    let refused = upload.await??;
    assert_eq!((refused.status, refused.code()), (429, "budget_exhausted"), "{}", refused.text);
    assert_eq!(refused.body["details"]["budget"], "compiles");
    assert!(refused.headers.contains_key("retry-after"));
    compiling(&scene, true).await?;

    // A bomb that is taken away frees its place, and what waited for it is served.
    for bomb in BOMBS {
        let path = format!("/api/admin/pieces/{bomb}.wasm");
        let removed = scene.operator.send(reqwest::Method::DELETE, &path, None).await?;
        assert_eq!(removed.status, 200, "{}", removed.text);
    }
    scene.operator.active("moved.wasm").await?;
    scene.end(&["compiles"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn component_bytes() -> anyhow::Result<()> {
    const LIMIT: usize = 1 << 20;
    let scene = Scene::start(Options::new().env("LENO_COMPONENT_BYTES", &LIMIT.to_string())).await?;
    let large = versioned("large", "1.0.0", "marker-1").padded(LIMIT).component();
    let refused = scene.operator.upload(large.clone()).await?;
    assert_eq!((refused.status, refused.code()), (413, "budget_exceeded"), "{}", refused.text);
    assert_eq!(refused.body["details"]["budget"], "component_bytes");
    // A file is served all the same.
    scene.server.deliver("large.wasm", &large)?;
    scene.operator.active("large.wasm").await?;
    // Earlier versions make room.
    for patch in 0..4 {
        let version = versioned("half", &format!("1.0.{patch}"), "marker-2").padded(LIMIT / 2).component();
        scene.server.deliver("half.wasm", &version)?;
        scene.operator.active_with("half.wasm", &digest(&version)).await?;
    }
    let kept: u64 = std::fs::read_dir(scene.server.data().join("components"))?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<std::io::Result<u64>>()?;
    assert!(kept <= LIMIT as u64, "{kept} bytes are kept");
    for file in ["half.wasm", "large.wasm"] {
        let removed = scene.operator.send(reqwest::Method::DELETE, &format!("/api/admin/pieces/{file}"), None).await?;
        assert_eq!(removed.status, 200, "{}", removed.text);
    }
    scene.end_holding(&["component_bytes"], &["component_bytes"]).await
}
