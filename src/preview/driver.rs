//! The one task that drives a preview, and the writer of its state. The manager writes what a new preview begins with, and
//! `unit/bounds.rs` the memory that a container is given, which the driver may be waiting for.
//!
//! ```text
//! commit feed ──┐
//! apply ────────┤                ┌─ what should run? (head, plan, image, files)
//! agent events ─┼──> driver ─────┼─ what runs? (session)
//! engine hints ─┘                └─ bring the one to the other (show/), say how far it came
//! ```
//!
//! It observes, asks [`decide`] what is next, does that, and begins again. What happens meanwhile it only writes down. Its
//! steps take no input about what changed: the head is read and compared, so that a notice that is lost is mended by the
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
        decide::{Desired, Observed, Step, Unit, decide},
        error::Error,
        failure::{Failure, FailureStage},
        ids::CommitId,
        reason::Reason,
        spec::{PreviewSpec, ReloadMode},
    },
    engine::{Container, EngineEvent},
    preview::{
        core::Core,
        face::route::OpenSite,
        handle::Handle,
        image::{
            flights::{Held, Landing},
            images::Looked,
        },
        planner::Planned,
        unit::{
            ahead::Ahead,
            claims::Claims,
            container::{Data, Leaving},
            session::{Death, Session, SessionEvent},
        },
    },
    vfs::{HeadFollower, Vfs},
};

/// The time before what only the engine kept from being done is tried again, at first.
pub(super) const ENGINE_BACKOFF: Duration = Duration::from_millis(250);
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
    pub(super) apply_request: watch::Receiver<u64>,
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
    /// How the commit is run that was planned last.
    pub(super) planned: Option<Planned>,
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
    /// What is to be kept of the container that answered last.
    pub(super) data: Option<Data>,
    pub(super) deaths: Vec<Instant>,
    /// The last of them, until the app is started again or given up.
    pub(super) death: Option<Death>,
    /// Whether something says that the container may not be as it was left.
    pub(super) doubt: bool,
    /// Whether a request has met an app that did not answer, or could not be reached.
    pub(super) unanswered: bool,
    /// When the container was looked at last.
    pub(super) looked_after: Option<Instant>,
    /// Whether the engine did not say what became of the container when it was asked last.
    pub(super) unseen: bool,
    /// Whether the commit is to be brought again that only the engine kept from running.
    pub(super) again: bool,
    /// Whether the store could not be read.
    pub(super) unread: bool,
    /// How much memory it was given because it needed more, in bytes; 0 for none.
    pub(super) given: Arc<AtomicU64>,
    /// What the page of the commit that is being brought has answered.
    pub(super) answered: Option<u16>,
    /// When to look at the app's ports again: some open after the page's.
    pub(super) look_at_ports: Option<Instant>,
    /// The time before what the engine did not do is tried again, and when that is.
    pub(super) backoff: Duration,
    pub(super) retry_at: Option<Instant>,
    /// When the stream to the container was lost, and mended at once.
    pub(super) losses: Vec<Instant>,
    pub(super) engine_events: broadcast::Receiver<EngineEvent>,
    // What was tried last: the commit, and by which request to apply.
    last_try: Option<(CommitId, u64)>,
    pub(super) found: Found,
    // Held for the preview's life; dropping it frees the address.
    pub(super) site: Option<Box<dyn OpenSite>>,
}

impl Driver {
    /// Returns a driver that has done nothing yet. `planned` is what whoever asks for the preview has planned.
    pub fn new(
        core: Arc<Core>,
        handle: Arc<Handle>,
        site: Box<dyn OpenSite>,
        found: Found,
        planned: Option<Planned>,
    ) -> Self {
        Self { site: Some(site), found, planned, ..Self::idle(core, handle) }
    }

    fn idle(core: Arc<Core>, handle: Arc<Handle>) -> Self {
        let spec = handle.spec();
        let follower = core.vfs.follow(&spec.project, &spec.branch);
        let engine_events = core.engine.events();
        let apply_request = handle.apply_request();
        let claims = Claims::new(handle.clone());
        Self {
            core,
            handle,
            spec,
            session: None,
            claims,
            follower,
            apply_request,
            known: Vec::new(),
            patient: false,
            held: None,
            ahead: None,
            planned: None,
            looked: None,
            built: BTreeSet::new(),
            replaced: Vec::new(),
            retiring: JoinSet::new(),
            landings: Vec::new(),
            leaving: None,
            data: None,
            deaths: Vec::new(),
            death: None,
            doubt: false,
            unanswered: false,
            looked_after: None,
            unseen: false,
            again: false,
            unread: false,
            given: Arc::default(),
            answered: None,
            look_at_ports: None,
            backoff: ENGINE_BACKOFF,
            retry_at: None,
            losses: Vec::new(),
            engine_events,
            last_try: None,
            found: Found::Containers(Vec::new()),
            site: None,
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
            self = Self { site: self.site.take(), ..Self::idle(core, handle) };
            self.record_panic();
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
    fn record_panic(&mut self) {
        tracing::error!(preview = %self.handle.id, "the driver panicked");
        self.fail(Failure::new(FailureStage::Run, BROKEN, "the service failed to drive this preview; delete it"));
    }

    async fn live(&mut self) {
        loop {
            let desired = self.desired().await;
            self.plan_retry();
            let step = self.next_step(&desired);
            match step {
                Step::End => return,
                Step::TakeOver => self.find().await,
                Step::LookAfter => self.look_again().await,
                Step::Revive(applied) => self.revive_app(applied).await,
                Step::GiveUp(applied) => self.give_up(applied),
                Step::Bring(target, apply_request) => self.apply(target, apply_request).await,
                Step::Settle(target, apply_request) => self.settle(target, apply_request),
                Step::Retry => self.retry().await,
                Step::LookAtPorts => self.look_for_ports().await,
                Step::Wait(until) => self.wait(until).await,
            }
        }
    }

    /// Decides what is to be done next.
    fn next_step(&self, desired: &Desired) -> Step {
        let status = self.handle.status();
        let status = status.borrow();
        let observed = Observed {
            status: &status,
            unit: self.unit(),
            deaths: &self.deaths,
            again: self.again,
            retry_at: self.retry_at,
            ports_at: self.look_at_ports,
        };
        decide(desired, &observed, now())
    }

    /// Returns what is wanted. Where the store cannot be read, that is what there is, until it can.
    async fn desired(&mut self) -> Desired {
        let apply_request = *self.apply_request.borrow_and_update();
        let (end, reload) = (self.handle.stop.is_cancelled(), self.spec.reload);
        self.unread = false;
        let commit = target(&self.core.vfs, &self.handle).await.unwrap_or_else(|error| {
            tracing::error!(preview = %self.handle.id, error = %error, "the head could not be read");
            self.unread = true;
            None
        });
        let apply_request = if self.unread { self.handle.status().borrow().apply_request } else { apply_request };
        Desired { end, commit, reload, apply_request }
    }

    /// Returns what is known of the container.
    fn unit(&self) -> Unit {
        if !matches!(&self.found, Found::Containers(containers) if containers.is_empty()) {
            return Unit::Unknown;
        }
        match &self.session {
            _ if self.death.is_some() => Unit::Ended,
            None => Unit::None,
            Some(_) if self.doubt => Unit::InDoubt,
            Some(session) if session.disconnected => Unit::Disconnected,
            Some(_) => Unit::Well,
        }
    }

    /// Forgets earlier ends of the app where something new is tried: it gets a new chance.
    pub(super) fn begin_try(&mut self, target: &CommitId, apply_request: u64) {
        let tried = Some((target.clone(), apply_request));
        if self.last_try != tried {
            self.deaths.clear();
            self.last_try = tried;
        }
    }

    /// Records that a commit has come to an end, good or bad.
    pub(super) fn settle(&mut self, target: Option<CommitId>, apply_request: u64) {
        self.again = false;
        self.handle.set_status(|status| {
            status.settled = target.or(status.settled.take());
            status.apply_request = status.apply_request.max(apply_request);
        });
    }
}

/// Returns the time by the runtime's clock.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
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
