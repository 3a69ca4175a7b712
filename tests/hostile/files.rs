//! Files that are no piece, or that cost more than a piece may.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use leno_testkit::craft::versioned::versioned;
use leno_testkit::craft::{bombs, junk};
use leno_testkit::{Options, Run, process};
use reqwest::Method;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_junk_is_refused_with_its_own_reason() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for (file, bytes, code, says) in [
        ("truncated.wasm", junk::truncated(), "malformed", ""),
        ("trailing-noise.wasm", junk::trailing_noise(), "malformed", ""),
        ("core-module.wasm", junk::core_module(), "not_a_component", "core module"),
        ("text.wasm", junk::text_format(), "not_a_component", "text"),
        ("native-image.wasm", junk::native_image(), "not_a_component", "native"),
        ("native-program.wasm", junk::native_program()?, "not_a_component", "native"),
        ("future.wasm", junk::future_version(), "not_a_component", "version"),
        ("empty.wasm", Vec::new(), "not_a_component", "empty"),
    ] {
        scene.server.deliver(file, &bytes)?;
        let reason = scene.client.refused(file).await?;
        assert_eq!(reason.code, code, "{file}: {}", reason.message);
        assert!(reason.message.contains(says), "{file}: {}", reason.message);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_plain_file_is_never_opened() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    let pieces = scene.server.pieces();
    let outside = scene.server.data().join("outside.wasm");
    fs::write(&outside, versioned("outside", "1.0.0", "marker-1").component())?;
    symlink(&outside, pieces.join("link.wasm"))?;
    symlink("/dev/zero", pieces.join("zero.wasm"))?;
    fs::create_dir(pieces.join("folder.wasm"))?;
    let _socket = UnixListener::bind(pieces.join("socket.wasm"))?;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pieces.join("pipe.wasm"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )?;
    fs::File::create(pieces.join("sparse.wasm"))?.set_len(2 << 30)?;
    for (file, code) in [
        ("link.wasm", "symlink"),
        ("zero.wasm", "symlink"),
        ("folder.wasm", "not_a_file"),
        ("socket.wasm", "not_a_file"),
        ("pipe.wasm", "not_a_file"),
        ("sparse.wasm", "too_large"),
    ] {
        assert_eq!(scene.client.refused(file).await?.code, code, "{file}");
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_files_and_other_names_are_left_alone() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for file in ["..dots.wasm", ".hidden.wasm", "readme.txt", "piece.wasm.part"] {
        scene.server.deliver(file, &versioned("stray", "1.0.0", "marker-1").component())?;
    }
    scene.server.deliver("last.wasm", &versioned("last", "1.0.0", "marker-1").component())?;
    scene.client.active("last.wasm").await?;
    let files: Vec<_> = scene.client.files().await?.into_iter().map(|file| file.file).collect();
    assert_eq!(files, ["last.wasm", "neighbour.wasm"]);
    for path in ["..%2Fleno.toml", "..%2f..%2fetc%2fpasswd", "%2e%2e", "last.wasm%00"] {
        let answer = scene.client.send(Method::DELETE, &format!("/api/admin/pieces/{path}"), None).await?;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.text);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_growing_is_not_taken_for_a_piece() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    let bytes = versioned("growing", "1.0.0", "marker-1").padded(1 << 20).component();
    let mut file = fs::File::create(scene.server.pieces().join("growing.wasm"))?;
    // Writes go on for about a second, longer than a writer is waited for: every state on the way is a broken component.
    for chunk in bytes.chunks(bytes.len() / 20) {
        file.write_all(chunk)?;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(file);
    let loaded = scene.client.file("growing.wasm", |file| file.status == "active").await?;
    assert_eq!(loaded.name.as_deref(), Some("growing"));
    let failures = scene.client.metrics().await?.sum("leno_piece_loads_total", &[("result", "malformed")]);
    assert!(failures.abs() < f64::EPSILON, "{failures} states on the way were taken for the piece");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_in_the_place_of_a_good_piece_changes_nothing_but_its_status() -> anyhow::Result<()> {
    let good = versioned("steady", "1.0.0", "marker-1").component();
    let scene = Scene::with(Options::new().piece("steady", good.clone())).await?;
    let first = scene.client.active("steady.wasm").await?;
    for bytes in [junk::truncated(), junk::core_module(), junk::native_image(), Vec::new()] {
        scene.server.deliver("steady.wasm", &bytes)?;
        let failed = scene.client.file("steady.wasm", |file| file.status == "failed").await?;
        assert_eq!(failed.keeps, first.digest);
        assert_eq!(scene.client.run(&Run::new("steady", "run")).await?.output()["code"], "marker-1");
        // The same bytes again: nothing is loaded anew, but the status is that of a good file.
        scene.server.deliver("steady.wasm", &good)?;
        let again = scene.client.file("steady.wasm", |file| file.status == "active").await?;
        assert_eq!((again.digest, again.reason, again.keeps), (first.digest.clone(), None, None));
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_refused_by_its_size() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new()).await?;
    for (name, bytes, says) in [
        ("many-functions", bombs::many_functions("many-functions", 500_000), "functions is 500"),
        ("giant-function", bombs::giant_functions("giant-function", 1, 7_500_000), "body is 7"),
    ] {
        scene.server.deliver(&format!("{name}.wasm"), &bytes)?;
        let reason = scene.client.refused(&format!("{name}.wasm")).await?;
        assert_eq!(reason.code, "too_large", "{name}: {}", reason.message);
        assert!(reason.message.contains(says), "{name}: {}", reason.message);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_do_not_wait_for_a_compilation_which_leaves_nothing_behind() -> anyhow::Result<()> {
    // What the component and its native code take on their way through the server.
    const ROOM: u64 = 96 << 20;
    // Of the time that the kernel gives the compiler, at the lowest priority, some is the neighbour's.
    const MOST: Duration = Duration::from_millis(100);
    let scene = Scene::with(Options::new()).await?;
    let began = Instant::now();
    // Just below what is refused outright: seconds of work, and more memory than a compilation may have.
    scene.server.deliver("heavy.wasm", &bombs::giant_functions("heavy", 4, (2 << 20) - 4096))?;
    let mut compiled_apart = false;
    let judged = loop {
        compiled_apart |= !process::children(scene.server.id())?.is_empty();
        let files = scene.client.files().await?;
        let heavy = files.into_iter().find(|file| file.file == "heavy.wasm" && file.status != "loading");
        if let Some(heavy) = heavy {
            break heavy;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "heavy.wasm is not judged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("  {} after {:.1?}: {:?}", judged.status, began.elapsed(), judged.reason);
    assert!(compiled_apart, "the server compiled it itself");
    // Ended, and waited for.
    assert_eq!(process::children(scene.server.id())?, []);
    let grown = scene.server.figures()?.peak.saturating_sub(scene.resident);
    assert!(grown <= ROOM, "{} MiB", grown >> 20);
    let calls = scene.end_and_tell().await?;
    assert!(calls.within(0.99) <= MOST, "{:?} at 99 %", calls.within(0.99));
    Ok(())
}
