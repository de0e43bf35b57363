//! The one door to the core: finds previews, makes them, and hands requests to their drivers.

mod create;
mod outcome;
mod removal;

use std::{sync::Arc, time::SystemTime};

use futures_util::stream::BoxStream;
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    domain::{
        address::Address,
        decide::phase_of,
        error::Error,
        ids::{BranchName, CommitId, PreviewId, ProjectId},
        spec::{EndReason, Ended, Phase, PreviewSpec, ReloadMode, Stack},
    },
    preview::{
        api::{ListFilter, ListPage, LogItem, LogQuery, PreviewView, Target, Update, WatchItem},
        core::Core,
        driver::{Driver, Found},
        face::{
            log_stream, reload_stream,
            route::{Gateway, GatewayError, OpenSite, Route},
        },
        handle::Handle,
        manager::outcome::{Asked, stopped},
        planner::Planned,
        registry::Registry,
        store::StoreError,
    },
    vfs::{Change, Scope, Vfs},
};

/// The core, shared by every transport.
#[derive(Clone)]
pub struct Manager {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) core: Arc<Core>,
    pub(super) registry: Registry,
    // Tells the reaper that something may be due earlier than it thought.
    pub(super) due: Notify,
    gateway: Arc<dyn Gateway>,
    pub(super) available: watch::Receiver<bool>,
    drivers: TaskTracker,
    shutdown: CancellationToken,
}

/// Where a preview answers.
struct Place {
    route: Arc<Route>,
    site: Box<dyn OpenSite>,
}

impl Manager {
    /// Returns a core without previews. `shutdown` ends streams and drivers, and leaves containers running.
    pub fn new(
        core: Arc<Core>,
        gateway: Arc<dyn Gateway>,
        available: watch::Receiver<bool>,
        shutdown: CancellationToken,
    ) -> Self {
        let inner = Inner {
            core,
            registry: Registry::default(),
            due: Notify::new(),
            gateway,
            available,
            drivers: TaskTracker::new(),
            shutdown,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the store of all projects.
    pub fn vfs(&self) -> &Vfs {
        &self.inner.core.vfs
    }

    /// Returns whether the engine can be reached, now and from now on.
    pub fn engine_available(&self) -> watch::Receiver<bool> {
        self.inner.available.clone()
    }

    /// Returns the id of a preview, if there is such.
    pub fn id_of(&self, target: &Target) -> Option<PreviewId> {
        Some(self.inner.registry.find(target)?.id.clone())
    }

    /// Returns the project and the branch that a preview is of.
    ///
    /// # Errors
    /// When there is no such preview.
    pub fn branch_of(&self, target: &Target) -> Result<(ProjectId, BranchName), Error> {
        let spec = self.find(target)?.spec();
        Ok((spec.project, spec.branch))
    }

    /// Returns one preview, and counts as a use of it.
    pub async fn get(&self, target: Target) -> Result<PreviewView, Error> {
        let handle = self.find(&target)?;
        handle.route.touch();
        Ok(self.view(&handle).await)
    }

    /// Returns a preview once what was asked for has come to an end.
    ///
    /// # Cancel safety
    /// Nobody has to wait for it: what was asked for goes on.
    pub async fn outcome(&self, asked: Asked) -> PreviewView {
        asked.has_ended(self.vfs(), self.engine_available()).await;
        self.view(&asked.handle).await
    }

    /// Commits the changes, if any, and applies the head; returns the commit.
    ///
    /// # Cancel safety
    /// Not safe: the transport runs it in a task of its own.
    pub async fn update(&self, target: Target, update: Update) -> Result<(Asked, CommitId), Error> {
        let handle = self.live(&target)?;
        let spec = handle.spec();
        let vfs = self.vfs();
        let writes = !update.writes.is_empty() || !update.deletes.is_empty();
        let mut wrote = false;
        let commit = if writes {
            let change = Change {
                scope: Scope::Overlay,
                writes: update.writes,
                deletes: update.deletes,
                message: update.message,
                expected_head: update.expected_head,
            };
            let committed = vfs.commit(&spec.project, &spec.branch, change).await?;
            wrote = committed.changed;
            committed.commit
        } else {
            let head = vfs.head(&spec.project, &spec.branch).await?;
            if let Some(expected) = update.expected_head.filter(|expected| Some(expected) != head.as_ref()) {
                return Err(Error::StaleHead { expected, head });
            }
            head.ok_or(Error::EmptyProject(spec.project, spec.branch))?
        };
        handle.route.touch();
        self.want(&handle, &commit, wrote).await?;
        // A new commit takes the path of every commit; only where that would not apply it is it asked for.
        let number = if wrote && spec.reload == ReloadMode::Auto { 0 } else { handle.apply() };
        Ok((Asked::settled(handle, update.wait, number, commit.clone()), commit))
    }

    /// Ends a preview. Its outcome comes once nothing of it is left; while the engine is away, at once.
    ///
    /// # Cancel safety
    /// Not safe: the transport runs it in a task of its own.
    pub async fn delete(&self, target: Target) -> Result<Asked, Error> {
        let handle = self.find(&target)?;
        self.end(&handle, EndReason::Deleted).await?;
        Ok(Asked::stopped(handle))
    }

    /// Returns one page of previews, ordered by creation.
    pub async fn list(&self, filter: ListFilter) -> Result<ListPage, Error> {
        let mut handles: Vec<_> = self
            .inner
            .registry
            .all()
            .into_iter()
            .map(|handle| (handle.spec(), handle))
            .filter(|(spec, handle)| {
                let phase = phase_of(&handle.status().borrow());
                let in_phase =
                    if filter.phases.is_empty() { phase != Phase::Stopped } else { filter.phases.contains(&phase) };
                let after = filter.after.as_ref().is_none_or(|after| (spec.created_at, &spec.id) > (after.0, &after.1));
                in_phase && after && filter.project.as_ref().is_none_or(|project| spec.project == *project)
            })
            .collect();
        handles.sort_by(|(a, _), (b, _)| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let more = handles.len() > filter.page_size;
        handles.truncate(filter.page_size);
        let next = handles.last().filter(|_| more).map(|(spec, _)| (spec.created_at, spec.id.clone()));
        let mut previews = Vec::with_capacity(handles.len());
        for (_, handle) in handles {
            previews.push(self.view(&handle).await);
        }
        Ok(ListPage { previews, next })
    }

    /// Returns the log of a preview.
    pub async fn logs(&self, target: Target, query: LogQuery) -> Result<BoxStream<'static, LogItem>, Error> {
        let handle = self.find(&target)?;
        handle.route.touch();
        Ok(log_stream::stream_logs(handle, query, self.inner.shutdown.clone()))
    }

    /// Returns what happens to a preview's commits, after the one that is given.
    pub async fn watch(&self, target: Target, after: Option<CommitId>) -> Result<BoxStream<'static, WatchItem>, Error> {
        let handle = self.find(&target)?;
        let heartbeat = self.inner.core.settings.heartbeat_interval;
        let (vfs, shutdown) = (self.vfs().clone(), self.inner.shutdown.clone());
        // Made once it is read: until then nobody watches.
        let chronicle = move |handle: &Handle| handle.chronicle(&vfs, heartbeat, &shutdown);
        Ok(reload_stream::watch_reloads(handle, chronicle, after))
    }

    /// Ends every preview and waits until nothing is left of them.
    pub async fn end_all(&self) {
        self.inner.core.images.abandon();
        for handle in self.inner.registry.all() {
            if let Err(error) = self.end(&handle, EndReason::Deleted).await {
                tracing::error!(preview = %handle.id, error = %error, "a preview could not be ended");
            }
        }
        for handle in self.inner.registry.all() {
            stopped(&handle).await;
        }
    }

    /// Waits until every driver has returned, after the shutdown was asked for.
    pub async fn drained(&self) {
        self.inner.drivers.close();
        self.inner.drivers.wait().await;
        self.inner.core.images.abandon();
    }

    /// Asks for a preview's end. A repeat changes nothing.
    pub(super) async fn end(&self, handle: &Arc<Handle>, reason: EndReason) -> Result<(), Error> {
        if handle.spec().ended.is_none() {
            let ended = Ended { at: SystemTime::now(), reason };
            // After a crash the next start goes on removing it.
            self.change_spec(handle, |spec| _ = spec.ended.get_or_insert(ended)).await?;
        }
        handle.stop.cancel();
        Ok(())
    }

    /// Starts driving a preview.
    pub(super) async fn drive(
        &self,
        spec: PreviewSpec,
        before: Option<&Address>,
        found: Found,
    ) -> Result<Arc<Handle>, Error> {
        let place = self.open(spec.id.clone(), before).await?;
        self.drive_at(spec, place, found, None).await
    }

    /// Opens a site for a preview: where it was before, or anywhere.
    async fn open(&self, preview: PreviewId, before: Option<&Address>) -> Result<Place, Error> {
        let route = Route::new(preview);
        let site = self.inner.gateway.open(route.clone(), before).await.map_err(gateway_failed)?;
        Ok(Place { route, site })
    }

    async fn drive_at(
        &self,
        mut spec: PreviewSpec,
        Place { route, site }: Place,
        found: Found,
        planned: Option<Planned>,
    ) -> Result<Arc<Handle>, Error> {
        let core = &self.inner.core;
        // What is taken over as it was is on disk already, which may be full.
        if spec.address != *site.address() {
            spec.address.clone_from(site.address());
            core.store.save(&spec).await.map_err(store_failed)?;
        }
        let limits = spec.overrides.limits.over(core.settings.limits(Stack::Node));
        let handle = Handle::new(spec, route, limits, &core.logs);
        self.inner.registry.insert(handle.clone());
        self.inner.due.notify_one();
        let driver = Driver::new(core.clone(), handle.clone(), site, found, planned);
        self.inner.drivers.spawn(driver.run(self.inner.shutdown.clone()));
        Ok(handle)
    }

    /// Remembers which commit a preview in manual mode is to show. One that was just written is left out if a call that
    /// came in between has written another on top of it, and wants that.
    pub(super) async fn want(&self, handle: &Handle, commit: &CommitId, wrote: bool) -> Result<(), Error> {
        if handle.spec().reload != ReloadMode::Manual {
            return Ok(());
        }
        let mut changing = handle.changing().await;
        if let Some(wanted) = &changing.spec.wanted
            && (wanted == commit || wrote && self.vfs().is_ancestor(&changing.spec.project, commit, wanted).await?)
        {
            return Ok(());
        }
        changing.spec.wanted = Some(commit.clone());
        changing.save(&self.inner.core.store).await.map_err(store_failed)
    }

    /// Changes what was asked for: on disk first.
    pub(super) async fn change_spec(
        &self,
        handle: &Handle,
        change: impl FnOnce(&mut PreviewSpec),
    ) -> Result<(), Error> {
        handle.change_spec(&self.inner.core.store, change).await.map_err(store_failed)
    }

    fn find(&self, target: &Target) -> Result<Arc<Handle>, Error> {
        self.inner.registry.find(target).ok_or_else(|| {
            Error::PreviewNotFound(match target {
                Target::Preview(id) => id.to_string(),
                Target::Branch(project, branch) => format!("of project {project} at branch {branch}"),
            })
        })
    }

    fn live(&self, target: &Target) -> Result<Arc<Handle>, Error> {
        let handle = self.find(target)?;
        if is_live(&handle) {
            return Ok(handle);
        }
        let phase = phase_of(&handle.status().borrow());
        Err(Error::WrongPhase(handle.id.clone(), if phase.is_live() { "stopping" } else { phase.as_str() }))
    }

    async fn view(&self, handle: &Handle) -> PreviewView {
        handle.view(self.vfs()).await
    }
}

/// Returns whether a preview lives, and nobody has asked for its end.
pub(super) fn is_live(handle: &Handle) -> bool {
    handle.status().borrow().is_live() && !handle.stop.is_cancelled()
}

pub(super) fn store_failed(error: StoreError) -> Error {
    Error::internal("write the preview's spec", error)
}

fn gateway_failed(error: GatewayError) -> Error {
    match error {
        GatewayError::NoPortFree { first, last } => {
            Error::Exhausted { what: "no port is free", limit: format!("all ports from {first} to {last}") }
        }
        error => Error::internal("listen for the preview", error),
    }
}
