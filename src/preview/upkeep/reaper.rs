//! Ends previews whose time is up or that nobody uses, and forgets what has ended long ago.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        decide::phase_of,
        spec::{EndReason, Phase, PreviewSpec},
        status::PreviewStatus,
    },
    preview::{
        manager::Manager,
        store::{KEEP_ENDED, is_forgotten},
    },
};

/// The shortest time between two looks, so that a clock that jumps cannot make it spin.
const SHORTEST: Duration = Duration::from_millis(50);

/// The time between two looks while a preview starts for the first time.
const STARTING: Duration = Duration::from_secs(1);

/// The background task that looks at every preview at the latest after the cleanup interval, and when one is due.
pub struct Reaper {
    manager: Manager,
}

impl Reaper {
    /// Returns a reaper of a core's previews.
    pub fn new(manager: Manager) -> Self {
        Self { manager }
    }

    /// Runs until the token is cancelled.
    pub async fn run(self, token: CancellationToken) {
        tokio::select! {
            () = token.cancelled() => {}
            () = self.end_what_is_due() => {}
            // Apart: no end waits for an engine that is slow with its images.
            () = self.forget_images() => {}
        }
    }

    async fn end_what_is_due(&self) {
        loop {
            let next = self.pass(SystemTime::now()).await;
            let wait = next.clamp(SHORTEST, self.interval());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.manager.inner.due.notified() => {}
            }
        }
    }

    async fn forget_images(&self) {
        loop {
            self.manager.inner.core.images.forget_unused(&self.keys(), KEEP_ENDED).await;
            tokio::time::sleep(self.interval()).await;
        }
    }

    fn interval(&self) -> Duration {
        self.manager.inner.core.settings.cleanup_interval.max(SHORTEST)
    }

    /// Looks at everything once, and returns how long it is until something is due.
    async fn pass(&self, now: SystemTime) -> Duration {
        let inner = &self.manager.inner;
        let mut next = Duration::MAX;
        for handle in inner.registry.all() {
            let spec = handle.spec();
            if spec.ended.is_some() {
                if is_forgotten(&spec, now) && inner.core.store.forget(&spec.id).await.is_ok() {
                    inner.registry.remove(&spec.id);
                }
                continue;
            }
            let due = if is_yet_to_answer(&handle.status().borrow()) {
                // Nobody can use what does not answer yet. When it does is not announced here: look again soon.
                next = next.min(STARTING);
                spec.expires_at
            } else {
                due(&spec, handle.route.last_used())
            };
            match due.duration_since(now) {
                Ok(left) if !left.is_zero() => next = next.min(left),
                _ => {
                    let why = if spec.expires_at <= now { "its time was up" } else { "nobody used it" };
                    handle.log.lifecycle(format!("ending: {why}"));
                    tracing::info!(preview = %spec.id, why, "preview expired");
                    if let Err(error) = self.manager.end(&handle, EndReason::Expired).await {
                        tracing::error!(preview = %spec.id, error = %error, "an expired preview could not be ended");
                    }
                }
            }
        }
        next
    }

    fn keys(&self) -> BTreeSet<String> {
        self.manager.inner.registry.all().iter().filter_map(|handle| handle.dependency_key()).collect()
    }
}

/// Returns whether the first answer is still to come.
fn is_yet_to_answer(status: &PreviewStatus) -> bool {
    status.applied.is_none() && phase_of(status) != Phase::Failed
}

fn due(spec: &PreviewSpec, last_used: SystemTime) -> SystemTime {
    spec.expires_at.min(last_used + spec.idle_timeout)
}
