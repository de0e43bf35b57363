//! The end of a preview: its site, its containers and what was built for it.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{pause::Pause, status::Ending},
    engine::EngineError,
    preview::{driver::Driver, image::flights::Landing},
};

/// How many lines of its log are kept once it has ended, and how long after that, for those who read it now.
const KEPT_LINES: usize = 200;
const READ: Duration = Duration::from_secs(5);
/// The time between two tries to remove what a preview held.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Driver {
    /// Lets go of everything, after keeping what the project names as data. Another life of the service goes on where this
    /// one is shut down meanwhile.
    pub(super) async fn end(&mut self, shutdown: &CancellationToken) {
        // The address first: whoever sees the phase may count on it.
        self.site = None;
        self.handle.set_status(|status| status.ending = Ending::Asked);
        self.handle.log.lifecycle("stopping");
        self.keep_data().await;
        self.session = None;
        self.replaced.clear();
        self.leaving = None;
        self.held = None;
        if !shutdown.is_cancelled() {
            self.landings.iter().for_each(Landing::hurry);
        }
        if let Some(ahead) = self.ahead.take() {
            ahead.discard().await;
        }
        self.retiring.abort_all();
        tokio::select! {
            () = self.remove() => {
                self.handle.set_status(|status| (status.container, status.ending) = (None, Ending::Over));
                self.handle.log.lifecycle("stopped");
                tracing::info!(preview = %self.handle.id, project = %self.spec.project, "preview stopped");
            }
            () = shutdown.cancelled() => return,
        }
        tokio::select! {
            () = sleep(READ) => self.handle.log.keep_last(KEPT_LINES),
            () = shutdown.cancelled() => {}
        }
    }

    /// Removes every container of the preview, and the images that were built for it, however often it takes.
    async fn remove(&mut self) {
        let mut pause = Pause::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Err(error) = self.try_remove().await {
            tracing::warn!(preview = %self.handle.id, error = %error, "the preview could not be removed yet");
            sleep(pause.longer()).await;
        }
        for key in std::mem::take(&mut self.built) {
            self.core.images.release(&key).await;
        }
    }

    async fn try_remove(&self) -> Result<(), EngineError> {
        for container in self.core.engine.containers().await? {
            if self.claims.has(&container) {
                self.core.engine.remove(&container.id).await?;
            }
        }
        Ok(())
    }
}
