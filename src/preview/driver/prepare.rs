//! What a commit needs before anything of what runs is changed: its tree, its plan and its image.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    domain::{
        error::Error,
        failure::{Failure, FailureStage},
        ids::CommitId,
        limits::{Allowance, Limits},
        reason::Reason,
        runtime::{ImagePlan, RunPlan},
        status::Making,
        tree::Tree,
    },
    engine::{ContainerSpec, Image, LABEL_NOTES, LABEL_ROLE},
    preview::{
        driver::{Driver, interrupted::Interrupted, session_event, target},
        handle::Handle,
        image::{
            context::Context,
            images::{Looked, ReadyImage},
            recipe::{BUILD, Recipe, Source},
        },
        planner,
        unit::{ahead::Ahead, files::FileSet},
    },
    vfs::{HeadFollower, Vfs},
};

/// How long a commit after one that was overtaken is left alone.
pub(super) const PATIENT: Duration = Duration::from_secs(30);

/// What is to run.
pub(super) struct Prepared {
    pub(super) commit: CommitId,
    pub(super) plan: RunPlan,
    pub(super) files: FileSet,
    pub(super) image: ReadyImage,
    pub(super) bounds: (Limits, Allowance),
}

impl Driver {
    /// Finds out what is to run, and makes its image.
    pub(super) async fn prepare(&mut self, commit: &CommitId) -> Result<Prepared, Interrupted> {
        let (tree, plan) = self.plan(commit).await?;
        let before = self.session.as_ref().map_or(&[][..], |session| &session.plan.notes);
        for note in plan.notes.iter().filter(|note| !before.contains(note)) {
            self.handle.log.lifecycle(note);
        }
        if matches!(plan.image, ImagePlan::Build { .. }) && !self.core.engine.capabilities().build {
            let message = "the engine builds no images, and the project has a Dockerfile: `stack` in previewd.toml names another way to run it";
            return Err(Failure::new(FailureStage::Build, Reason::EngineRefused, message).into());
        }
        let bounds = self.bounds(&plan);
        // Until it is known what this one's installation leaves.
        let earlier = self.looked.as_ref().map_or("", |looked| left_by_installation(&looked.image));
        self.handle.set_status(|status| {
            status.stack = Some(plan.stack);
            status.limits = bounds.0;
            status.notes = plan.warnings(earlier);
        });
        let files = FileSet::new(&tree, &plan);
        let image = match self.same_image(&plan) {
            Some(image) => {
                // What was being made for a commit in between is of no use.
                (self.held, self.ahead) = (None, None);
                image
            }
            None => {
                let ahead = self.container_spec(&plan, bounds.0).await?;
                let image = self.image(self.recipe(&plan, &files), Some(ahead)).await?;
                if let ImagePlan::Dependencies(install) = &plan.image {
                    let (install, key, image) = (install.clone(), image.key.clone(), image.image.clone());
                    self.looked = Some(Looked { install, key, image });
                }
                image
            }
        };
        self.handle.set_status(|status| status.notes = plan.warnings(left_by_installation(&image.image)));
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

    async fn plan(&mut self, commit: &CommitId) -> Result<(Arc<Tree>, RunPlan), Failure> {
        planner::plan(&self.core, &self.spec, commit, &mut self.planned).await.map_err(|error| {
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
            handle.set_status(|status| status.making = Making::Image);
        };
        let (engine, container) = (self.core.engine.clone(), &mut self.ahead);
        let coming = |coming| *container = ahead.clone().map(|spec| Ahead::new(&engine, spec, coming));
        let image = tokio::select! {
            image = self.core.images.ensure(recipe, &handle.log, &mut self.held, making, coming) => image,
            event = session_event(&mut self.session) => return Err(Interrupted::Disturbed(event)),
            () = async {
                tokio::time::sleep(if self.patient { PATIENT } else { Duration::ZERO }).await;
                newer(&self.core.vfs, &self.handle, &mut self.follower, &mut self.apply_request, &self.known).await;
            } => return Err(Interrupted::Superseded),
        };
        if !image.as_ref().is_ok_and(|image| image.fresh.is_some()) {
            self.ahead = None;
        }
        let image = image?;
        // For others, and for the next container of this preview.
        if let Some(held) = self.held.take_if(|_| image.fresh.is_some()) {
            self.landings.retain(|landing| !landing.is_over());
            self.landings.push(self.core.images.keep(held));
        }
        if image.lease.is_some() {
            self.built.insert(image.key.clone());
        }
        // Said when the image comes, not with each commit that keeps it.
        if self.session.as_ref().is_none_or(|session| session.key != image.key) {
            left_by_installation(&image.image).lines().for_each(|note| handle.log.lifecycle(note));
        }
        Ok(image)
    }
}

/// Returns the lines that an installation has left for whoever has its image. What is built by a project's own Dockerfile
/// has what labels that likes.
pub(super) fn left_by_installation(image: &Image) -> &str {
    let installed = image.labels.get(LABEL_ROLE).is_none_or(|role| role != BUILD);
    image.labels.get(LABEL_NOTES).filter(|_| installed).map_or("", String::as_str)
}

/// Returns when another commit is to be shown than those that are known.
pub(super) async fn newer(
    vfs: &Vfs,
    handle: &Handle,
    follower: &mut HeadFollower,
    apply_request: &mut watch::Receiver<u64>,
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
            changed = apply_request.changed() => if changed.is_err() { std::future::pending::<()>().await },
        }
    }
}
