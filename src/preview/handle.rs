//! What others hold of a preview: its driver's public face.

use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        decide::site_state_of,
        ids::{CommitId, PreviewId},
        limits::Limits,
        spec::{EndReason, PreviewSpec},
        status::{Ending, PreviewStatus},
    },
    preview::{
        api::{Goodbye, PreviewView},
        face::{
            chronicle::{Chronicle, Sources},
            log::{Log, LogMemory},
            publisher::Publisher,
            route::Route,
        },
        store::{SpecStore, StoreError},
    },
    vfs::Vfs,
};

/// The public face of one preview. The manager writes the spec, but for its claims, and what the status begins with;
/// `unit/bounds.rs` the memory that is given, and the driver everything else.
pub struct Handle {
    /// The preview.
    pub id: PreviewId,
    /// Its log.
    pub log: Log,
    /// Who watches its commits.
    pub publisher: Publisher,
    /// What its gateway does.
    pub route: Arc<Route>,
    /// Cancelled when its end is asked for.
    pub stop: CancellationToken,
    /// Held while the spec is changed: on disk, then here.
    changing: tokio::sync::Mutex<()>,
    spec: watch::Sender<PreviewSpec>,
    status: watch::Sender<PreviewStatus>,
    apply: watch::Sender<u64>,
    /// What watchers are told of commits, while there are any.
    chronicle: Mutex<Weak<Chronicle>>,
}

/// A change of what was asked for that nobody else changes meanwhile. Nothing has changed until it is saved.
pub struct Changing<'a> {
    handle: &'a Handle,
    /// What is asked for then.
    pub spec: PreviewSpec,
    _one: tokio::sync::MutexGuard<'a, ()>,
}

impl Changing<'_> {
    /// Changes it: on disk first.
    ///
    /// # Errors
    /// When it cannot be written: nothing has changed.
    pub async fn save(self, store: &SpecStore) -> Result<(), StoreError> {
        store.save(&self.spec).await?;
        self.handle.spec.send_replace(self.spec);
        Ok(())
    }
}

impl Handle {
    /// Returns the face of a preview that is about to be driven, or of one that has ended.
    pub fn new(spec: PreviewSpec, route: Arc<Route>, limits: Limits, logs: &LogMemory) -> Arc<Self> {
        let ending = if spec.ended.is_some() { Ending::Over } else { Ending::Not };
        let status = PreviewStatus { ending, ..PreviewStatus::new(limits) };
        Arc::new(Self {
            id: spec.id.clone(),
            log: Log::sharing(logs),
            publisher: Publisher::new(),
            route,
            stop: CancellationToken::new(),
            changing: tokio::sync::Mutex::new(()),
            spec: watch::channel(spec).0,
            status: watch::channel(status).0,
            // The first is the creation itself.
            apply: watch::channel(1).0,
            chronicle: Mutex::default(),
        })
    }

    /// Returns what was asked for.
    pub fn spec(&self) -> PreviewSpec {
        self.spec.borrow().clone()
    }

    /// Changes what was asked for: on disk first, one change after the other.
    ///
    /// # Errors
    /// When it cannot be written: nothing has changed.
    pub async fn change_spec(
        &self,
        store: &SpecStore,
        change: impl FnOnce(&mut PreviewSpec),
    ) -> Result<(), StoreError> {
        let mut changing = self.changing().await;
        change(&mut changing.spec);
        changing.save(store).await
    }

    /// Begins a change of what was asked for, once those before it are over.
    pub async fn changing(&self) -> Changing<'_> {
        let one = self.changing.lock().await;
        Changing { handle: self, spec: self.spec(), _one: one }
    }

    /// Follows what is observed.
    pub fn status(&self) -> watch::Receiver<PreviewStatus> {
        self.status.subscribe()
    }

    /// Changes what is observed, and with it what the gateway does: nobody sees the one without the other.
    pub fn set_status(&self, change: impl FnOnce(&mut PreviewStatus)) {
        self.status.send_modify(|status| {
            change(status);
            self.route.set(site_state_of(status));
        });
    }

    /// Asks for the head to be applied, whatever the reload mode and whatever came of it before. Returns the number of
    /// the request: it has come to an end when `apply_request` of the status has reached it.
    pub fn apply(&self) -> u64 {
        let mut number = 0;
        self.apply.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        number
    }

    /// Follows the requests to apply the head. For the driver alone.
    pub fn apply_request(&self) -> watch::Receiver<u64> {
        self.apply.subscribe()
    }

    /// Returns what all who watch have in common.
    pub fn chronicle(&self, vfs: &Vfs, heartbeat: Duration, shutdown: &CancellationToken) -> Arc<Chronicle> {
        let mut kept = self.chronicle.lock();
        kept.upgrade().filter(|kept| !kept.is_over()).unwrap_or_else(|| {
            let spec = self.spec();
            let begun = Arc::new(Chronicle::begin(Sources {
                vfs: vfs.clone(),
                project: spec.project,
                branch: spec.branch,
                stages: self.publisher.subscribe(),
                status: self.status(),
                heartbeat,
                shutdown: shutdown.clone(),
            }));
            *kept = Arc::downgrade(&begun);
            begun
        })
    }

    /// Returns the key of the dependencies that it runs on.
    pub fn dependency_key(&self) -> Option<String> {
        let status = self.status.borrow();
        status.dependency_key.clone().filter(|_| status.is_live())
    }

    /// Returns why the preview ends, once it does.
    pub fn end_reason(&self) -> EndReason {
        self.spec.borrow().ended.as_ref().map_or(EndReason::Deleted, |ended| ended.reason)
    }

    /// Returns how a stream of the preview ends when that does.
    pub fn goodbye(&self) -> Goodbye {
        Goodbye::Ended(self.end_reason())
    }

    /// Returns the preview as callers see it. A head that cannot be read is absent.
    pub async fn view(&self, vfs: &Vfs) -> PreviewView {
        let spec = self.spec();
        let head = vfs.head(&spec.project, &spec.branch).await.unwrap_or_else(|error| {
            tracing::warn!(preview = %self.id, error = %error, "the head could not be read");
            None
        });
        self.view_with(head)
    }

    /// Returns the preview as callers see it, with its branch's head.
    pub fn view_with(&self, head: Option<CommitId>) -> PreviewView {
        let spec = self.spec();
        let status = self.status.borrow().clone();
        PreviewView { url: spec.address.url.clone(), last_accessed_at: self.last_accessed(&spec), head, spec, status }
    }

    /// Returns when the preview was last used, or ended.
    fn last_accessed(&self, spec: &PreviewSpec) -> SystemTime {
        spec.ended.as_ref().map_or_else(|| self.route.last_used(), |ended| ended.at)
    }
}
