//! What is counted, and its text for Prometheus (OpenMetrics 1.0).
//!
//! Every label comes from a closed set: piece names from the registry, outcomes and codes from this program, routes
//! from the router. A caller cannot add a series.

use std::{
    collections::HashMap,
    fmt, fs,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock, atomic::AtomicU64},
    time::Duration,
};

use axum::extract::MatchedPath;
use leno_base::budget::{Budget, Budgets};
use leno_metadata::PieceName;
use leno_pieces::Observer;
use leno_sandbox::{Pool, Usage};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric as _, LabelValueEncoder, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::{Family, MetricConstructor},
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: a call takes tens of microseconds when it computes, up to half a minute when it waits.
const SECONDS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 30.0];

/// Pieces with a series each. Further names share the series `other`.
const MAX_PIECES: usize = 1_000;
/// Their label. No piece can have this name twice over: one that is called so shares the series.
const OTHER: &str = "other";

type Seconds = Counter<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Piece {
    piece: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PieceOutcome {
    piece: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PieceFunction {
    piece: String,
    function: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Task {
    task: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskName {
    task: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BudgetName {
    budget: String,
    per: &'static str,
}

impl BudgetName {
    fn of(budget: &Budget) -> Self {
        Self { budget: budget.spec().name(), per: budget.spec().per.as_str() }
    }
}

/// The budgets, read when the metrics are.
#[derive(Debug)]
struct BudgetSeries(Budgets);

impl Collector for BudgetSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let budgets = self.0.all();
        let help = "The limit of a budget, for each owner";
        let mut limits = encoder.encode_descriptor("leno_budget_limit", help, None, MetricType::Gauge)?;
        for budget in &budgets {
            gauge(budget.limit()).encode(limits.encode_family(&BudgetName::of(budget))?)?;
        }
        let help = "How much of a budget is in use, by all owners together";
        let mut used = encoder.encode_descriptor("leno_budget_used", help, None, MetricType::Gauge)?;
        for budget in &budgets {
            gauge(budget.used()).encode(used.encode_family(&BudgetName::of(budget))?)?;
        }
        let help = "How often a budget had no room";
        let mut refusals = encoder.encode_descriptor("leno_budget_refusals", help, None, MetricType::Counter)?;
        for budget in &budgets {
            ConstCounter::new(budget.refusals()).encode(refusals.encode_family(&BudgetName::of(budget))?)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Load {
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: Route,
    method: &'static str,
    status: u16,
}

/// A route as it is declared (`/api/pieces/{name}`), or none. Cheap to clone.
#[derive(Clone)]
pub struct Route(Option<MatchedPath>);

impl Route {
    /// The route that the router chose, if any.
    #[must_use]
    pub fn new(matched: Option<MatchedPath>) -> Self {
        Self(matched)
    }

    /// The declaration; `unknown` when nothing matched.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("unknown", MatchedPath::as_str)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[derive(Debug, Clone, Default)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS)
    }
}

/// The series that every successful call touches, found by one look-up.
#[derive(Debug)]
struct Series {
    piece: String,
    ok: Counter,
    seconds: Histogram,
    cpu: Seconds,
}

/// All counters of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    series: RwLock<HashMap<String, Arc<Series>>>,
    calls: Family<PieceOutcome, Counter>,
    call_seconds: Family<Piece, Histogram, Buckets>,
    call_cpu: Family<Piece, Seconds>,
    denials: Family<PieceFunction, Counter>,
    reveals: Family<Piece, Counter>,
    loads: Family<Load, Counter>,
    tasks: Family<Task, Counter>,
    task_seconds: Family<TaskName, Seconds>,
    requests: Family<Request, Histogram, Buckets>,
    pool: PoolGauges,
    pieces: Gauge,
    resident: Gauge,
}

#[derive(Debug, Default)]
struct PoolGauges {
    calls: Gauge,
    calls_max: Gauge,
    component_instances: Gauge,
    core_instances: Gauge,
    memories: Gauge,
    stacks: Gauge,
}

impl Metrics {
    /// Counters at zero, and the state of `budgets`.
    #[must_use]
    pub fn new(budgets: &Budgets) -> Self {
        let metrics = Self {
            registry: Registry::default(),
            series: RwLock::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(Buckets),
            call_cpu: Family::default(),
            denials: Family::default(),
            reveals: Family::default(),
            loads: Family::default(),
            tasks: Family::default(),
            task_seconds: Family::default(),
            requests: Family::new_with_constructor(Buckets),
            pool: PoolGauges::default(),
            pieces: Gauge::default(),
            resident: Gauge::default(),
        };
        metrics.registered(budgets)
    }

    fn registered(mut self, budgets: &Budgets) -> Self {
        let pool = &self.pool;
        let leno = self.registry.sub_registry_with_prefix("leno");
        leno.register("calls", "Calls of pieces, by outcome", self.calls.clone());
        leno.register_with_unit("call", "Wall time of calls", Unit::Seconds, self.call_seconds.clone());
        leno.register_with_unit("call_cpu", "CPU time of calls", Unit::Seconds, self.call_cpu.clone());
        leno.register("denials", "Refusals of host functions, by piece and function", self.denials.clone());
        leno.register("secret_reveals", "Connection values that pieces read", self.reveals.clone());
        leno.register("piece_loads", "Loads of piece files: ok, or the code of the reason", self.loads.clone());
        leno.register("task_passes", "Passes of background tasks, by result", self.tasks.clone());
        leno.register_with_unit("task", "Time spent in background tasks", Unit::Seconds, self.task_seconds.clone());
        leno.register_with_unit("http_request", "HTTP requests, by route", Unit::Seconds, self.requests.clone());
        leno.register("calls_in_flight", "Calls under way", pool.calls.clone());
        leno.register("calls_max", "The maximum number of concurrent calls", pool.calls_max.clone());
        leno.register("pool_component_instances", "Component instances alive", pool.component_instances.clone());
        leno.register("pool_core_instances", "Core instances alive", pool.core_instances.clone());
        leno.register("pool_memories", "Linear memories in use", pool.memories.clone());
        leno.register("pool_stacks", "Fiber stacks in use", pool.stacks.clone());
        leno.register("pieces", "Pieces served, each in one or more versions", self.pieces.clone());
        self.registry.register_collector(Box::new(BudgetSeries(budgets.clone())));
        // Prometheus' own name for it, which dashboards look for.
        let process = self.registry.sub_registry_with_prefix("process");
        process.register_with_unit("resident_memory", "Resident memory", Unit::Bytes, self.resident.clone());
        self
    }

    /// A file was loaded: `ok`, or the code of the reason why not, one of this program's own.
    pub fn load(&self, result: &str) {
        self.loads.get_or_create(&Load { result: result.to_owned() }).inc();
    }

    /// A pass of a background task ended.
    pub fn task(&self, task: &'static str, took: Duration, ok: bool) {
        let result = if ok { "ok" } else { "error" };
        self.tasks.get_or_create(&Task { task, result }).inc();
        self.task_seconds.get_or_create(&TaskName { task }).inc_by(took.as_secs_f64());
    }

    /// A request was responded to.
    pub fn request(&self, route: Route, method: &http::Method, status: http::StatusCode, took: Duration) {
        let labels = Request { route, method: known(method), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// The text of all metrics, with the present gauges.
    ///
    /// # Errors
    /// Never: writing to a string cannot fail.
    pub fn encode(&self, pool: Pool, max_calls: usize, pieces: usize) -> Result<String, fmt::Error> {
        let gauge = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        gauge(&self.pool.calls, pool.calls);
        gauge(&self.pool.calls_max, max_calls);
        gauge(&self.pool.component_instances, count(pool.component_instances));
        gauge(&self.pool.core_instances, count(pool.core_instances));
        gauge(&self.pool.memories, pool.memories);
        gauge(&self.pool.stacks, pool.stacks);
        gauge(&self.pieces, pieces);
        gauge(&self.resident, resident_bytes().unwrap_or_default());
        let mut out = String::with_capacity(8 << 10);
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    fn series(&self, piece: &PieceName) -> Arc<Series> {
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner).get(piece.short()).cloned();
        known.unwrap_or_else(|| self.new_series(piece.short()))
    }

    fn new_series(&self, piece: &str) -> Arc<Series> {
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let piece = if all.len() < MAX_PIECES { piece } else { OTHER };
        all.entry(piece.to_owned())
            .or_insert_with(|| {
                let label = Piece { piece: piece.to_owned() };
                Arc::new(Series {
                    ok: self.calls.get_or_create_owned(&PieceOutcome { piece: piece.to_owned(), outcome: "ok" }),
                    seconds: self.call_seconds.get_or_create_owned(&label),
                    cpu: self.call_cpu.get_or_create_owned(&label),
                    piece: label.piece,
                })
            })
            .clone()
    }
}

impl Observer for Metrics {
    /// A call of `piece` ended with `outcome`: `ok` or [`leno_sandbox::Failure::outcome`].
    fn called(&self, piece: &PieceName, outcome: &'static str, usage: &Usage) {
        let series = self.series(piece);
        if outcome == "ok" {
            series.ok.inc();
        } else {
            self.calls.get_or_create(&PieceOutcome { piece: series.piece.clone(), outcome }).inc();
        }
        series.seconds.observe(Duration::from_micros(usage.wall_micros).as_secs_f64());
        series.cpu.inc_by(Duration::from_micros(usage.cpu_micros).as_secs_f64());
    }

    /// A host function, such as `http.send`, refused something to `piece`.
    fn denied(&self, piece: &PieceName, function: &'static str) {
        self.denials.get_or_create(&PieceFunction { piece: self.series(piece).piece.clone(), function }).inc();
    }

    /// `piece` saw the value of a connection.
    fn revealed(&self, piece: &PieceName) {
        self.reveals.get_or_create(&Piece { piece: self.series(piece).piece.clone() }).inc();
    }
}

/// The method, if it is one that a route may have: a caller can make any other up.
fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Resident memory of this process in bytes, as Linux reports it; `None` elsewhere.
#[must_use]
pub fn resident_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Pool = Pool { calls: 0, component_instances: 0, core_instances: 0, memories: 0, stacks: 0 };

    fn name(text: &str) -> PieceName {
        text.parse().unwrap()
    }

    #[test]
    fn calls_are_counted_by_piece_and_outcome() {
        let metrics = Metrics::new(&Budgets::default());
        let usage = Usage { cpu_micros: 500_000, wall_micros: 2_000_000, ..Usage::default() };
        metrics.called(&name("text"), "ok", &usage);
        metrics.called(&name("text"), "ok", &usage);
        metrics.called(&name("text"), "guest_trap", &usage);
        metrics.denied(&name("text"), "http.send");
        metrics.load("ok");
        metrics.request(Route::new(None), &http::Method::GET, http::StatusCode::NOT_FOUND, Duration::from_millis(1));
        let text = metrics.encode(Pool { calls: 3, ..IDLE }, 128, 7).unwrap();
        for line in [
            r#"leno_calls_total{piece="text",outcome="ok"} 2"#,
            r#"leno_calls_total{piece="text",outcome="guest_trap"} 1"#,
            r#"leno_call_seconds_count{piece="text"} 3"#,
            r#"leno_call_cpu_seconds_total{piece="text"} 1.5"#,
            r#"leno_denials_total{piece="text",function="http.send"} 1"#,
            r#"leno_piece_loads_total{result="ok"} 1"#,
            r#"leno_http_request_seconds_count{route="unknown",method="GET",status="404"} 1"#,
            "leno_calls_in_flight 3",
            "leno_calls_max 128",
            "leno_pieces 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn neither_new_pieces_nor_new_methods_make_series_without_end() {
        let metrics = Metrics::new(&Budgets::default());
        for index in 0..MAX_PIECES + 50 {
            metrics.called(&name(&format!("piece-{index}")), "ok", &Usage::default());
            let method = http::Method::from_bytes(format!("M{index}").as_bytes()).unwrap();
            metrics.request(Route::new(None), &method, http::StatusCode::OK, Duration::ZERO);
        }
        let text = metrics.encode(IDLE, 1, 1).unwrap();
        assert!(text.contains(r#"leno_calls_total{piece="other",outcome="ok"} 50"#));
        assert_eq!(text.matches("leno_calls_total{").count(), MAX_PIECES + 1);
        assert_eq!(text.matches("leno_http_request_seconds_count{").count(), 1);
    }
}
