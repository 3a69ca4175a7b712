//! What all exhaustion tests have in common.

use std::time::{Duration, Instant};

use leno_testkit::neighbour::{self, Neighbour, percentile};
use leno_testkit::{Caller, Client, Options, Run, Server, Stage, metrics::Metrics};

/// Calls by which the neighbour's quiet time is measured.
const QUIET_CALLS: usize = 100;
/// A neighbour's p99 may be this many times its quiet one ...
const FACTOR: u32 = 3;
/// ... or this long, whichever is more: on two cores that the attackers use as well, a few milliseconds say nothing.
const NOISE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 250 });
/// How long the host may take to give back what the attack held.
const SETTLE: Duration = Duration::from_secs(10);
/// The piece that an attacker calls, and its file.
pub(crate) const HOSTILE: &str = "hostile";
/// The most resident memory that the host may have at any time, at the default settings.
pub(crate) const MEMORY: u64 = 600 << 20;

/// A server that an attacker of one tenant calls, and a neighbour of another.
pub(crate) struct Scene {
    pub(crate) server: Server,
    /// Calls as the operator, who sees the metrics.
    pub(crate) operator: Client,
    /// Calls as a user without any permission.
    pub(crate) attacker: Client,
    /// Another user of a third tenant.
    pub(crate) third: Client,
    neighbour: Neighbour,
    quiet: Duration,
    before: Metrics,
    files: usize,
    _stage: Stage,
}

impl Scene {
    /// A server started with `options`, and the neighbour at work.
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        let stage = Stage::take().await?;
        let server = Server::start(options.piece(neighbour::NAME, neighbour::component())).await?;
        let operator = server.client();
        operator.active(&format!("{}.wasm", neighbour::NAME)).await?;
        let user = || server.client_of(&Caller::user());
        let (attacker, third, quietly) = (user(), user(), user());
        let run = Run::new(neighbour::NAME, "run");
        let mut took = Vec::with_capacity(QUIET_CALLS);
        for _ in 0..QUIET_CALLS {
            took.push(quietly.run(&run).await?.took);
        }
        let quiet = percentile(&took, 0.99);
        let before = operator.metrics().await?;
        let files = server.figures()?.files;
        server.forget_peak()?;
        let neighbour = Neighbour::work(quietly);
        Ok(Self { server, operator, attacker, third, neighbour, quiet, before, files, _stage: stage })
    }

    /// Waits until at least this many calls are under way.
    pub(crate) async fn calls(&self, wanted: u32) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let calls = self.operator.metrics().await?.sum("leno_calls_in_flight", &[]);
            if calls >= f64::from(wanted) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "only {calls} calls are under way");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often a budget has refused since the start.
    pub(crate) async fn refusals(&self, budget: &str) -> anyhow::Result<f64> {
        let labels = [("budget", budget)];
        let name = "leno_budget_refusals_total";
        Ok(self.operator.metrics().await?.sum(name, &labels) - self.before.sum(name, &labels))
    }

    /// Checks what must hold after an attack on `budgets`: each refused and was counted, the neighbour's calls all succeeded
    /// and were about as quick as before, the host stayed within its memory, and what was taken is given back.
    pub(crate) async fn end(self, budgets: &[&str]) -> anyhow::Result<()> {
        self.end_holding(budgets, &[]).await
    }

    /// The same, where some budgets are of what is stored and so stays.
    pub(crate) async fn end_holding(mut self, budgets: &[&str], stays: &[&str]) -> anyhow::Result<()> {
        for budget in budgets {
            anyhow::ensure!(self.refusals(budget).await? > 0.0, "the budget {budget} refused nothing");
        }
        let calls = self.neighbour.leave().await?;
        // They keep their connections.
        drop((self.attacker, self.third));
        self.server.check_alive()?;
        assert_eq!(calls.failures, [""; 0], "the neighbour's calls fail");
        let (now, most) = (calls.within(0.99), (self.quiet * FACTOR).max(NOISE));
        let peak = self.server.figures()?.peak;
        println!(
            "  neighbour: {} calls, p99 {now:.1?}, quiet {:.1?}; memory {} MiB at most",
            calls.count,
            self.quiet,
            peak >> 20
        );
        assert!(now <= most, "the neighbour's p99 is {now:?}, and was {:?}", self.quiet);
        assert!(peak <= MEMORY, "the host had {} MiB", peak >> 20);
        let deadline = Instant::now() + SETTLE;
        loop {
            let metrics = self.operator.metrics().await?;
            let files = self.server.figures()?.files;
            let used = |metrics: &Metrics, budget: &str| metrics.sum("leno_budget_used", &[("budget", budget)]);
            let held: Vec<_> = budgets
                .iter()
                .filter(|budget| !stays.contains(budget) && used(&metrics, budget) > used(&self.before, budget))
                .collect();
            // The operator's client and the database have some more connections than before.
            if held.is_empty() && files <= self.files + 64 {
                break;
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "not given back: {held:?}, {files} files, {} before",
                self.files
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = self.server.stderr.all();
        let panic = log.iter().find(|line| line.starts_with("thread '"));
        assert_eq!(panic, None, "the host panicked");
        Ok(())
    }
}
