//! Starts background tasks by name, and starts them anew when they fail.
//!
//! A task is a function of the shutdown token that ends when the token is cancelled. It is started anew after an error
//! or a panic, after a pause that grows to half a minute: everything that must go on for as long as the process does is
//! started here.

use std::{error::Error, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, debug, error, info_span, warn};

use crate::{domain::pause::Pause, telemetry::error_chain};

/// What a task's error is.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// The first pause before a task is started anew; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, and the time after which a task that ran is taken to have been well.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The background tasks of the process.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tracker: TaskTracker,
    shutdown: CancellationToken,
    running: Arc<Mutex<Vec<&'static str>>>,
}

impl Supervisor {
    /// Returns a supervisor without tasks. They end when the token is cancelled.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), shutdown, running: Arc::default() }
    }

    /// Starts a task, and starts it again after each failure. A task that returns `Ok` is done.
    pub fn spawn<F, Fut>(&self, name: &'static str, task: F)
    where
        F: FnMut(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        self.running.lock().push(name);
        let this = self.clone();
        let watched = async move {
            this.watch(task).await;
            let mut running = this.running.lock();
            if let Some(at) = running.iter().position(|other| *other == name) {
                running.swap_remove(at);
            }
        };
        self.tracker.spawn(watched.instrument(info_span!("task", name)));
    }

    /// Waits for every task to end, having been told to by the token.
    pub async fn drain(&self, budget: Duration) {
        self.shutdown.cancel();
        self.tracker.close();
        if tokio::time::timeout(budget, self.tracker.wait()).await.is_err() {
            let left = self.running.lock().join(", ");
            warn!(tasks = left, "tasks did not end in time and are left behind");
        }
    }

    async fn watch<F, Fut>(&self, mut task: F)
    where
        F: FnMut(CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), TaskError>>,
    {
        let mut pause = Pause::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let began = Instant::now();
            let outcome = AssertUnwindSafe(task(self.shutdown.clone())).catch_unwind().await;
            let failure: TaskError = match outcome {
                Ok(Ok(())) => return debug!("task is done"),
                Ok(Err(failure)) => failure,
                Err(_) => "the task panicked".into(),
            };
            error!(error = %error_chain(failure.as_ref()), "task failed");
            if began.elapsed() >= LONGEST_PAUSE {
                pause.reset();
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(pause.longer()) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const BUDGET: Duration = Duration::from_secs(1);

    fn counter() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        (Arc::clone(&runs), runs)
    }

    #[tokio::test(start_paused = true)]
    async fn task_that_fails_or_panics_is_started_anew_with_growing_pauses() {
        let supervisor = Supervisor::new(CancellationToken::new());
        let (runs, counted) = counter();
        let (done, finished) = tokio::sync::oneshot::channel();
        let mut done = Some(done);
        let began = Instant::now();
        supervisor.spawn("clumsy", move |_| {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            let done = if run == 3 { done.take() } else { None };
            async move {
                match done {
                    Some(done) => {
                        done.send(()).unwrap();
                        Ok(())
                    }
                    None if run == 1 => panic!("on purpose"),
                    None => Err("on purpose".into()),
                }
            }
        });
        finished.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 4);
        assert_eq!(began.elapsed().as_millis(), 100 + 200 + 400);
        supervisor.drain(BUDGET).await;
    }

    #[tokio::test(start_paused = true)]
    async fn drain_ends_tasks_by_the_token_and_waits_no_longer_than_its_budget() {
        let supervisor = Supervisor::new(CancellationToken::new());
        supervisor.spawn("obedient", |token| async move {
            token.cancelled().await;
            Ok(())
        });
        let began = Instant::now();
        supervisor.drain(BUDGET).await;
        assert!(began.elapsed() < BUDGET);

        let supervisor = Supervisor::new(CancellationToken::new());
        supervisor.spawn("deaf", |_| std::future::pending());
        let began = Instant::now();
        supervisor.drain(BUDGET).await;
        assert_eq!(began.elapsed(), BUDGET);
    }
}
