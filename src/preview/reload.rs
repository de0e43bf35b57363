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
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;

use crate::{
    domain::{
        error::Error,
        events::{Stage, StageEvent},
        failure::{Failure, FailureStage},
        ids::{CommitId, FilePath},
        lifecycle::{self, Input},
        limits::Limits,
        reload::Strategy,
        runtime::{ImagePlan, RunPlan},
        spec::{PreviewSpec, ReloadMode},
        tree::{ChangedPath, Tree, within},
    },
    preview::{
        context,
        driver::{Core, Driver, short},
        files::FileSet,
        images::ReadyImage,
        recipe::{Recipe, Source},
        route::RouteState,
    },
    stack,
};

/// What came of a commit.
#[derive(Debug)]
pub enum Outcome {
    /// It answers.
    Ready,
    /// It does not.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether something older, or broken but alive, goes on answering.
        serving: bool,
    },
    /// A newer commit is there.
    Superseded,
}

/// Why a step did not get to its end.
pub(super) enum Interrupted {
    Failed(Failure),
    Superseded,
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
    pub(super) limits: Limits,
}

/// The clock and the name of one reload, for its events.
pub(super) struct Progress {
    pub(super) commit: CommitId,
    pub(super) began: Instant,
    pub(super) strategy: Strategy,
    pub(super) changed: Arc<[ChangedPath]>,
    pub(super) synced: Option<Instant>,
}

impl Driver {
    /// Brings a commit into the preview, and says how far it came.
    pub(super) async fn reload(&mut self, commit: &CommitId) -> Outcome {
        self.forgive();
        let mut progress = Progress {
            commit: commit.clone(),
            began: Instant::now(),
            strategy: Strategy::FullPage,
            changed: Arc::new([]),
            synced: None,
        };
        let outcome = self.bring(commit, &mut progress).await;
        match outcome {
            Ok(()) => {
                self.publish(&progress, Stage::Ready, None);
                let total = progress.began.elapsed();
                let text = format!("commit {}: ready after {} ms", short(commit), total.as_millis());
                self.handle.log.lifecycle(text);
                tracing::info!(
                    preview = %self.handle.id, commit = short(commit), strategy = ?progress.strategy,
                    ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX), "commit ready"
                );
                Outcome::Ready
            }
            Err(Interrupted::Superseded) => Outcome::Superseded,
            Err(Interrupted::Failed(mut failure)) => {
                failure.commit = Some(commit.clone());
                tracing::info!(
                    preview = %self.handle.id, commit = short(commit), reason = failure.reason, "commit failed"
                );
                self.publish(&progress, Stage::Failed, Some(failure.clone()));
                let serving = matches!(*self.handle.route.state().borrow(), RouteState::Open(_) | RouteState::Paused);
                Outcome::Failed { failure, serving }
            }
        }
    }

    /// Starts the app again with the commit that answered last.
    pub(super) async fn revive(&mut self, applied: &CommitId) -> Outcome {
        let outcome = if self.session.is_some() { self.restart_process().await } else { self.remake(applied).await };
        match outcome {
            Ok(()) => Outcome::Ready,
            Err(Interrupted::Superseded) => Outcome::Superseded,
            Err(Interrupted::Failed(mut failure)) => {
                failure.commit = Some(applied.clone());
                Outcome::Failed { failure, serving: false }
            }
        }
    }

    pub(super) async fn bring(&mut self, commit: &CommitId, progress: &mut Progress) -> Result<(), Interrupted> {
        let prepared = self.prepare(commit).await?;
        let same_image = self.session.as_ref().is_some_and(|session| session.key == prepared.image.key);
        if same_image { self.change(prepared, progress).await } else { self.replace(prepared, progress).await }
    }

    /// Finds out what is to run, and makes its image.
    pub(super) async fn prepare(&mut self, commit: &CommitId) -> Result<Prepared, Interrupted> {
        let (tree, plan) = self.plan(commit).await?;
        let before = self.session.as_ref().map_or(&[][..], |session| &session.plan.notes);
        for note in plan.notes.iter().filter(|note| !before.contains(note)) {
            self.handle.log.lifecycle(note);
        }
        let limits = self.spec.overrides.limits.over(self.core.settings.limits(plan.stack));
        self.handle.set_status(|status| {
            status.stack = Some(plan.stack);
            status.limits = limits;
        });
        let files = FileSet::new(&tree, &plan);
        let recipe = self.recipe(&plan, &tree, limits).await?;
        let image = self.image(commit, recipe).await?;
        Ok(Prepared { commit: commit.clone(), plan, files, image, limits })
    }

    async fn plan(&self, commit: &CommitId) -> Result<(Tree, RunPlan), Failure> {
        plan(&self.core, &self.spec, commit).await.map_err(|error| {
            let reason = error.reason();
            let mut failure = Failure::new(FailureStage::Detect, reason, error.to_string());
            if let Error::BadManifest { file, .. } = &error {
                failure.file = Some(file.clone());
            }
            failure
        })
    }

    async fn recipe(&self, plan: &RunPlan, tree: &Tree, limits: Limits) -> Result<Recipe, Failure> {
        let source = match &plan.image {
            ImagePlan::Dependencies(install) => Source::Dependencies(install.clone()),
            ImagePlan::Build { dockerfile } => {
                let dockerfile = within(dockerfile, &plan.root).unwrap_or(dockerfile);
                Source::Build {
                    context: context::archive(&self.core.vfs, &self.spec.project, tree, &plan.root).await?,
                    tree: context::name(tree, &plan.root, dockerfile),
                    dockerfile: dockerfile.to_owned(),
                }
            }
        };
        Ok(Recipe { run: plan.clone(), limits, source })
    }

    async fn image(&mut self, commit: &CommitId, recipe: Recipe) -> Result<ReadyImage, Interrupted> {
        let images = self.core.images.clone();
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
        let ensure = images.ensure(recipe, &handle.log, making);
        tokio::select! {
            image = ensure => Ok(image?),
            () = self.newer_than(commit) => Err(Interrupted::Superseded),
        }
    }

    pub(super) fn synced(&self, progress: &mut Progress) {
        if progress.synced.is_none() {
            progress.synced = Some(Instant::now());
            self.publish(progress, Stage::Synced, None);
        }
    }

    pub(super) fn publish(&self, progress: &Progress, stage: Stage, failure: Option<Failure>) {
        self.handle.publisher.publish(StageEvent {
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

    /// Returns when there is a newer commit to apply.
    pub(super) async fn newer_than(&mut self, commit: &CommitId) {
        loop {
            if self.spec.reload == ReloadMode::Manual {
                if self.applies.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            } else {
                self.follower.changed().await;
            }
            let head = self.core.vfs.head(&self.spec.project, &self.spec.branch).await;
            if head.is_ok_and(|head| head.is_some_and(|head| head != *commit)) {
                return;
            }
        }
    }

    pub(super) async fn newer_after(&mut self, commit: &CommitId, patience: Duration) {
        tokio::time::sleep(patience).await;
        let head = self.core.vfs.head(&self.spec.project, &self.spec.branch).await;
        let auto = self.spec.reload == ReloadMode::Auto;
        if auto && head.is_ok_and(|head| head.is_some_and(|head| head != *commit)) {
            return;
        }
        self.newer_than(commit).await;
    }
}

/// Reads a commit's tree, and finds how it is run.
pub(super) async fn plan(core: &Core, spec: &PreviewSpec, commit: &CommitId) -> Result<(Tree, RunPlan), Error> {
    let tree = core.vfs.tree(&spec.project, commit).await?;
    if tree.is_empty() {
        return Err(Error::EmptyProject(spec.project.clone(), spec.branch.clone()));
    }
    let wanted: Vec<FilePath> = stack::wanted(&tree);
    let blobs = wanted.iter().filter_map(|path| tree.get(path)).map(|entry| entry.blob.clone()).collect();
    let contents = core.vfs.read(&spec.project, blobs).await?;
    let contents: BTreeMap<FilePath, Bytes> =
        wanted.into_iter().filter(|path| tree.contains_key(path)).zip(contents).collect();
    let plan = stack::plan(&tree, &contents, &spec.overrides, &core.stack)?;
    Ok((tree, plan))
}
