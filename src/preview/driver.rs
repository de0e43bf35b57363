//! The one task that drives a preview, and the only writer of its state.
//!
//! ```text
//! commit feed ──┐
//! apply ────────┤                ┌─ what should run? (head, plan, image, files)
//! agent events ─┼──> driver ─────┼─ what runs? (session)
//! engine hints ─┤                └─ bring the one to the other (reload.rs), say how far it came
//! wake ─────────┘
//! ```
//!
//! Its step takes no input about what changed: it reads the head and compares. A notice that is lost is mended by the
//! next one. Stop outranks everything: whatever is being done is dropped, and what it had made is removed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        error::Error,
        failure::{Failure, FailureStage},
        ids::CommitId,
        lifecycle::{self, Decision, Input},
        logs::LogSource,
        spec::{PreviewSpec, ReloadMode},
    },
    engine::{Container, ContainerState, EngineEvent, SharedEngine},
    preview::{
        agent::Exit,
        handle::Handle,
        images::Images,
        reload::Outcome,
        route::{OpenPort, RouteState},
        session::{Session, SessionEvent},
        settings::Settings,
    },
    stack::StackConfig,
    vfs::{HeadFollower, Vfs},
};

/// Ends of a running app within this time are counted together.
const DEATHS_WITHIN: Duration = Duration::from_secs(60);
/// So many of them are a crash loop.
const DEATHS_ALLOWED: usize = 3;
/// The longest time between two tries to remove what a preview held.
const TEARDOWN_BACKOFF: Duration = Duration::from_secs(5);
/// The time before a store that could not be read is read again.
const VFS_BACKOFF: Duration = Duration::from_secs(1);

/// What all drivers share.
pub struct Core {
    /// What runs containers.
    pub engine: SharedEngine,
    /// What keeps the files.
    pub vfs: Vfs,
    /// What makes images.
    pub images: Arc<Images>,
    /// What the configuration says.
    pub settings: Arc<Settings>,
    /// What the configuration says of stacks.
    pub stack: StackConfig,
}

/// Drives one preview.
pub struct Driver {
    pub(super) core: Arc<Core>,
    pub(super) handle: Arc<Handle>,
    pub(super) spec: PreviewSpec,
    pub(super) session: Option<Session>,
    pub(super) follower: HeadFollower,
    pub(super) applies: watch::Receiver<u64>,
    engine_events: broadcast::Receiver<EngineEvent>,
    deaths: Vec<Instant>,
    // A container of an earlier life of the service, to be taken over.
    found: Option<Container>,
    // Held for the preview's life; dropping it frees the port.
    port: Option<Box<dyn OpenPort>>,
}

impl Driver {
    /// Returns a driver that has done nothing yet.
    pub fn new(core: Arc<Core>, handle: Arc<Handle>, port: Box<dyn OpenPort>, found: Option<Container>) -> Self {
        let spec = handle.spec();
        let follower = core.vfs.follow(&spec.project, &spec.branch);
        let engine_events = core.engine.events();
        let applies = handle.applies();
        Self {
            core,
            handle,
            spec,
            session: None,
            follower,
            applies,
            engine_events,
            deaths: Vec::new(),
            found,
            port: Some(port),
        }
    }

    /// Drives until the preview's end is asked for, and then until nothing is left of it; or until the service shuts
    /// down, which leaves the container to the next life of the service.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let stop = self.handle.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = shutdown.cancelled() => return,
            () = self.live() => {}
        }
        self.input(Input::Stop);
        self.handle.log.lifecycle("stopping");
        self.handle.route.set(RouteState::Gone);
        self.session = None;
        self.port = None;
        tokio::select! {
            () = self.remove() => {
                self.handle.set_status(|status| status.container = None);
                self.input(Input::Removed);
                self.handle.log.lifecycle("stopped");
                tracing::info!(preview = %self.handle.id, project = %self.spec.project, "preview stopped");
            }
            () = shutdown.cancelled() => {}
        }
    }

    async fn live(&mut self) {
        if let Some(container) = self.found.take() {
            self.adopt(container).await;
        }
        loop {
            match self.next_target().await {
                Ok(Some((target, applies))) => {
                    // Asked for, and there already: nobody has to hear of it again.
                    let outcome = if self.answers(&target) { Outcome::Ready } else { self.reload(&target).await };
                    self.settle(target, applies, outcome);
                }
                Ok(None) => self.wait().await,
                Err(error) => {
                    tracing::error!(preview = %self.handle.id, error = %error, "the head could not be read");
                    tokio::time::sleep(VFS_BACKOFF).await;
                }
            }
        }
    }

    /// Returns the commit that is to be applied now, if any, and up to which request to apply.
    async fn next_target(&mut self) -> Result<Option<(CommitId, u64)>, Error> {
        let applies = *self.applies.borrow_and_update();
        let head = self.core.vfs.head(&self.spec.project, &self.spec.branch).await.map_err(Error::from)?;
        let (settled, seen) = {
            let status = self.handle.status();
            let status = status.borrow();
            (status.settled.clone(), status.applies)
        };
        let Some(head) = head else {
            // The branch is gone: what runs goes on, and there is nothing to apply.
            self.handle.set_status(|status| status.applies = applies);
            return Ok(None);
        };
        let wanted = applies > seen || (self.spec.reload == ReloadMode::Auto && settled.as_ref() != Some(&head));
        Ok(wanted.then_some((head, applies)))
    }

    /// Returns whether a commit is what answers now.
    fn answers(&self, commit: &CommitId) -> bool {
        let status = self.handle.status();
        let status = status.borrow();
        let open = matches!(*self.handle.route.state().borrow(), RouteState::Open(_));
        open && status.applied.as_ref() == Some(commit) && status.failure.is_none()
    }

    /// Records what came of a commit.
    fn settle(&mut self, target: CommitId, applies: u64, outcome: Outcome) {
        match outcome {
            Outcome::Ready => {
                self.input(Input::Ready);
                self.handle.set_status(|status| {
                    status.applied = Some(target.clone());
                    status.failure = None;
                });
            }
            Outcome::Failed { failure, serving } => {
                self.handle.log.lifecycle(format!("commit {}: failed: {}", short(&target), failure.message));
                self.handle.set_status(|status| status.failure = Some(failure.clone()));
                if !serving {
                    self.handle.route.set(RouteState::Failed(Arc::new(failure)));
                    self.input(Input::Fail);
                }
            }
            // The newer commit is applied next, and settles this one too.
            Outcome::Superseded => return,
        }
        self.handle.set_status(|status| {
            status.settled = Some(target);
            status.applies = status.applies.max(applies);
        });
    }

    /// Waits for something to do, and does what does not concern commits.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.follower.changed() => {}
            _ = self.applies.changed() => {}
            event = session_event(&mut self.session) => self.on_session(event).await,
            event = self.engine_events.recv() => self.on_engine(event.ok()).await,
        }
    }

    async fn on_session(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Exited(exit) => {
                if self.session.as_ref().is_some_and(|session| session.is_present(&exit)) {
                    self.died(Some(exit)).await;
                }
            }
            SessionEvent::Lost => self.lost().await,
        }
    }

    async fn on_engine(&mut self, event: Option<EngineEvent>) {
        match event {
            Some(EngineEvent::Died { container }) => {
                if self.session.as_ref().is_some_and(|session| session.container == container) {
                    self.lost().await;
                }
            }
            // Also when hints were missed: look at what is.
            Some(EngineEvent::Connected) | None => {
                let gone = self.handle.status().borrow().failure.as_ref().is_some_and(is_engine_failure);
                if gone {
                    self.handle.apply();
                } else if self.session.is_some() {
                    self.lost().await;
                }
            }
            Some(EngineEvent::Disconnected) => {}
        }
    }

    /// Looks whether the container is still there, after a hint that it may not be.
    async fn lost(&mut self) {
        let Some(session) = &self.session else { return };
        let container = session.container.clone();
        match self.core.engine.container(&container).await {
            Ok(Some(Container { state: ContainerState::Running | ContainerState::Paused, .. })) => {
                if session.agent().status().await.is_ok() {
                    return;
                }
                // The stream broke and the container did not: take it over anew.
                let found = self.core.engine.container(&container).await.ok().flatten();
                self.session = None;
                if let Some(found) = found {
                    self.adopt(found).await;
                }
                if self.session.is_none() {
                    self.died(None).await;
                }
            }
            Ok(state) => {
                let out_of_memory =
                    matches!(state, Some(Container { state: ContainerState::Exited { out_of_memory: true, .. }, .. }));
                let code = match state {
                    Some(Container { state: ContainerState::Exited { code, .. }, .. }) => {
                        i32::try_from(code).unwrap_or(i32::MAX)
                    }
                    _ => 137,
                };
                self.handle.log.lifecycle(format!("the container ended with status {code}"));
                self.session = None;
                if let Err(error) = self.core.engine.remove(&container).await {
                    tracing::warn!(preview = %self.handle.id, error = %error, "a dead container could not be removed");
                }
                self.died(Some(Exit { generation: 0, code, signal: 0, out_of_memory })).await;
            }
            // The engine is away: it will say when it is back.
            Err(error) => tracing::debug!(preview = %self.handle.id, error = %error, "the container cannot be seen"),
        }
    }

    /// Starts the app again after its process or container ended by itself, unless that happens too often.
    async fn died(&mut self, exit: Option<Exit>) {
        let status = self.handle.status().borrow().clone();
        let Some(applied) = status.applied.clone().filter(|_| status.phase.is_live()) else { return };
        if status.phase == crate::domain::spec::Phase::Failed {
            // The end of what had failed already.
            return;
        }
        self.handle.route.died();
        self.input(Input::Died);
        let now = Instant::now();
        self.deaths.retain(|death| now.duration_since(*death) < DEATHS_WITHIN);
        self.deaths.push(now);
        let how = exit.as_ref().map_or("its container was lost".to_owned(), describe_exit);
        self.handle.log.lifecycle(format!("the app ended: {how}"));
        tracing::info!(preview = %self.handle.id, how, deaths = self.deaths.len(), "the app ended");
        if self.deaths.len() >= DEATHS_ALLOWED {
            let failure = self.crash_loop(exit, &how, applied);
            self.fail(failure);
            return;
        }
        let outcome = self.revive(&applied).await;
        match outcome {
            Outcome::Ready => {
                self.handle.log.lifecycle("the app was started again and answers");
                self.input(Input::Ready);
            }
            Outcome::Failed { failure, .. } => self.fail(failure),
            Outcome::Superseded => {}
        }
    }

    fn crash_loop(&self, exit: Option<Exit>, how: &str, applied: CommitId) -> Failure {
        let out_of_memory = exit.as_ref().is_some_and(|exit| exit.out_of_memory);
        let (reason, message) = if out_of_memory {
            let limit = self.handle.status().borrow().limits.memory_bytes / (1024 * 1024);
            ("OUT_OF_MEMORY", format!("the app needed more than the {limit} MiB of memory that it may use"))
        } else {
            ("CRASH_LOOP", format!("the app ended {DEATHS_ALLOWED} times within a minute, the last time: {how}"))
        };
        let mut failure = Failure::new(FailureStage::Run, reason, message);
        failure.log_excerpt = self.handle.log.excerpt(0, &[LogSource::Stdout, LogSource::Stderr]);
        failure.exit_code = exit.map(|exit| exit.code);
        failure.commit = Some(applied);
        failure
    }

    fn fail(&mut self, failure: Failure) {
        self.handle.log.lifecycle(format!("failed: {}", failure.message));
        tracing::info!(preview = %self.handle.id, reason = failure.reason, "preview failed");
        self.handle.set_status(|status| status.failure = Some(failure.clone()));
        self.handle.route.set(RouteState::Failed(Arc::new(failure)));
        self.input(Input::Fail);
    }

    /// Forgets earlier ends: a new commit gets a new chance.
    pub(super) fn forgive(&mut self) {
        self.deaths.clear();
    }

    /// Tells the state machine what happened.
    pub(super) fn input(&self, input: Input) {
        self.handle.set_status(|status| match lifecycle::step(status.phase, input) {
            Decision::Go(next) => status.phase = next,
            Decision::Ignore => {}
            Decision::Deny(reason) => {
                tracing::error!(preview = %self.handle.id, phase = status.phase.as_str(), ?input, reason, "denied");
            }
        });
    }

    /// Removes every container of the preview, however often it takes.
    async fn remove(&self) {
        let mut backoff = Duration::from_millis(100);
        while let Err(error) = self.try_remove().await {
            tracing::warn!(preview = %self.handle.id, error = %error, "the preview could not be removed yet");
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(TEARDOWN_BACKOFF);
        }
    }

    async fn try_remove(&self) -> Result<(), crate::engine::EngineError> {
        let prefix = self.handle.id.container_name();
        for container in self.core.engine.containers().await? {
            if container.name == prefix
                || container.name.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('-'))
            {
                self.core.engine.remove(&container.id).await?;
                self.core.images.release(&container).await;
            }
        }
        Ok(())
    }
}

/// Says how a process ended.
pub(super) fn describe_exit(exit: &Exit) -> String {
    if exit.out_of_memory {
        "it was out of memory".to_owned()
    } else if exit.signal != 0 {
        format!("it was killed by signal {}", exit.signal)
    } else {
        format!("it ended with status {}", exit.code)
    }
}

/// Returns the first digits of a commit, for people.
pub(super) fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..8).unwrap_or_default()
}

fn is_engine_failure(failure: &Failure) -> bool {
    failure.reason == "ENGINE_UNAVAILABLE"
}

async fn session_event(session: &mut Option<Session>) -> SessionEvent {
    match session {
        Some(session) => session.event().await,
        None => std::future::pending().await,
    }
}
