//! What an app has written: brought over when its container is replaced, and started again with it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    agent::{AgentError, MadeParts, MadeRequest, MadeSummary},
    domain::{
        ids::FilePath,
        path::within,
        runtime::{APP_ROOT, ImagePlan},
    },
    engine::{Container, ContainerState, EngineError},
    preview::{
        driver::Driver,
        unit::{
            claims,
            container::Leaving,
            files::FileSet,
            session::{Position, Session, SessionError, connect},
        },
    },
};

/// The most bytes that are brought over.
const MAX_BYTES: u64 = 256 * MEBIBYTE;
const MEBIBYTE: u64 = 1024 * 1024;
/// How long a container takes to end whose app has ended first, and the time between two looks at it.
pub(super) const ENDING: Duration = Duration::from_secs(10);
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How much longer an engine that says nothing of such a container is asked for what its app has written.
const SILENCE: Duration = Duration::from_secs(50);

impl Driver {
    /// Brings what the app has written into a container that is to serve next: from the one that serves now, or else from
    /// the one before, or what is kept of it. `folder` is where the app is started there.
    ///
    /// What cannot be brought is said, and does not keep the app from starting. Returns whether it was brought.
    pub(super) async fn carry_over(&mut self, to: &Session, folder: &str) -> bool {
        let Some(root) = root(to, folder) else { return true };
        let leaving = self.leaving.take();
        let outcome = if let Some(before) = self.session.as_ref().filter(|before| !before.disconnected) {
            export(before, to).await
        } else if let Some(Leaving { agent, .. }) = &leaving {
            agent.export(all_but(&root, listed(to))).await
        } else {
            self.kept(to).await
        };
        let outcome = match outcome {
            Ok((summary, parts)) => self.bring_over(to, &root, summary, parts).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            self.handle.log.lifecycle(format!("what the app has written could not be brought over: {error}"));
            tracing::warn!(preview = %self.handle.id, error = %error, "what an app has written could not be brought over");
        }
        if let Some(Leaving { container, .. }) = leaving {
            self.discard(&container).await;
            claims::give_name(&self.core.engine, &self.handle.id, &to.container).await;
        }
        outcome.is_ok()
    }

    async fn bring_over(
        &self,
        to: &Session,
        root: &str,
        summary: MadeSummary,
        parts: MadeParts,
    ) -> Result<(), AgentError> {
        if summary.files > 0 {
            to.agent().import(root, summary, parts).await?;
            let brought = amount(summary.files, summary.bytes);
            self.handle.log.lifecycle(format!("what the app has written was brought over: {brought}"));
        }
        if summary.left_files > 0 {
            let left = amount(summary.left_files, summary.left_bytes);
            let most = MAX_BYTES / MEBIBYTE;
            self.handle.log.lifecycle(format!(
                "what the app has written was left where it is too much: {left}; at most {most} MiB are brought over"
            ));
        }
        Ok(())
    }

    /// Returns what is kept of the paths that the project names as data.
    async fn kept(&self, to: &Session) -> Result<(MadeSummary, MadeParts), AgentError> {
        if to.plan.data.is_empty() {
            return Ok(nothing());
        }
        let loaded = self.core.data.load(&self.spec.project, &self.spec.branch, &to.plan.data).await;
        Ok(loaded.map_err(|error| AgentError::Refused(error.to_string()))?.unwrap_or_else(nothing))
    }

    /// Starts the container once more that has ended, with all that is in it and no process; one that cannot be is let
    /// go. `seen` is what the engine says of it.
    ///
    /// # Errors
    /// The engine says nothing of it: it is kept, and tried again once the engine says more.
    pub(super) async fn start_again(&mut self, seen: Option<&Container>) -> Result<(), EngineError> {
        let Some(mut before) = self.session.take() else { return Ok(()) };
        let container = before.container.clone();
        if matches!(seen, Some(Container { state: ContainerState::Exited { .. }, .. })) {
            match self.started_again(&before).await {
                Ok(session) => self.session = Some(session),
                Err(SessionError::Engine(error)) if error.says_nothing() => {
                    before.disconnected = true;
                    self.session = Some(before);
                    return Err(error);
                }
                Err(error) => {
                    tracing::info!(preview = %self.handle.id, error = %error, "a container could not be started again");
                }
            }
        }
        if self.session.is_none() {
            self.let_go(&container).await;
        }
        Ok(())
    }

    async fn started_again(&self, before: &Session) -> Result<Session, SessionError> {
        self.core.engine.restart(&before.container).await?;
        let mut session = before.reopen(&self.core.engine).await?;
        if matches!(session.plan.image, ImagePlan::Dependencies(_)) {
            let files = std::mem::take(&mut session.files);
            session.sync_all(&self.core.vfs, &self.spec.project, files).await?;
        }
        Ok(session)
    }

    /// Returns what the engine says of a container once it has ended, or has not within the time that an end takes.
    pub(super) async fn ended(&self, container: &str) -> Result<Option<Container>, EngineError> {
        let deadline = Instant::now() + ENDING;
        loop {
            let seen = self.core.engine.container(container).await?;
            if !seen.as_ref().is_some_and(Container::runs) || Instant::now() > deadline {
                return Ok(seen);
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Lets a container go that cannot serve any more: it stays until what its app has written was brought over, or goes
    /// at once where it cannot be spoken with.
    pub(super) async fn let_go(&mut self, container: &str) {
        if self.leaving.is_none() {
            self.leaving = self.leave(container).await;
        }
        if self.leaving.as_ref().is_none_or(|leaving| leaving.container != container) {
            self.discard(container).await;
        }
    }

    /// Returns a container that is spoken with for what is in it. It keeps its name: it may be on its way out (see
    /// `run_container`).
    pub(super) async fn leave(&self, container: &str) -> Option<Leaving> {
        let deadline = Instant::now() + ENDING;
        let again = async || {
            self.core.engine.restart(container).await?;
            connect(&self.core.engine, container).await
        };
        loop {
            match again().await {
                Ok(agent) => return Some(Leaving { container: container.to_owned(), agent }),
                Err(SessionError::Engine(EngineError::NotFound { .. })) => return None,
                Err(SessionError::Engine(error)) if error.says_nothing() && Instant::now() < deadline + SILENCE => {
                    sleep(LOOK_AGAIN).await;
                }
                // The engine may say of one that is ending that it runs: it can be started once it has ended.
                Err(_) if Instant::now() < deadline => sleep(LOOK_AGAIN).await,
                Err(_) => return None,
            }
        }
    }
}

impl Session {
    /// Returns a session with the same container after it was started once more: its agent has another life.
    async fn reopen(&self, engine: &crate::engine::SharedEngine) -> Result<Self, SessionError> {
        let agent = connect(engine, &self.container).await?;
        let (bounds, key, plan) = (self.bounds.clone(), self.key.clone(), self.plan.clone());
        let mut session = Self::over(agent, bounds, key, plan, self.commit.clone(), &Position::default()).await?;
        session.takes_after(self);
        session.files.clone_from(&self.files);
        session.lease.clone_from(&self.lease);
        Ok(session)
    }
}

/// Asks for what the app of a session has made, but for what the tree of either has.
async fn export(from: &Session, to: &Session) -> Result<(MadeSummary, MadeParts), AgentError> {
    let Some(root) = root(from, &from.folder) else { return Ok(nothing()) };
    from.agent().export(all_but(&root, listed(from).into_iter().chain(listed(to)).collect())).await
}

/// Asks for all that was made below a folder, but for some files.
pub(super) fn all_but(root: &str, except: Vec<FilePath>) -> MadeRequest {
    MadeRequest { root: root.to_owned(), only: Vec::new(), except, max_bytes: MAX_BYTES }
}

fn nothing() -> (MadeSummary, MadeParts) {
    (MadeSummary::default(), Box::pin(tokio_stream::empty()))
}

/// Returns the folder of a container that the app writes to: that of the project's files, or of an image's own. There is
/// none where that is everything.
pub(super) fn root(session: &Session, folder: &str) -> Option<String> {
    match session.plan.image {
        ImagePlan::Dependencies(_) => Some(APP_ROOT.to_owned()),
        ImagePlan::Build { .. } => {
            let folder = folder.trim_end_matches('/');
            (!folder.is_empty()).then(|| folder.to_owned())
        }
    }
}

/// Returns the files of the tree that an image was built from, which the agent does not know: they were not brought.
pub(super) fn listed(session: &Session) -> Vec<FilePath> {
    if matches!(session.plan.image, ImagePlan::Dependencies(_)) {
        return Vec::new();
    }
    paths(&session.files, &session.plan.root)
}

fn paths(files: &FileSet, root: &str) -> Vec<FilePath> {
    files.iter().filter_map(|(path, ..)| within(path.as_str(), root)?.parse().ok()).collect()
}

/// Says how much there is.
pub(super) fn amount(files: u64, bytes: u64) -> String {
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    match bytes {
        0..MEBIBYTE => format!("{files}, {} KiB", bytes.div_ceil(1024)),
        _ => format!("{files}, {} MiB", bytes.div_ceil(MEBIBYTE)),
    }
}
