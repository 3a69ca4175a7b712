//! What all hostile tests have in common.

use std::time::{Duration, Instant};

use leno_testkit::neighbour::{self, Calls, Neighbour};
use leno_testkit::{Answer, Client, Options, Server, Stage};

/// The name of the hostile piece, and of its file.
pub(crate) const HOSTILE: &str = "hostile";
/// How much later than its deadline a call may return.
pub(crate) const LATENESS: Duration = Duration::from_millis(250);
/// The longest that a call of the neighbour may take while two cores are busy with hostility.
const SLOWEST: Duration = Duration::from_secs(1);
/// How long the host may take to give back what a call held.
const SETTLE: Duration = Duration::from_secs(5);
/// Gauges of what a call holds.
const HELD: [&str; 5] = [
    "leno_calls_in_flight",
    "leno_pool_component_instances",
    "leno_pool_core_instances",
    "leno_pool_memories",
    "leno_pool_stacks",
];

/// A server with a neighbour at work.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) client: Client,
    neighbour: Neighbour,
    /// Resident memory before the attack.
    pub(crate) resident: u64,
    _stage: Stage,
}

impl Scene {
    /// A server started with `options` and the neighbour's piece.
    pub(crate) async fn with(options: Options) -> anyhow::Result<Self> {
        let stage = Stage::take().await?;
        let server = Server::start(options.piece(neighbour::NAME, neighbour::component())).await?;
        let client = server.client();
        let neighbour = Neighbour::arrive(client.clone()).await?;
        server.forget_peak()?;
        let resident = server.figures()?.resident;
        Ok(Self { server, client, neighbour, resident, _stage: stage })
    }

    /// The same with the hostile piece, ready to be run.
    pub(crate) async fn with_hostile(options: Options) -> anyhow::Result<Self> {
        let scene = Self::with(options.guest(HOSTILE)).await?;
        scene.client.active("hostile.wasm").await?;
        Ok(scene)
    }

    /// Waits until the number of calls under way is `wanted`. Returns how long that took.
    pub(crate) async fn holds(&self, wanted: impl Fn(f64) -> bool, deadline: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let held = self.client.metrics().await?.sum("leno_calls_in_flight", &[]);
            if wanted(held) {
                return Ok(began.elapsed());
            }
            anyhow::ensure!(began.elapsed() < deadline, "{held} calls are under way after {deadline:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Checks what must hold after every attack: the process lives and did not panic, the neighbour noticed nothing, and
    /// nothing that a call held is held still.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.end_and_tell().await.map(drop)
    }

    /// The same, with the neighbour's figures.
    pub(crate) async fn end_and_tell(mut self) -> anyhow::Result<Calls> {
        let calls = self.neighbour.leave().await?;
        self.server.check_alive()?;
        assert_eq!(calls.failures, [""; 0], "the neighbour's calls fail");
        assert!(calls.count > 0, "the neighbour was never there");
        let (half, most, slowest) = (calls.within(0.5), calls.within(0.99), calls.within(1.0));
        if let Ok(figures) = self.server.figures() {
            let grown = figures.peak.saturating_sub(self.resident) >> 20;
            println!(
                "  memory +{grown} MiB at most; {} calls of the neighbour: {half:.1?} at the median, {most:.1?} at 99 %, {slowest:.1?} at most",
                calls.count
            );
        }
        assert!(slowest < SLOWEST, "the neighbour waited {slowest:?}");
        let log = self.server.stderr.all();
        let panic = log.iter().find(|line| line.starts_with("thread '"));
        assert_eq!(panic, None, "the host panicked");
        settles(&self.client).await?;
        Ok(calls)
    }
}

/// Waits until nothing is held.
async fn settles(client: &Client) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let metrics = client.metrics().await?;
        let held: Vec<_> = HELD.iter().filter(|name| metrics.sum(name, &[]) > 0.0).collect();
        if held.is_empty() {
            return Ok(());
        }
        assert!(Instant::now() < deadline, "still held after {SETTLE:?}: {held:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks a run that failed: its code and status, that the problem names the run, and that it reveals nothing of the
/// host's internals.
#[track_caller]
pub(crate) fn assert_failed(answer: &Answer, code: &str, status: u16) {
    assert_eq!((answer.code(), answer.status), (code, status), "{}", answer.text);
    let usage = |name: &str| answer.body["usage"][name].as_u64().unwrap_or_default();
    let (cpu, memory) = (usage("cpuMicros") / 1_000, usage("memoryBytes") >> 20);
    println!("  {code} ({status}) after {:.1?}, {cpu} ms of CPU, {memory} MiB", answer.took);
    assert!(answer.body["runId"].is_string() && answer.body["usage"].is_object(), "{}", answer.text);
    for inside in ["backtrace", "0x", ".rs:", "wasmtime", "/root/", "/home/"] {
        assert!(!answer.text.contains(inside), "`{inside}` in {}", answer.text);
    }
}
