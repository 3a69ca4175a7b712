//! Starting on what an earlier run left: compiled code that is sound, and compiled code that is not.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use leno_testkit::craft::digest;
use leno_testkit::craft::versioned::versioned;
use leno_testkit::{Client, Options, Run, Server, Stage};

const PIECES: usize = 200;
/// How long a start with all of them compiled may take.
const START: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });

fn name(index: usize) -> String {
    format!("piece-{index:03}")
}

fn marker(index: usize) -> String {
    format!("mark-{index:03}")
}

fn component(index: usize) -> Vec<u8> {
    versioned(&name(index), "1.0.0", &marker(index)).component()
}

fn pieces(count: usize) -> Options {
    (0..count).fold(Options::new(), |options, index| options.piece(&name(index), component(index)))
}

/// Checks that each of the first `count` pieces responds as it should.
async fn all_answer(client: &Client, count: usize) -> anyhow::Result<()> {
    let files = client.files().await?;
    let bad: Vec<_> = files.iter().filter(|file| file.status != "active").collect();
    anyhow::ensure!(files.len() == count && bad.is_empty(), "{} files, of which not served: {bad:?}", files.len());
    for index in 0..count {
        let answer = client.run(&Run::new(&name(index), "run")).await?;
        assert_eq!(answer.output()["code"], marker(index));
        assert_eq!(answer.body["digest"], digest(&component(index)));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_200_compiled_pieces_takes_a_moment() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    let server = Server::start(pieces(PIECES)).await?;
    let first = server.started;
    let server = server.restart().await?;
    println!("  {PIECES} pieces: {first:.1?} to compile and listen, {:.0?} to listen again", server.started);
    assert!(server.started < START, "{:?}", server.started);
    all_answer(&server.client(), PIECES).await?;
    println!("  {} MiB resident", server.figures()?.resident >> 20);
    Ok(())
}

/// The compiled form of a component.
fn compiled(data: &Path, component: &[u8]) -> anyhow::Result<PathBuf> {
    let digest = digest(component);
    for entry in fs::read_dir(data.join("compiled"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&digest)) {
            return Ok(path);
        }
    }
    anyhow::bail!("{digest} is not in the cache")
}

/// Every file of the cache.
fn cached(data: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(data.join("compiled"))? {
        let path = entry?.path();
        files.insert(path.clone(), fs::read(path)?);
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_that_was_tampered_with_is_never_loaded() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    const COUNT: usize = 6;
    let server = Server::start(pieces(COUNT)).await?;
    let sound = cached(&server.data())?;
    assert_eq!(sound.len(), COUNT);
    let mut broken = BTreeMap::new();
    let server = server
        .restart_after(|data| {
            let file = |index| compiled(data, &component(index));
            let mut flipped = fs::read(file(0)?)?;
            let middle = flipped.len() / 2;
            flipped[middle] ^= 1;
            fs::write(file(0)?, flipped)?;
            let half = fs::read(file(1)?)?.len() as u64 / 2;
            fs::File::options().write(true).open(file(1)?)?.set_len(half)?;
            fs::File::options().write(true).open(file(2)?)?.set_len(10)?;
            // Sound, but of another component.
            fs::copy(file(5)?, file(3)?)?;
            fs::write(file(4)?, b"")?;
            broken = cached(data)?;
            Ok(())
        })
        .await?;
    all_answer(&server.client(), COUNT).await?;
    let mended = cached(&server.data())?;
    let recompiled = mended.iter().filter(|(path, bytes)| broken.get(*path) != Some(bytes)).count();
    assert_eq!((mended.len(), recompiled), (COUNT, COUNT - 1));
    let log = server.stderr.all();
    let told = log.iter().filter(|line| line.contains("failed authentication")).count();
    println!("  {recompiled} of {COUNT} compiled files were broken and are compiled again; the log tells of {told}");
    assert_eq!(told, COUNT - 1, "{log:#?}");
    // Once is enough.
    let server = server.restart().await?;
    assert_eq!(cached(&server.data())?, mended);
    assert!(!server.stderr.all().iter().any(|line| line.contains("failed authentication")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_others_may_write_to_is_refused_at_the_start() -> anyhow::Result<()> {
    let _stage = Stage::take().await?;
    for mode in [0o777, 0o770, 0o702] {
        let server = Server::start(pieces(1)).await?;
        let open = |data: &Path| Ok(fs::set_permissions(data.join("compiled"), Permissions::from_mode(mode))?);
        let Err(refused) = server.restart_after(open).await else { panic!("it starts with mode {mode:o}") };
        let refused = refused.to_string();
        assert!(refused.contains("compiled") && refused.contains("mode 0700"), "{mode:o}: {refused}");
        if mode == 0o777 {
            println!("  {}", refused.lines().last().unwrap_or_default());
        }
    }
    Ok(())
}
