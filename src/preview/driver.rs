//! The one task that drives a preview, and the writer of its state: the manager writes only what a new preview begins with.
//!
//! ```text
//! commit feed ──┐
//! apply ────────┤                ┌─ what should run? (head, plan, image, files)
//! agent events ─┼──> driver ─────┼─ what runs? (session)
//! engine hints ─┘                └─ bring the one to the other (reload.rs), say how far it came
//! ```
//!
//! Its step takes no input about what changed: it reads the head and compares. A notice that is lost is mended by the
//! next one. Stop outranks everything: whatever is being done is dropped, and what it had made is removed.

mod adopt;
mod carry;
mod interrupted;
mod prebundle;
mod prepare;
mod replace;
mod revive;
mod show;
mod start;
mod teardown;
mod waiting;

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        error::Error,
        failure::{Failure, FailureStage},
        ids::CommitId,
        lifecycle::{self, Decision, Input},
        reason::Reason,
        spec::{PreviewSpec, ReloadMode},
    },
    engine::{Container, ContainerState, EngineError, EngineEvent},
    preview::{
        core::Core,
        face::route::{OpenPort, RouteState},
        handle::Handle,
        image::{
            flights::{Held, Landing},
            images::Looked,
        },
        unit::{
            ahead::Ahead,
            claims::Claims,
            container::Leaving,
            session::{Session, SessionEvent},
        },
    },
    vfs::{HeadFollower, Vfs},
};

/// The time before a store that could not be read is read again.
const VFS_BACKOFF: Duration = Duration::from_secs(1);
/// The time before what only the engine kept from being done is tried again, at first.
pub(super) const ENGINE_BACKOFF: Duration = Duration::from_millis(500);
/// So many lost streams to a container within this time are mended at once.
const LOSSES_MENDED: usize = 5;
const LOSSES_WITHIN: Duration = Duration::from_secs(60);
/// The reason of a preview that is driven no more.
pub(super) const BROKEN: Reason = Reason::Internal;

/// What an earlier life of the service left of a preview.
#[derive(Debug, Clone)]
pub enum Found {
    /// These containers, newest first: one of them is to be taken over.
    Containers(Vec<Container>),
    /// Perhaps a container: the engine could not be asked.
    Unknown,
}

/// Drives one preview.
pub struct Driver {
    pub(super) core: Arc<Core>,
    pub(super) handle: Arc<Handle>,
    pub(super) spec: PreviewSpec,
    pub(super) session: Option<Session>,
    pub(super) claims: Claims,
    pub(super) follower: HeadFollower,
    pub(super) applies: watch::Receiver<u64>,
    /// The commits that are no news: the one that is being brought, and in a revival the one that was tried last.
    pub(super) known: Vec<CommitId>,
    /// Whether the commit before was overtaken, so that this one is given time.
    pub(super) patient: bool,
    /// The making of an image that goes on though the commit that needed it was overtaken.
    pub(super) held: Option<Held>,
    /// The keys of images that were built for this preview alone.
    pub(super) built: BTreeSet<String>,
    /// The first container, where what goes into it is still being installed.
    pub(super) ahead: Option<Ahead>,
    /// The image of dependencies that was looked for last.
    pub(super) looked: Option<Looked>,
    /// Containers that were replaced by one that answers.
    pub(super) replaced: Vec<Session>,
    /// Those of them that are on their way out.
    pub(super) retiring: JoinSet<()>,
    /// The makings of images of what it has installed, which it does not wait for.
    pub(super) landings: Vec<Landing>,
    /// One that could not be taken over, for what is in it.
    pub(super) leaving: Option<Leaving>,
    pub(super) deaths: Vec<Instant>,
    /// How much memory it was given because it needed more, in bytes; 0 for none.
    pub(super) given: Arc<AtomicU64>,
    /// What the page of the commit that is being brought has answered.
    pub(super) answered: Option<u16>,
    /// When to look at the app's ports again: some open after the page's.
    pub(super) look_at_ports: Option<Instant>,
    /// The time before what the engine did not do is tried again, and when that is.
    pub(super) backoff: Duration,
    pub(super) retry_at: Option<tokio::time::Instant>,
    /// When the stream to the container was lost, and mended at once.
    pub(super) losses: Vec<Instant>,
    pub(super) engine_events: broadcast::Receiver<EngineEvent>,
    // What was tried last: the commit, and by which request to apply.
    tried: Option<(CommitId, u64)>,
    pub(super) found: Found,
    // Held for the preview's life; dropping it frees the port.
    pub(super) port: Option<Box<dyn OpenPort>>,
}

impl Driver {
    /// Returns a driver that has done nothing yet.
    pub fn new(core: Arc<Core>, handle: Arc<Handle>, port: Box<dyn OpenPort>, found: Found) -> Self {
        Self { port: Some(port), found, ..Self::idle(core, handle) }
    }

    fn idle(core: Arc<Core>, handle: Arc<Handle>) -> Self {
        let spec = handle.spec();
        let follower = core.vfs.follow(&spec.project, &spec.branch);
        let engine_events = core.engine.events();
        let applies = handle.applies();
        let claims = Claims::new(handle.clone());
        Self {
            core,
            handle,
            spec,
            session: None,
            claims,
            follower,
            applies,
            known: Vec::new(),
            patient: false,
            held: None,
            ahead: None,
            looked: None,
            built: BTreeSet::new(),
            replaced: Vec::new(),
            retiring: JoinSet::new(),
            landings: Vec::new(),
            leaving: None,
            deaths: Vec::new(),
            given: Arc::default(),
            answered: None,
            look_at_ports: None,
            backoff: ENGINE_BACKOFF,
            retry_at: None,
            losses: Vec::new(),
            engine_events,
            tried: None,
            found: Found::Containers(Vec::new()),
            port: None,
        }
    }

    /// Drives until the preview's end is asked for, and then until nothing is left of it; or until the service shuts
    /// down, which leaves the container to the next life of the service.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let (core, handle) = (self.core.clone(), self.handle.clone());
        let stop = handle.stop.clone();
        let living = async {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = shutdown.cancelled() => {}
                () = self.live() => {}
            }
        };
        if AssertUnwindSafe(living).catch_unwind().await.is_err() {
            // What it knew cannot be trusted any more. Its end can still be asked for, and finds what there is.
            self = Self { port: self.port.take(), ..Self::idle(core, handle) };
            self.broke();
            tokio::select! {
                () = stop.cancelled() => {}
                () = shutdown.cancelled() => {}
            }
        }
        if stop.is_cancelled() {
            self.end(&shutdown).await;
        }
    }

    /// Says that the driver itself failed.
    fn broke(&mut self) {
        tracing::error!(preview = %self.handle.id, "the driver panicked");
        self.fail(Failure::new(FailureStage::Run, BROKEN, "the service failed to drive this preview; delete it"));
    }

    async fn live(&mut self) {
        if let Found::Containers(containers) = std::mem::replace(&mut self.found, Found::Unknown) {
            // Where that is not known yet, it is waited for.
            let _ = self.take_over(containers).await;
        }
        loop {
            if matches!(self.found, Found::Unknown) {
                // What is there may serve: nothing is made beside it before that is known.
                self.wait_for_engine().await;
                continue;
            }
            match self.next_target().await {
                // Asked for, and there already: nobody has to hear of it again.
                Ok(Some((target, applies))) if self.answers(&target) => self.settle(target, applies),
                Ok(Some((target, applies))) => self.apply(target, applies).await,
                Ok(None) => self.wait().await,
                Err(error) => {
                    tracing::error!(preview = %self.handle.id, error = %error, "the head could not be read");
                    tokio::select! {
                        () = tokio::time::sleep(VFS_BACKOFF) => {}
                        event = session_event(&mut self.session) => self.on_session(event).await,
                    }
                }
            }
        }
    }

    /// Returns the commit that is to be applied now, if any, and up to which request to apply.
    async fn next_target(&mut self) -> Result<Option<(CommitId, u64)>, Error> {
        let applies = *self.applies.borrow_and_update();
        let (settled, seen) = {
            let status = self.handle.status();
            let status = status.borrow();
            (status.settled.clone(), status.applies)
        };
        let Some(target) = target(&self.core.vfs, &self.handle).await? else {
            // The branch is gone: what runs goes on, and there is nothing to apply.
            self.handle.set_status(|status| status.applies = applies);
            return Ok(None);
        };
        let wanted = applies > seen || (self.spec.reload == ReloadMode::Auto && settled.as_ref() != Some(&target));
        Ok(wanted.then_some((target, applies)))
    }

    /// Returns whether a commit is what answers now.
    fn answers(&self, commit: &CommitId) -> bool {
        let status = self.handle.status();
        let status = status.borrow();
        let open = matches!(*self.handle.route.state().borrow(), RouteState::Open(_));
        open && status.applied.as_ref() == Some(commit) && status.failure.is_none()
    }

    /// Forgets earlier ends of the app where something new is tried: it gets a new chance.
    pub(super) fn forgive(&mut self, target: &CommitId, applies: u64) {
        let tried = Some((target.clone(), applies));
        if self.tried != tried {
            self.deaths.clear();
            self.tried = tried;
        }
    }

    /// Records that a commit has come to an end, good or bad.
    pub(super) fn settle(&mut self, target: CommitId, applies: u64) {
        self.handle.set_status(|status| {
            status.settled = Some(target);
            status.applies = status.applies.max(applies);
        });
    }

    /// Returns whether a stream that is lost now is mended at once.
    pub(super) fn may_lose(&mut self) -> bool {
        let now = Instant::now();
        self.losses.retain(|loss| now.duration_since(*loss) < LOSSES_WITHIN);
        self.losses.len() < LOSSES_MENDED
    }

    pub(super) async fn on_session(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Exited(exit, _) => {
                if self.session.as_ref().is_some_and(|session| session.is_present(&exit)) {
                    self.died(Some(exit)).await;
                }
            }
            SessionEvent::Lost => {
                // The app may end the stream as often as it likes. Beyond what happens by itself, the container is taken
                // over with the next commit, or when `wait` has had its pause.
                if self.may_lose() {
                    self.losses.push(Instant::now());
                    self.lost().await;
                }
            }
        }
    }

    /// Takes over the newest container that has answered, and removes the others: an earlier life of the service may
    /// have ended while one was replaced by the next.
    ///
    /// # Errors
    /// The engine does not say enough of one. It is looked for again.
    pub(super) async fn take_over(&mut self, containers: Vec<Container>) -> Result<(), EngineError> {
        for container in containers {
            // One that was never started has nothing of the app.
            if self.session.is_some() || container.state == ContainerState::Created {
                self.discard(&container.id).await;
            } else if let Err(error) = self.adopt(&container).await {
                self.found = Found::Unknown;
                return Err(error);
            }
        }
        self.found = Found::Containers(Vec::new());
        Ok(())
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
}

/// Returns the commit that a preview is to show: the head, or in manual mode the one that was asked for last.
pub(super) async fn target(vfs: &Vfs, handle: &Handle) -> Result<Option<CommitId>, Error> {
    let spec = handle.spec();
    if spec.reload == ReloadMode::Manual && spec.wanted.is_some() {
        return Ok(spec.wanted);
    }
    vfs.head(&spec.project, &spec.branch).await.map_err(Error::from)
}

/// Returns the first digits of a commit, for people.
pub(super) fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..8).unwrap_or_default()
}

/// Returns what happened next in a container; never, where there is none.
pub(super) async fn session_event(session: &mut Option<Session>) -> SessionEvent {
    match session {
        Some(session) => session.event().await,
        None => std::future::pending().await,
    }
}
