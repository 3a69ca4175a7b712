//! Pieces that are replaced while they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use leno_testkit::craft::versioned::versioned;
use leno_testkit::craft::{digest, junk};
use leno_testkit::neighbour::percentile;
use leno_testkit::{Client, Options, Run, Server, Stage};

const FILE: &str = "reload.wasm";
const VERSIONS: usize = 20;
const BROKEN: usize = 10;
const CONNECTIONS: usize = 8;
const CALLS: usize = 2_000;

/// What one connection saw: digests with the marker that came with each, and how long each call took.
#[derive(Default)]
struct Seen {
    versions: BTreeSet<(String, String)>,
    took: Vec<Duration>,
}

/// Calls until `done`, and at least its share of [`CALLS`].
async fn calls(client: Client, done: Arc<AtomicBool>) -> anyhow::Result<Seen> {
    let (mut seen, run) = (Seen::default(), Run::new("reload", "run"));
    while seen.took.len() < CALLS / CONNECTIONS || !done.load(Ordering::Relaxed) {
        let answer = client.run(&run).await?;
        anyhow::ensure!(answer.status == 200, "call {} fails: {}", seen.took.len(), answer.text);
        let (code, data) = (answer.output()["code"].as_str(), answer.output()["data"].as_str());
        anyhow::ensure!(code.is_some() && code == data, "code of {code:?} ran on data of {data:?}");
        let digest = answer.body["digest"].as_str().unwrap_or_default();
        seen.versions.insert((digest.to_owned(), code.unwrap_or_default().to_owned()));
        seen.took.push(answer.took);
    }
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_or_sees_a_mix_while_the_piece_is_replaced_again_and_again() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let marker = |version: usize| format!("marker{version:02}");
    let components: Vec<_> = (0..=VERSIONS)
        .map(|version| versioned("reload", &format!("1.0.{version}"), &marker(version)).component())
        .collect();
    let written: BTreeMap<String, String> =
        components.iter().enumerate().map(|(version, bytes)| (digest(bytes), marker(version))).collect();

    let mut server = Server::start(Options::new().piece("reload", components[0].clone())).await?;
    let client = server.client();
    client.active(FILE).await?;
    let done = Arc::new(AtomicBool::new(false));
    // A separate client each: they share no connection.
    let callers: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(calls(server.client(), done.clone()))).collect();

    let junk = [junk::truncated(), junk::core_module(), junk::native_image(), Vec::new()];
    let (began, mut swaps) = (Instant::now(), Vec::new());
    for (version, bytes) in components.iter().enumerate().skip(1) {
        let delivered = Instant::now();
        server.deliver(FILE, bytes)?;
        client.active_with(FILE, &digest(bytes)).await?;
        swaps.push(delivered.elapsed());
        if version % (VERSIONS / BROKEN) == 0 {
            server.deliver(FILE, &junk[version / 2 % junk.len()])?;
            let failed = client.file(FILE, |file| file.status == "failed").await?;
            assert_eq!(failed.keeps.as_deref(), Some(digest(bytes).as_str()));
        }
    }
    done.store(true, Ordering::Relaxed);

    let mut seen = Seen::default();
    for caller in callers {
        let one = caller.await??;
        seen.versions.extend(one.versions);
        seen.took.extend(one.took);
    }
    println!(
        "  {} calls over {CONNECTIONS} connections in {:.1?}, {VERSIONS} replacements and {BROKEN} broken files: no failure; \
         a call took {:.1?} at the median, {:.1?} at 99 %, {:.1?} at most; a file was served {:.0?} after its delivery at the \
         median, {:.0?} at most",
        seen.took.len(),
        began.elapsed(),
        percentile(&seen.took, 0.5),
        percentile(&seen.took, 0.99),
        percentile(&seen.took, 1.0),
        percentile(&swaps, 0.5),
        percentile(&swaps, 1.0),
    );
    assert!(seen.took.len() >= CALLS);
    for (digest, marker) in &seen.versions {
        assert_eq!(written.get(digest), Some(marker), "{digest} answers {marker}");
    }
    assert_eq!(seen.versions.len(), VERSIONS + 1, "each version served for a while");
    server.check_alive()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_ends_on_the_version_it_began_with() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let upstream = leno_testkit::Upstream::start().await?;
    let held =
        |version: &str, marker: &str| versioned("held", version, marker).gated(&upstream.url("/hold")).component();
    let grant = leno_testkit::Grant::private([upstream.address]);
    let (old, new) = (held("1.0.0", "marker-1"), held("1.0.1", "marker-2"));
    let server = Server::start(Options::new().piece("held", old.clone()).grant("held", grant)).await?;
    let client = server.client();
    client.active("held.wasm").await?;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.run(&Run::new("held", "hold")).await })
        })
        .collect();
    upstream.holds(calls.len(), Duration::from_secs(10)).await?;
    server.deliver("held.wasm", &new)?;
    client.active_with("held.wasm", &digest(&new)).await?;
    assert_eq!(client.run(&Run::new("held", "run")).await?.output()["code"], "marker-2");
    upstream.release();
    for call in calls {
        let answer = call.await??;
        assert_eq!((&answer.output()["code"], &answer.output()["data"]), (&"marker-1".into(), &"marker-1".into()));
        assert_eq!(answer.body["digest"], digest(&old));
    }
    Ok(())
}
