//! What operators rely on: the registry serves what is in the directory, and never less than what it served well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use leno_base::{Digest, budget::Budgets};
use leno_egress::PrivateGrant;
use leno_metadata::{PieceName, VersionReq};
use leno_pieces::{
    Asks, FileState, FileStatus, Lock, LockFile, Pin, Registry, RegistryOptions, RemoveError, Trust, UploadError,
};
use leno_sandbox::{CallOptions, Capabilities, Context, Engine, EngineConfig, Entry, Failure, Grant, NoStore};
use leno_testkit::{Upstream, craft};
use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::watch;

struct Bed {
    directory: tempfile::TempDir,
    /// The lock and the kept components.
    beside: tempfile::TempDir,
    registry: Registry,
    statuses: watch::Receiver<Vec<FileStatus>>,
}

impl Bed {
    async fn new(production: bool, drain: Duration) -> Self {
        Self::reaching(Vec::new(), production, drain).await
    }

    /// With grants for the private addresses of the gate that `hold` waits at.
    async fn at(gate: &Upstream, drain: Duration) -> Self {
        Self::reaching(vec![gate.address.to_string().parse().unwrap()], false, drain).await
    }

    async fn reaching(private: Vec<PrivateGrant>, production: bool, drain: Duration) -> Self {
        Self::open(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), private, production, drain).await
    }

    /// A new registry over what this one leaves.
    async fn restarted(self) -> Self {
        self.registry.shutdown(Duration::ZERO).await;
        Self::open(self.directory, self.beside, Vec::new(), false, Duration::from_secs(5)).await
    }

    async fn open(
        directory: tempfile::TempDir,
        beside: tempfile::TempDir,
        private: Vec<PrivateGrant>,
        production: bool,
        drain: Duration,
    ) -> Self {
        let (seen, statuses) = watch::channel(Vec::new());
        let trust = if production { Trust::Apart(directory.path().into()) } else { Trust::Anywhere };
        let options = RegistryOptions {
            directory: directory.path().into(),
            lock: LockFile { path: beside.path().join("pieces.lock"), trust },
            components: Some(beside.path().join("components")),
            budgets: Budgets::default(),
            production,
            grants: Arc::new(move |_: &PieceName| Grant { private: private.clone(), ..Grant::default() }),
            drain,
            on_status: Arc::new(move |status: &FileStatus| seen.send_modify(|all| all.push(status.clone()))),
        };
        let registry = Registry::open(options, engine()).await.unwrap();
        Self { directory, beside, registry, statuses }
    }

    /// Puts a file into place as an operator should: by rename.
    fn drop(&self, file: &str, bytes: &[u8]) {
        let fresh = self.directory.path().join(format!(".{file}.part"));
        fs::write(&fresh, bytes).unwrap();
        fs::rename(fresh, self.path(file)).unwrap();
    }

    fn lock(&self, pins: Vec<Pin>) {
        Lock { pins }.write(&self.beside.path().join("pieces.lock"), None).unwrap();
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.directory.path().join(file)
    }

    /// Waits for a status change that the watcher causes.
    async fn until(&mut self, wanted: impl Fn(&FileStatus) -> bool) -> FileStatus {
        let found = self.statuses.wait_for(|all| all.iter().any(&wanted));
        let all = tokio::time::timeout(Duration::from_secs(30), found).await.expect("no such status").unwrap();
        all.iter().find(|status| wanted(status)).unwrap().clone()
    }

    fn status(&self, file: &str) -> FileStatus {
        self.registry.files().into_iter().find(|status| status.file == file).unwrap_or_else(|| panic!("no {file}"))
    }

    async fn call(&self, name: &str, version: &str) -> Result<(String, Digest), Failure> {
        self.enter(name, version, "run").await
    }

    async fn enter(&self, name: &str, version: &str, action: &str) -> Result<(String, Digest), Failure> {
        let found = self.registry.get(&name.parse().unwrap(), &version.parse::<VersionReq>().unwrap());
        let served = found.map_err(|error| Failure::Unknown(error.to_string()))?;
        let report =
            served.piece.call(&Entry::Run { action, props: &"{}".to_owned() }, nothing(), CallOptions::default()).await;
        let answer: Value = report.result?.to_value();
        assert_eq!(answer["code"], answer["data"], "a call ran on a mix of two versions");
        Ok((answer["code"].as_str().unwrap().to_owned(), served.piece.digest()))
    }
}

fn engine() -> Engine {
    Engine::new(EngineConfig {
        budgets: leno_base::budget::Budgets::new([(&leno_sandbox::budgets::MAX_CALLS, 16)]),
        ..EngineConfig::default()
    })
    .unwrap()
}

fn nothing() -> Capabilities {
    Capabilities {
        context: Context { run_id: "r".into(), attempt: 1, idempotency_key: "r".into(), webhook_url: None },
        tenant: None,
        connection: None,
        transport: Arc::new(leno_egress::Client::new(leno_egress::ClientConfig::default()).unwrap()),
        store: Arc::new(NoStore),
        log: None,
        setup: None,
        audit: None,
        clock: None,
    }
}

/// A pin of these bytes as twin 1.0.0, which approves of nothing.
fn pin(bytes: &[u8]) -> Pin {
    Pin { name: "twin".into(), version: "1.0.0".parse().unwrap(), sha256: Digest::of(bytes), asks: Asks::default() }
}

fn piece(version: &str, marker: &str) -> Vec<u8> {
    craft::versioned::versioned("twin", version, marker).component()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_served_and_replaced_without_being_told() {
    let mut bed = Bed::new(false, Duration::from_secs(5)).await;
    assert!(bed.registry.is_ready());
    bed.drop("twin.wasm", &piece("1.0.0", "marker-1"));
    let first = bed.until(|status| status.status == FileState::Active).await;
    assert_eq!((first.name.as_deref(), first.version.as_deref()), (Some("twin"), Some("1.0.0")));
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");

    let second = piece("1.0.0", "marker-2");
    bed.drop("twin.wasm", &second);
    bed.until(|status| status.digest == Some(Digest::of(&second))).await;
    assert_eq!(bed.call("@activepieces/piece-twin", "^1.0.0").await.unwrap().0, "marker-2");

    // A slow writer: the file is loaded once it is whole.
    let third = piece("1.1.0", "marker-3");
    let (begin, end) = third.split_at(third.len() / 2);
    fs::write(bed.path("new.wasm"), begin).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(bed.path("new.wasm")).unwrap();
    std::io::Write::write_all(&mut file, end).unwrap();
    drop(file);
    bed.until(|status| status.digest == Some(Digest::of(&third)) && status.status == FileState::Active).await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-3");
    assert_eq!(bed.call("twin", "~1.0.0").await.unwrap().0, "marker-2");

    fs::remove_file(bed.path("new.wasm")).unwrap();
    bed.until(|status| status.file == "new.wasm" && status.status == FileState::Removed).await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_last_good_version_in_service_and_says_why() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let good = piece("1.0.0", "marker-1");
    bed.drop("twin.wasm", &good);
    bed.registry.refresh().await;
    for broken in [&b""[..], b"(component)", &good[..good.len() - 20], b"\x7fELF"] {
        bed.drop("twin.wasm", broken);
        bed.registry.refresh().await;
        let status = bed.status("twin.wasm");
        assert_eq!((status.status, status.keeps), (FileState::Failed, Some(Digest::of(&good))));
        assert!(!status.reason.unwrap().message.is_empty());
        assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");
    }
    bed.drop("twin.wasm", &good);
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").status, FileState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_cannot_be_the_same_version_and_the_second_steps_in_when_the_first_goes() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    bed.drop("a.wasm", &piece("1.0.0", "marker-a"));
    bed.drop("b.wasm", &piece("1.0.0", "marker-b"));
    bed.registry.refresh().await;
    assert_eq!(bed.status("b.wasm").reason.unwrap().code, "duplicate");
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-a");
    fs::remove_file(bed.path("a.wasm")).unwrap();
    bed.registry.refresh().await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_is_never_out_of_service() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    bed.drop("a.wasm", &piece("1.0.0", "marker-a"));
    bed.registry.refresh().await;
    fs::rename(bed.path("a.wasm"), bed.path("b.wasm")).unwrap();
    let call = async {
        for _ in 0..50 {
            assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-a");
        }
    };
    tokio::join!(call, bed.registry.refresh());
    assert_eq!(bed.status("b.wasm").status, FileState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_finish_on_the_version_they_began_with() {
    let gate = Upstream::start().await.unwrap();
    let bed = Bed::at(&gate, Duration::from_secs(30)).await;
    let gated = craft::versioned::versioned("twin", "1.0.0", "marker-1").gated(&gate.url("/hold")).component();
    bed.drop("twin.wasm", &gated);
    bed.registry.refresh().await;
    let replace = async {
        gate.holds(1, Duration::from_secs(30)).await.unwrap();
        bed.drop("twin.wasm", &piece("1.0.0", "marker-2"));
        bed.registry.refresh().await;
        assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-2");
        let draining = bed.registry.files().into_iter().find(|status| status.status == FileState::Draining).unwrap();
        assert_eq!((draining.calls, draining.digest), (1, Some(Digest::of(&gated))));
        gate.release();
    };
    let (answer, ()) = tokio::join!(bed.enter("twin", "", "hold"), replace);
    assert_eq!(answer.unwrap().0, "marker-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_outstay_the_drain_time_are_cancelled() {
    let gate = Upstream::start().await.unwrap();
    let bed = Bed::at(&gate, Duration::from_millis(50)).await;
    bed.drop(
        "twin.wasm",
        &craft::versioned::versioned("twin", "1.0.0", "marker-1").gated(&gate.url("/hold")).component(),
    );
    bed.registry.refresh().await;
    let remove = async {
        gate.holds(1, Duration::from_secs(30)).await.unwrap();
        bed.registry.remove("twin.wasm").await.unwrap();
    };
    let (answer, ()) = tokio::join!(bed.enter("twin", "", "hold"), remove);
    assert_eq!(answer.unwrap_err(), Failure::Cancelled);
    assert!(matches!(bed.call("twin", "").await, Err(Failure::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_checked_first_and_cannot_replace_a_version() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let good = piece("1.0.0", "marker-1");
    let status = bed.registry.upload(good.clone().into()).await.unwrap();
    assert_eq!((status.file.as_str(), status.status), ("twin-1.0.0.wasm", FileState::Active));
    assert_eq!(fs::read(bed.path("twin-1.0.0.wasm")).unwrap(), good);
    assert_eq!(bed.registry.upload(good.into()).await.unwrap().file, "twin-1.0.0.wasm");

    let other = bed.registry.upload(piece("1.0.0", "marker-2").into()).await.unwrap_err();
    assert!(matches!(&other, UploadError::Conflict(reason) if reason.code == "version_exists"), "{other}");
    let junk = bed.registry.upload(b"junk".to_vec().into()).await.unwrap_err();
    assert!(matches!(&junk, UploadError::Refused(reason) if reason.code == "not_a_component"), "{junk}");
    let files: Vec<_> = fs::read_dir(bed.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["twin-1.0.0.wasm"]);

    assert!(matches!(bed.registry.remove("../x.wasm").await, Err(RemoveError::BadName(_))));
    assert!(matches!(bed.registry.remove("x.wasm").await, Err(RemoveError::NotFound(_))));
    bed.registry.remove("twin-1.0.0.wasm").await.unwrap();
    assert!(bed.registry.latest().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_never_overwrites_a_file_that_holds_something_else() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let other = craft::versioned::versioned("other", "3.0.0", "marker-1").component();
    for (content, holds) in [(&other[..], "other@3.0.0"), (b"junk", "something that is refused (not_a_component)")] {
        bed.drop("twin-1.0.0.wasm", content);
        bed.registry.refresh().await;
        let refused = bed.registry.upload(piece("1.0.0", "marker-1").into()).await.unwrap_err();
        let UploadError::Conflict(reason) = &refused else { panic!("{refused}") };
        assert_eq!(reason.code, "file_exists");
        for words in ["twin@1.0.0", "`twin-1.0.0.wasm`", holds] {
            assert!(reason.message.contains(words), "{words}: {}", reason.message);
        }
        assert_eq!(fs::read(bed.path("twin-1.0.0.wasm")).unwrap(), content);
        fs::remove_file(bed.path("twin-1.0.0.wasm")).unwrap();
        bed.registry.refresh().await;
    }
    // Also one that no look has found yet.
    fs::write(bed.path("twin-1.0.0.wasm"), b"new").unwrap();
    let refused = bed.registry.upload(piece("1.0.0", "marker-1").into()).await.unwrap_err();
    assert!(matches!(&refused, UploadError::Conflict(reason) if reason.code == "file_exists"), "{refused}");
    assert_eq!(fs::read(bed.path("twin-1.0.0.wasm")).unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_outlives_a_restart_on_a_bad_file() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let good = piece("1.1.0", "marker-2");
    bed.drop("twin.wasm", &piece("1.0.0", "marker-1"));
    bed.registry.refresh().await;
    bed.drop("twin.wasm", &good);
    bed.registry.refresh().await;
    bed.drop("twin.wasm", b"junk");

    let bed = bed.restarted().await;
    let status = bed.status("twin.wasm");
    assert_eq!((status.status, status.keeps), (FileState::Failed, Some(Digest::of(&good))));
    assert_eq!(status.reason.unwrap().code, "not_a_component");
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-2");

    // A version that is pinned to other bytes by now is not served from what was kept.
    let evil = Pin { sha256: Digest::of(b"other"), version: "1.1.0".parse().unwrap(), ..pin(&good) };
    bed.lock(vec![evil]);
    let bed = bed.restarted().await;
    assert!(bed.call("twin", "").await.is_err());

    // A file that is gone is gone.
    bed.lock(vec![]);
    fs::remove_file(bed.path("twin.wasm")).unwrap();
    let bed = bed.restarted().await;
    assert!(bed.registry.latest().is_empty());
    bed.drop("twin.wasm", b"junk");
    let bed = bed.restarted().await;
    assert!(bed.registry.latest().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_a_piece_that_asks_for_more_than_was_approved_is_not_served() {
    let bed = Bed::new(true, Duration::from_secs(5)).await;
    let asking =
        craft::versioned::versioned("twin", "1.0.0", "marker-1").gated("https://api.example.com/x").component();
    bed.drop("twin.wasm", &asking);
    let approving = |hosts: &[&str]| {
        let asks = Asks { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Asks::default() };
        bed.lock(vec![Pin { asks, ..pin(&asking) }]);
    };
    approving(&["api.example.com:8443"]);
    bed.registry.refresh().await;
    let reason = bed.status("twin.wasm").reason.unwrap();
    assert_eq!(reason.code, "not_approved");
    assert!(reason.message.contains("host ") && reason.message.contains("leno lock --approve"), "{}", reason.message);

    approving(&["*", "http://*"]);
    bed.registry.refresh().await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");
    // An approval that is taken back takes it out of service.
    approving(&[]);
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").reason.unwrap().code, "not_approved");
    assert!(bed.call("twin", "").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_believed_is_an_error_at_the_start() {
    let (directory, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |path: std::path::PathBuf, production: bool| {
        let trust = if production { Trust::Apart(directory.path().into()) } else { Trust::Anywhere };
        let options = RegistryOptions {
            directory: directory.path().into(),
            lock: LockFile { path, trust },
            components: None,
            budgets: Budgets::default(),
            production,
            grants: Arc::new(|_: &PieceName| Grant::default()),
            drain: Duration::ZERO,
            on_status: Arc::new(|_: &FileStatus| {}),
        };
        async move { Registry::open(options, engine()).await.err().map(|error| error.to_string()) }
    };
    let inside = directory.path().join("pieces.lock");
    let refused = open(inside.clone(), true).await.unwrap();
    for words in ["in the pieces directory", "LENO_PIECES_LOCK", "leno lock --sign"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert_eq!(open(inside, false).await, None);
    assert_eq!(open(beside.path().join("pieces.lock"), true).await, None);
    // What is there and cannot be read is not the same as nothing.
    fs::create_dir(beside.path().join("directory")).unwrap();
    fs::write(beside.path().join("junk"), "junk").unwrap();
    for file in ["directory", "junk"] {
        let refused = open(beside.path().join(file), false).await.unwrap();
        assert!(refused.contains(file), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_only_pinned_bytes_load() {
    let bed = Bed::new(true, Duration::from_secs(5)).await;
    let (good, evil) = (piece("1.0.0", "marker-1"), piece("1.0.0", "marker-2"));
    bed.drop("twin.wasm", &good);
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").reason.unwrap().code, "not_pinned");
    let uploaded = bed.registry.upload(good.clone().into()).await.unwrap_err();
    assert!(matches!(&uploaded, UploadError::Refused(reason) if reason.code == "not_pinned"), "{uploaded}");

    // Where components are put, a lock is of no use.
    Lock { pins: vec![pin(&good)] }.write(&bed.path("pieces.lock"), None).unwrap();
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").reason.unwrap().code, "not_pinned");

    bed.lock(vec![pin(&good)]);
    bed.registry.refresh().await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");

    bed.drop("twin.wasm", &evil);
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").reason.unwrap().code, "not_pinned");
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");

    // A lock that others may write to does not count; what was pinned before still is.
    let exposed = bed.beside.path().join("exposed");
    Lock { pins: vec![pin(&evil)] }.write(&exposed, None).unwrap();
    fs::set_permissions(&exposed, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    fs::rename(&exposed, bed.beside.path().join("pieces.lock")).unwrap();
    bed.registry.refresh().await;
    assert_eq!(bed.call("twin", "").await.unwrap().0, "marker-1");

    // A pin that is taken back takes the piece out of service.
    bed.lock(vec![]);
    bed.registry.refresh().await;
    assert!(bed.call("twin", "").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_binds_outside_of_production_too() {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let (good, evil) = (piece("1.0.0", "marker-1"), piece("1.0.0", "marker-2"));
    bed.lock(vec![pin(&good)]);
    bed.drop("twin.wasm", &evil);
    bed.registry.refresh().await;
    assert_eq!(bed.status("twin.wasm").reason.unwrap().code, "pin_mismatch");
}

/// One thing that happens to the directory, or to a piece.
#[derive(Debug, Clone)]
enum Step {
    Write { file: usize, version: usize, marker: usize },
    Break { file: usize },
    Delete { file: usize },
    Rename { from: usize, to: usize },
    Call { version: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, 0..4_usize).prop_map(|(file, version, marker)| Step::Write { file, version, marker }),
        1 => (0..3_usize).prop_map(|file| Step::Break { file }),
        1 => (0..3_usize).prop_map(|file| Step::Delete { file }),
        1 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Step::Rename { from, to }),
        4 => (0..3_usize).prop_map(|version| Step::Call { version }),
    ]
}

const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "2.0.0"];

async fn play(steps: Vec<Step>) {
    let bed = Bed::new(false, Duration::from_secs(5)).await;
    let file = |index: usize| format!("file-{index}.wasm");
    // Every version that was ever written, by digest.
    let written: Arc<Mutex<BTreeMap<Digest, (String, String)>>> = Arc::default();
    for step in steps {
        match step {
            Step::Write { file: at, version, marker } => {
                let (version, marker) = (VERSIONS[version], format!("marker-{marker}"));
                let bytes = piece(version, &marker);
                written.lock().unwrap().insert(Digest::of(&bytes), (version.to_owned(), marker));
                bed.drop(&file(at), &bytes);
            }
            Step::Break { file: at } => bed.drop(&file(at), b"\0asm\x0d\0\x01\0broken"),
            Step::Delete { file: at } => drop(fs::remove_file(bed.path(&file(at)))),
            Step::Rename { from, to } => drop(fs::rename(bed.path(&file(from)), bed.path(&file(to)))),
            Step::Call { version } => {
                if let Ok((marker, digest)) = bed.call("twin", VERSIONS[version]).await {
                    let known = written.lock().unwrap().get(&digest).cloned().expect("bytes that nobody wrote");
                    assert_eq!(known, (VERSIONS[version].to_owned(), marker), "the code does not fit the digest");
                }
                continue;
            }
        }
        bed.registry.refresh().await;
        check(&bed);
    }
}

/// Invariants after a scan.
fn check(bed: &Bed) {
    let files = bed.registry.files();
    let mut served = BTreeMap::new();
    for status in files.iter().filter(|status| status.status != FileState::Draining) {
        let path: &Path = &bed.path(&status.file);
        let bytes = fs::read(path).expect("a status of a file that is not there");
        match status.status {
            FileState::Active => {
                assert_eq!(status.digest, Some(Digest::of(&bytes)), "what is served is not what is there");
                let at = (status.name.clone(), status.version.clone());
                assert_eq!(served.insert(at, &status.file), None, "two files serve one version");
            }
            FileState::Failed => assert!(status.reason.is_some()),
            other => panic!("{} is {other:?} after a look", status.file),
        }
    }
    let on_disk = fs::read_dir(bed.directory.path()).unwrap().count();
    assert_eq!(on_disk, files.iter().filter(|status| status.status != FileState::Draining).count());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_directory_every_call_runs_on_exactly_one_intact_version(
        steps in prop::collection::vec(step(), 1..25)
    ) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(play(steps));
    }
}
