//! Stopping while a component is compiled.

use std::time::{Duration, Instant};

use leno_testkit::craft::bombs;
use leno_testkit::craft::versioned::versioned;
use leno_testkit::{Options, Run, Server, Stage, process};

/// How long a host may take to stop that has nothing to wait for.
const SOON: Duration = Duration::from_secs(5);

/// Waits until so many compilers run.
async fn compilers(server: &Server, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while process::children(server.id())?.len() < count {
        anyhow::ensure!(Instant::now() < deadline, "nothing is compiled");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compilation_does_not_delay_the_end() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let mut server = Server::start(Options::new()).await?;
    let client = server.client();
    server.deliver("bomb.wasm", &bombs::long("bomb"))?;
    compilers(&server, 1).await?;
    let upload = tokio::spawn(async move { client.upload(bombs::long("other")).await });
    compilers(&server, 2).await?;
    let children = process::children(server.id())?;

    let began = Instant::now();
    server.stop().await?;
    let took = began.elapsed();
    println!("  stopped {took:.0?} after the signal, in the middle of two compilations");
    assert!(took < SOON, "{took:?}");
    let refused = upload.await??;
    assert_eq!((refused.status, refused.code()), (503, "stopping"), "{}", refused.text);
    for (id, _) in children {
        let left = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!left.contains("compile"), "compiler {id} goes on");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pieces_come_and_go_while_one_is_compiled() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let mut server = Server::start(Options::new()).await?;
    let client = server.client();
    server.deliver("bomb.wasm", &bombs::long("bomb"))?;
    compilers(&server, 1).await?;
    let began = Instant::now();
    server.deliver("quick.wasm", &versioned("quick", "1.0.0", "marker-1").component())?;
    client.active("quick.wasm").await?;
    assert_eq!(client.run(&Run::new("quick", "run")).await?.output()["code"], "marker-1");
    let uploaded = client.upload(versioned("sent", "1.0.0", "marker-2").component()).await?;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    std::fs::remove_file(server.pieces().join("quick.wasm"))?;
    let gone = Instant::now() + Duration::from_secs(20);
    while client.files().await?.iter().any(|file| file.file == "quick.wasm") {
        anyhow::ensure!(Instant::now() < gone, "a file that is gone is still served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("  one came, one was sent, one went within {:.1?} of a compilation", began.elapsed());
    assert_eq!(process::children(server.id())?.len(), 1, "the bomb is still compiled");
    server.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_at_the_start_leaves_the_last_good_version_in_service() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let good = versioned("steady", "1.0.0", "marker-1").component();
    let server = Server::start(Options::new().piece("steady", good)).await?;
    let first = server.client().active("steady.wasm").await?;
    server.deliver("steady.wasm", b"junk")?;
    let server = server.restart().await?;
    let client = server.client();
    let failed = client.file("steady.wasm", |file| file.status == "failed").await?;
    assert_eq!(failed.keeps, first.digest);
    assert_eq!(client.run(&Run::new("steady", "run")).await?.output()["code"], "marker-1");
    // Also after a power cut, and a second time.
    let server = server.crash().await?;
    assert_eq!(server.client().run(&Run::new("steady", "run")).await?.output()["code"], "marker-1");
    Ok(())
}
