//! Background work that repeats.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Called after each pass of a task: its name, how long it took, and whether it succeeded.
pub type OnRun = Arc<dyn Fn(&'static str, Duration, bool) + Send + Sync>;

/// How long a pass may go on when the host stops.
const GRACE: Duration = Duration::from_secs(1);

/// The host's repeating background tasks, by name: one place that starts, reports and stops them. Cheap to clone.
#[derive(Clone)]
pub struct Periodic(Arc<Inner>);

struct Inner {
    tasks: Mutex<Vec<Arc<Entry>>>,
    running: tokio::sync::Mutex<JoinSet<()>>,
    stop: CancellationToken,
    on_run: OnRun,
}

struct Entry {
    name: &'static str,
    interval: Duration,
    wake: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: u64,
    errors: u64,
    last: Option<Last>,
    next: Option<SystemTime>,
}

#[derive(Clone)]
struct Last {
    at: SystemTime,
    took: Duration,
    result: Result<String, String>,
}

/// What is known of one repeating task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    /// Its name, unique in the process.
    pub name: &'static str,
    /// The time from the end of one pass to the start of the next, before jitter.
    pub interval: Duration,
    /// Passes so far.
    pub runs: u64,
    /// Passes that failed.
    pub errors: u64,
    /// When the last pass ended.
    pub last_run: Option<SystemTime>,
    /// How long the last pass took.
    pub last_took: Option<Duration>,
    /// What the last pass did, or why it failed.
    pub last_result: Option<Result<String, String>>,
    /// When the next pass is due; `None` while one is under way.
    pub next_run: Option<SystemTime>,
}

impl Periodic {
    /// No tasks yet. `on_run` is called after each pass.
    #[must_use]
    pub fn new(on_run: OnRun) -> Self {
        Self(Arc::new(Inner {
            tasks: Mutex::default(),
            running: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            on_run,
        }))
    }

    /// Runs `pass` now, after each `interval`, and whenever `wake` is notified. Up to a tenth of jitter is added to the
    /// interval, so that hosts that started together drift apart. A pass returns a short summary of what it did, or an
    /// error, which is logged; the task continues. A panic counts as an error. Passes of one task do not overlap.
    pub async fn every<F, R, E>(&self, name: &'static str, interval: Duration, wake: Arc<Notify>, pass: F)
    where
        F: Fn() -> R + Send + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let entry = Arc::new(Entry { name, interval, wake, state: Mutex::default() });
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(entry.clone());
        let (stop, on_run) = (self.0.stop.clone(), self.0.on_run.clone());
        self.0.running.lock().await.spawn(async move {
            loop {
                entry.begin();
                let begun = Instant::now();
                // A separate task, so that a panic ends the pass and not the loop.
                let mut running = tokio::spawn(pass());
                let ended = tokio::select! {
                    ended = &mut running => ended,
                    () = stop.cancelled() => {
                        if tokio::time::timeout(GRACE, &mut running).await.is_err() {
                            running.abort();
                        }
                        return;
                    }
                };
                let result = match ended {
                    Ok(Ok(done)) => Ok(done),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("it panicked; the log says where".to_owned()),
                };
                if let Err(error) = &result {
                    tracing::warn!(task = entry.name, error, "a background task failed; its next pass retries");
                }
                let took = begun.elapsed();
                on_run(entry.name, took, result.is_ok());
                let pause = interval + interval.mul_f64(rand::random_range(0.0..0.1));
                entry.end(took, pause, result);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = entry.wake.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }

    /// Every task, in the order in which they were started.
    #[must_use]
    pub fn status(&self) -> Vec<TaskStatus> {
        let tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().map(|entry| entry.status()).collect()
    }

    /// Ends every task. A pass under way has a second to end, and is cancelled then.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let mut running = std::mem::take(&mut *self.0.running.lock().await);
        while running.join_next().await.is_some() {}
    }
}

impl Entry {
    fn begin(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).next = None;
    }

    fn end(&self, took: Duration, pause: Duration, result: Result<String, String>) {
        let at = SystemTime::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.runs += 1;
        state.errors += u64::from(result.is_err());
        state.last = Some(Last { at, took, result });
        state.next = Some(at + pause);
    }

    fn status(&self) -> TaskStatus {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last.as_ref();
        TaskStatus {
            name: self.name,
            interval: self.interval,
            runs: state.runs,
            errors: state.errors,
            last_run: last.map(|last| last.at),
            last_took: last.map(|last| last.took),
            last_result: last.map(|last| last.result.clone()),
            next_run: state.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    async fn until(periodic: &Periodic, ready: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
        let wait = async {
            loop {
                match periodic.status().pop().filter(|status| ready(status)) {
                    Some(status) => return status,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the task did not get there")
    }

    #[tokio::test]
    async fn a_task_goes_on_after_a_failure_and_a_panic_and_says_so() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let on_run: OnRun = {
            let told = told.clone();
            Arc::new(move |name, _, ok| told.lock().unwrap().push((name, ok)))
        };
        let periodic = Periodic::new(on_run);
        let pass = Arc::new(AtomicU64::new(0));
        periodic
            .every("sweep", Duration::from_millis(1), Arc::default(), move || {
                let pass = pass.fetch_add(1, Ordering::Relaxed);
                async move {
                    match pass {
                        0 => Err("the database is locked"),
                        1 => panic!("on purpose"),
                        _ => Ok("removed 3 rows".to_owned()),
                    }
                }
            })
            .await;
        let status = until(&periodic, |status| status.runs >= 3).await;
        assert_eq!((status.name, status.errors), ("sweep", 2));
        assert_eq!(status.last_result, Some(Ok("removed 3 rows".to_owned())));
        assert!(status.last_run.is_some());
        periodic.stop().await;
        assert_eq!(told.lock().unwrap()[..3], [("sweep", false), ("sweep", false), ("sweep", true)]);
    }

    #[tokio::test]
    async fn a_woken_task_does_not_wait_for_its_interval_and_a_stopped_one_ends_in_its_pass() {
        let periodic = Periodic::new(Arc::new(|_, _, _| {}));
        let pass = Arc::new(AtomicU64::new(0));
        let (hour, wake) = (Duration::from_secs(3600), Arc::new(Notify::new()));
        periodic
            .every("slow", hour, wake.clone(), move || {
                let pass = pass.fetch_add(1, Ordering::Relaxed);
                async move {
                    if pass == 1 {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, std::convert::Infallible>(String::new())
                }
            })
            .await;
        let status = until(&periodic, |status| status.next_run.is_some()).await;
        let ahead = status.next_run.unwrap().duration_since(SystemTime::now()).unwrap();
        assert!(ahead > hour - Duration::from_secs(60) && ahead < hour * 12 / 10, "{ahead:?}");
        wake.notify_one();
        until(&periodic, |status| status.next_run.is_none()).await;
        tokio::time::timeout(Duration::from_secs(20), periodic.stop()).await.expect("it did not end");
    }
}
