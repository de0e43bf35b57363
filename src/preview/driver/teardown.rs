//! The end of a preview: its site, its containers and what was built for it; and what is kept of it, which its project
//! names as data.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{AgentError, MadeParts, MadeRequest, MadeSummary},
    domain::{pause::Pause, status::Ending},
    engine::{ContainerState, EngineError},
    preview::{
        driver::{
            Driver,
            carry::{all_but, amount, listed, root},
        },
        image::flights::Landing,
        unit::{
            container::Data,
            session::{Session, connect},
        },
    },
};

/// How many lines of its log are kept once it has ended, and how long after that, for those who read it now.
const KEPT_LINES: usize = 200;
const READ: Duration = Duration::from_secs(5);
/// The time between two tries to remove what a preview held.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Returns where what is to be kept of a session is, if its project names data.
pub(super) fn data_of(session: &Session) -> Option<Data> {
    if session.plan.data.is_empty() {
        return None;
    }
    let root = root(session, &session.folder)?;
    Some(Data {
        container: session.container.clone(),
        agent: session.agent().clone(),
        wanted: MadeRequest { only: session.plan.data.clone(), ..all_but(&root, listed(session)) },
        lacks: session.lacks_data,
    })
}

impl Driver {
    /// Keeps what the app has written to the paths that the project names as data, before its container goes.
    async fn keep_data(&mut self) {
        let Some(data) = self.data.take() else { return };
        if data.lacks {
            self.handle.log.lifecycle("data is kept as it was before, since the app did not have it");
            return;
        }
        let kept = async {
            let (summary, parts) = self.made(&data).await.map_err(std::io::Error::other)?;
            self.core.data.save(&self.spec.project, &self.spec.branch, parts).await?;
            Ok::<_, std::io::Error>(summary)
        };
        match kept.await {
            Ok(summary) => {
                self.handle.log.lifecycle(format!("data kept: {}", amount(summary.files, summary.bytes)));
                if summary.left_files > 0 {
                    tracing::warn!(preview = %self.handle.id, files = summary.left_files, "data was too much to be kept");
                }
            }
            Err(error) => {
                tracing::warn!(preview = %self.handle.id, error = %error, "data could not be kept");
                self.handle.log.lifecycle(format!("data could not be kept: {error}"));
            }
        }
    }

    async fn made(&self, data: &Data) -> Result<(MadeSummary, MadeParts), AgentError> {
        let failed = match data.agent.export(data.wanted.clone()).await {
            Err(error) => error,
            made => return made,
        };
        // Its stream broke, or the container has ended or was frozen: all that is in it is there.
        let seen = self.core.engine.container(&data.container).await;
        if matches!(&seen, Ok(Some(found)) if found.state == ContainerState::Paused) {
            let _ = self.wake(&data.container).await;
        }
        let agent = match connect(&self.core.engine, &data.container).await {
            Ok(agent) => agent,
            Err(_) => self.leave(&data.container).await.ok_or(failed)?.agent,
        };
        agent.export(data.wanted.clone()).await
    }

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
