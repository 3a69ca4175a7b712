//! Work that outlives the request that started it.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::Origin;

/// Tasks that shutdown waits for. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// Starts `task`, on behalf of the present [`Origin`]. It completes even if the handle is dropped; [`Tasks::finish`] waits
    /// for it.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        match Origin::current() {
            Some(origin) => self.0.spawn(origin.during(task)),
            None => self.0.spawn(task),
        }
    }

    /// Runs `task` to completion, even if the caller is dropped; shutdown waits for it. For work that cannot be repeated,
    /// such as spending an authorization code. Returns `None` when the task panicked.
    pub async fn run_to_completion<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.spawn(task).await.ok()
    }

    /// Waits for the tasks under way. Tasks that these start are waited for as well.
    pub async fn finish(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_completes_although_its_caller_went_away_and_the_end_waits_for_it() {
        let tasks = Tasks::default();
        let (release, released) = oneshot::channel::<()>();
        let (done, mut completed) = oneshot::channel();
        let caller = {
            let tasks = tasks.clone();
            tokio::spawn(async move {
                let work = async move {
                    let _ = released.await;
                    let _ = done.send(());
                };
                tasks.run_to_completion(work).await
            })
        };
        while tasks.0.is_empty() {
            tokio::task::yield_now().await;
        }
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(completed.try_recv().is_err());
        release.send(()).unwrap();
        tasks.finish().await;
        assert!(completed.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_task_knows_the_request_that_started_it() {
        let origin = Origin { request: "r-1".into(), address: None };
        let tasks = Tasks::default();
        let seen = origin.clone().during(tasks.run_to_completion(async { Origin::current() })).await;
        assert_eq!(seen, Some(Some(origin)));
        assert_eq!(tasks.run_to_completion(async { Origin::current() }).await, Some(None));
    }

    #[tokio::test]
    async fn a_task_that_panics_returns_nothing() {
        let failing = async { assert!(std::hint::black_box(false)) };
        assert_eq!(Tasks::default().run_to_completion(failing).await, None);
    }
}
