//! The way of one commit into one running preview.
//!
//! ```text
//! read the tree ─> plan ─> image (key) ─┬─ the same image: hold?, sync, notify or start, open
//!                                       └─ another: new container beside the old, sync, start, open, old one goes
//! ```
//!
//! Newest wins: while an image is made, a newer commit is taken up at once (and joins the making if its key is the
//! same); while an app is starting, after a few seconds. The commit that is overtaken has no further stage.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    domain::{
        error::Error,
        events::{Stage, StageEvent},
        failure::{Failure, FailureStage},
        ids::{CommitId, FilePath},
        lifecycle::{self, Input},
        limits::{Allowance, Limits},
        reload::Strategy,
        runtime::{ImagePlan, RunPlan},
        spec::PreviewSpec,
        tree::{ChangedPath, Tree},
    },
    engine::{ContainerSpec, LABEL_NOTES},
    preview::{
        ahead::Ahead,
        context::Context,
        driver::{Core, Driver, session_event, short, target},
        files::FileSet,
        handle::Handle,
        images::{Looked, ReadyImage, engine_failure},
        recipe::{Recipe, Source},
        route::RouteState,
        session::{Session, SessionEvent},
        start::StartError,
    },
    stack,
    vfs::{HeadFollower, Vfs},
};

/// How long a commit after one that was overtaken is left alone.
pub(super) const PATIENT: Duration = Duration::from_secs(30);

/// Why a step did not get to its end.
pub(super) enum Interrupted {
    Failed(Failure),
    /// A newer commit is there.
    Superseded,
    /// What goes on serving meanwhile has ended.
    Disturbed(SessionEvent),
}

impl From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What is to run.
pub(super) struct Prepared {
    pub(super) commit: CommitId,
    pub(super) plan: RunPlan,
    pub(super) files: FileSet,
    pub(super) image: ReadyImage,
    pub(super) bounds: (Limits, Allowance),
}

/// The clock and the name of one reload, for its events.
pub(super) struct Progress {
    pub(super) commit: CommitId,
    pub(super) began: Instant,
    pub(super) strategy: Option<Strategy>,
    pub(super) changed: Arc<[ChangedPath]>,
    pub(super) synced: Option<Instant>,
}

impl Progress {
    fn new(commit: &CommitId) -> Self {
        let (began, changed) = (Instant::now(), Arc::new([]));
        Self { commit: commit.clone(), began, strategy: None, changed, synced: None }
    }

    /// Returns one of a commit that watchers have heard of: they do not hear of it again.
    pub(super) fn quiet(commit: &CommitId) -> Self {
        let progress = Self::new(commit);
        Self { synced: Some(progress.began), ..progress }
    }
}

impl Driver {
    /// Brings a commit into the preview, and says how far it came.
    pub(super) async fn apply(&mut self, target: CommitId, applies: u64) {
        self.forgive(&target, applies);
        self.known = vec![target.clone()];
        self.answered = None;
        let mut progress = Progress::new(&target);
        match self.bring(&target, &mut progress).await {
            Ok(()) => {
                self.ready(&progress).await;
                self.settle(target, applies);
                self.retire().await;
            }
            Err(Interrupted::Failed(mut failure)) => {
                failure.commit = Some(target.clone());
                if failure.reason == "CONTAINER_LOST"
                    && let Err(error) = self.core.engine.info().await
                {
                    // Nobody knows whether it is: it cannot be seen.
                    failure = Failure { commit: failure.commit, ..engine_failure(failure.stage, &error) };
                }
                self.failed(&progress, failure).await;
                self.settle(target, applies);
                self.retire().await;
            }
            // Something of it may be in the container: whatever is the newest commit now has to be brought. That one is
            // given time, so that there is progress to see however fast commits come.
            Err(Interrupted::Superseded) => {
                self.patient = true;
                self.handle.set_status(|status| status.settled = None);
                return;
            }
            // Looked after first; then the same commit is tried again, with as much patience.
            Err(Interrupted::Disturbed(event)) => {
                self.on_session(event).await;
                return;
            }
        }
        self.patient = false;
        self.release_built().await;
    }

    async fn bring(&mut self, commit: &CommitId, progress: &mut Progress) -> Result<(), Interrupted> {
        let prepared = self.prepare(commit).await?;
        // Only now: the engine may have come back meanwhile.
        self.hear_again().await?;
        self.known = vec![commit.clone()];
        self.bring_prepared(prepared, progress).await
    }

    /// Brings what was prepared into the container that is there, or where it needs another image, into another.
    pub(super) async fn bring_prepared(
        &mut self,
        prepared: Prepared,
        progress: &mut Progress,
    ) -> Result<(), Interrupted> {
        let same_image = self.session.as_ref().is_some_and(|session| session.key == prepared.image.key);
        if same_image { self.change(prepared, progress).await } else { self.replace(prepared, progress).await }
    }

    /// Records and says that a commit is what answers now.
    async fn ready(&mut self, progress: &Progress) {
        self.handle.set_status(|status| status.failure = None);
        // A process that was started for it has said so already.
        if let Some(session) = &self.session
            && self.handle.status().borrow().answering().as_ref() != Some(&session.revision)
        {
            self.shows(session).await;
        }
        self.publish(progress, Stage::Ready, None);
        let (commit, total) = (short(&progress.commit), progress.began.elapsed());
        self.handle.log.lifecycle(format!("commit {commit}: ready after {} ms", total.as_millis()));
        tracing::info!(
            preview = %self.handle.id, commit, strategy = progress.strategy.map(tracing::field::debug),
            ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX), "commit ready"
        );
    }

    /// Records and says that a commit failed.
    async fn failed(&mut self, progress: &Progress, failure: Failure) {
        let commit = short(&progress.commit);
        tracing::info!(preview = %self.handle.id, commit, reason = failure.reason, message = failure.message, "commit failed");
        self.handle.log.lifecycle(format!("commit {commit}: failed: {}", failure.message));
        let open = matches!(*self.handle.route.state().borrow(), RouteState::Open(_) | RouteState::Paused);
        let serving = open || self.resume(&progress.commit, failure.stage).await;
        self.handle.set_status(|status| status.failure = Some(failure.clone()));
        if !serving {
            self.handle.route.set(RouteState::Failed(Arc::new(failure.clone())));
            self.input(Input::Fail);
        }
        self.publish(progress, Stage::Failed, Some(failure));
    }

    /// Lets requests through to a commit that was overtaken while it started, if the newer one did not even get into the
    /// container. Returns whether it answers.
    async fn resume(&mut self, failed: &CommitId, stage: FailureStage) -> bool {
        use FailureStage::{Build, Detect, Image, Install};
        let overtaken = |session: &mut Session| session.running && session.revision != *failed;
        if !matches!(stage, Detect | Image | Install | Build) {
            return false;
        }
        let Some(mut session) = self.session.take_if(overtaken) else { return false };
        let progress = Progress { strategy: Some(Strategy::Restart), ..Progress::quiet(&session.revision) };
        let port = self.command(&session.plan, &self.image_of(&session).await).port;
        // The commit that mends it is not kept waiting.
        self.patient = false;
        let answered = self.answer(&mut session, port, self.handle.log.last()).await;
        self.session = Some(session);
        let answers = matches!(answered, Ok(()) | Err(StartError::Page(_)));
        if answered.is_ok() {
            self.publish(&progress, Stage::Ready, None);
        }
        answers
    }

    /// Finds out what is to run, and makes its image.
    pub(super) async fn prepare(&mut self, commit: &CommitId) -> Result<Prepared, Interrupted> {
        let (tree, plan) = self.plan(commit).await?;
        let before = self.session.as_ref().map_or(&[][..], |session| &session.plan.notes);
        for note in plan.notes.iter().filter(|note| !before.contains(note)) {
            self.handle.log.lifecycle(note);
        }
        let bounds = self.bounds(&plan);
        self.handle.set_status(|status| {
            status.stack = Some(plan.stack);
            status.limits = bounds.0;
            status.notes = plan.warnings();
        });
        let files = FileSet::new(&tree, &plan);
        let is_first = self.session.is_none() && self.leaving.is_none();
        let ahead = if is_first { Some(self.container_spec(&plan, bounds.0).await?) } else { None };
        let image = match self.same_image(&plan) {
            Some(image) => {
                // What was being made for a commit in between is of no use.
                (self.held, self.ahead) = (None, None);
                image
            }
            None => self.image(self.recipe(&plan, &files), ahead).await?,
        };
        if let ImagePlan::Dependencies(install) = &plan.image {
            let (install, key, image) = (install.clone(), image.key.clone(), image.image.clone());
            self.looked = Some(Looked { install, key, image });
        }
        Ok(Prepared { commit: commit.clone(), plan, files, image, bounds })
    }

    /// Returns the image of the container that is there, if the same is to be installed: nearly every commit needs no other,
    /// and an engine that makes images is slow to say of any whether it is there.
    fn same_image(&self, plan: &RunPlan) -> Option<ReadyImage> {
        let Looked { install, key, image } = self.looked.as_ref()?;
        let same = self.session.as_ref().is_some_and(|session| session.key == *key)
            && matches!(&plan.image, ImagePlan::Dependencies(wanted) if wanted == install);
        same.then(|| ReadyImage::of_container(key, image.clone()))
    }

    /// Returns what a container may use, and how much more memory it may be given. What the preview was given before it
    /// begins with.
    pub(super) fn bounds(&self, plan: &RunPlan) -> (Limits, Allowance) {
        let (mut limits, allowance) = self.core.settings.bounds(plan, &self.spec.overrides.limits);
        limits.memory_bytes = limits.memory_bytes.max(self.given.load(Ordering::Acquire));
        (limits, allowance)
    }

    async fn plan(&self, commit: &CommitId) -> Result<(Tree, RunPlan), Failure> {
        plan(&self.core, &self.spec, commit).await.map_err(|error| {
            let reason = error.reason();
            let mut failure = Failure::new(FailureStage::Detect, reason, error.to_string());
            if let Error::BadManifest { file, line, .. } = &error {
                failure.file = Some(file.clone());
                failure.line = *line;
            }
            failure
        })
    }

    pub(super) fn recipe(&self, plan: &RunPlan, files: &FileSet) -> Recipe {
        let source = match &plan.image {
            ImagePlan::Dependencies(install) => Source::Dependencies(install.clone()),
            ImagePlan::Build { dockerfile, .. } => {
                let authorities = &self.core.settings.authorities;
                Source::Build(Context::new(
                    &self.core.vfs,
                    &self.spec.project,
                    files,
                    &plan.root,
                    dockerfile,
                    authorities,
                ))
            }
        };
        Recipe { run: plan.clone(), source }
    }

    /// Returns the image of a recipe. `ahead` is what the preview's container is to be, which is made as soon as it is
    /// known what goes into it.
    pub(super) async fn image(
        &mut self,
        recipe: Recipe,
        ahead: Option<ContainerSpec>,
    ) -> Result<ReadyImage, Interrupted> {
        let handle = self.handle.clone();
        let announcement = recipe.announcement();
        let making = || {
            let Some(what) = announcement else { return };
            handle.log.lifecycle(what);
            handle.set_status(|status| {
                if let lifecycle::Decision::Go(next) = lifecycle::step(status.phase, Input::Install) {
                    status.phase = next;
                }
            });
        };
        let (engine, container) = (self.core.engine.clone(), &mut self.ahead);
        let coming = |coming| *container = ahead.clone().map(|spec| Ahead::new(&engine, spec, coming));
        let image = tokio::select! {
            image = self.core.images.ensure(recipe, &handle.log, &mut self.held, making, coming) => image,
            event = session_event(&mut self.session) => return Err(Interrupted::Disturbed(event)),
            () = async {
                tokio::time::sleep(if self.patient { PATIENT } else { Duration::ZERO }).await;
                newer(&self.core.vfs, &self.handle, &mut self.follower, &mut self.applies, &self.known).await;
            } => return Err(Interrupted::Superseded),
        };
        if !image.as_ref().is_ok_and(|image| image.fresh.is_some()) {
            self.ahead = None;
        }
        let image = image?;
        // For others, and for the next container of this preview.
        if let Some(held) = self.held.take_if(|_| image.fresh.is_some()) {
            self.retiring.spawn(held.landed());
        }
        if image.lease.is_some() {
            self.built.insert(image.key.clone());
        }
        // Said when the image comes, not with each commit that keeps it.
        if self.session.as_ref().is_none_or(|session| session.key != image.key) {
            let notes = image.image.labels.get(LABEL_NOTES);
            notes.into_iter().flat_map(|notes| notes.lines()).for_each(|note| handle.log.lifecycle(note));
        }
        Ok(image)
    }

    /// Removes the images that were built for commits that are gone.
    async fn release_built(&mut self) {
        let shown = self.session.as_ref().map(|session| session.key.clone());
        let mut gone = Vec::new();
        for key in self.built.iter().filter(|key| Some(*key) != shown.as_ref()) {
            if self.core.images.release(key).await {
                gone.push(key.clone());
            }
        }
        self.built.retain(|key| !gone.contains(key));
    }

    pub(super) fn synced(&self, progress: &mut Progress) {
        if progress.synced.is_none() {
            progress.synced = Some(Instant::now());
            self.publish(progress, Stage::Synced, None);
        }
    }

    pub(super) fn publish(&self, progress: &Progress, stage: Stage, failure: Option<Failure>) {
        let told =
            self.answered.or_else(|| self.handle.status().borrow().http_status.filter(|_| stage == Stage::Ready));
        self.handle.publisher.publish(StageEvent {
            http_status: told.filter(|_| stage != Stage::Synced),
            commit: progress.commit.clone(),
            stage,
            strategy: progress.strategy,
            changed: progress.changed.clone(),
            failure,
            sync: progress.synced.map(|synced| synced.duration_since(progress.began)),
            ready: progress.synced.filter(|_| stage != Stage::Synced).map(|synced| synced.elapsed()),
            total: progress.began.elapsed(),
            timestamp: SystemTime::now(),
        });
    }
}

/// Returns when another commit is to be shown than those that are known.
pub(super) async fn newer(
    vfs: &Vfs,
    handle: &Handle,
    follower: &mut HeadFollower,
    applies: &mut watch::Receiver<u64>,
    known: &[CommitId],
) {
    loop {
        if let Ok(Some(target)) = target(vfs, handle).await
            && !known.contains(&target)
        {
            return;
        }
        tokio::select! {
            () = follower.changed() => {}
            changed = applies.changed() => if changed.is_err() { std::future::pending::<()>().await },
        }
    }
}

/// Reads a commit's tree, and finds how it is run.
pub(super) async fn plan(core: &Core, spec: &PreviewSpec, commit: &CommitId) -> Result<(Tree, RunPlan), Error> {
    let tree = core.vfs.tree(&spec.project, commit).await?;
    if tree.is_empty() {
        return Err(Error::EmptyProject(spec.project.clone(), spec.branch.clone()));
    }
    let settings = match stack::settings_file(&tree) {
        Some(entry) => core.vfs.read(&spec.project, vec![entry.blob.clone()]).await?.pop(),
        None => None,
    };
    let wanted: Vec<FilePath> = stack::wanted(&tree, settings.as_deref());
    let blobs = wanted.iter().filter_map(|path| tree.get(path)).map(|entry| entry.blob.clone()).collect();
    let contents = core.vfs.read(&spec.project, blobs).await?;
    let contents: BTreeMap<FilePath, Bytes> =
        wanted.into_iter().filter(|path| tree.contains_key(path)).zip(contents).collect();
    // Manifests are somebody else's text, and may take their time.
    let (overrides, config) = (spec.overrides.clone(), core.stack.clone());
    let planning = tokio::task::spawn_blocking(move || {
        let plan = stack::plan(&tree, &contents, &overrides, &config);
        (tree, plan)
    });
    let (tree, plan) = planning.await.map_err(|error| Error::internal("plan the project", error))?;
    Ok((tree, plan?))
}
