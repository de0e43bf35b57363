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
    sync::Arc,
    time::{Instant, SystemTime},
};

use crate::{
    domain::{
        events::{Stage, StageEvent},
        failure::{Failure, FailureStage},
        ids::CommitId,
        reason::Reason,
        reload::Strategy,
        status::Making,
        tree::ChangedPath,
    },
    preview::{
        driver::{Driver, interrupted::Interrupted, prepare::Prepared, short, start::StartError, teardown::data_of},
        image::flights::Landing,
        unit::{failures::engine_failure, session::Session},
    },
};

/// The clock and the name of one reload, for its events.
pub(in crate::preview::driver) struct Progress {
    pub(in crate::preview::driver) commit: CommitId,
    pub(in crate::preview::driver) began: Instant,
    pub(in crate::preview::driver) strategy: Option<Strategy>,
    pub(in crate::preview::driver) changed: Arc<[ChangedPath]>,
    pub(in crate::preview::driver) synced: Option<Instant>,
}

impl Progress {
    fn new(commit: &CommitId) -> Self {
        let (began, changed) = (Instant::now(), Arc::new([]));
        Self { commit: commit.clone(), began, strategy: None, changed, synced: None }
    }

    /// Returns one of a commit that watchers have heard of: they do not hear of it again.
    pub(in crate::preview::driver) fn quiet(commit: &CommitId) -> Self {
        let progress = Self::new(commit);
        Self { synced: Some(progress.began), ..progress }
    }
}

impl Driver {
    /// Brings a commit into the preview, and says how far it came.
    pub(in crate::preview::driver) async fn apply(&mut self, target: CommitId, apply_request: u64) {
        self.begin_try(&target, apply_request);
        self.again = false;
        self.known = vec![target.clone()];
        self.answered = None;
        let mut progress = Progress::new(&target);
        match self.bring(&target, &mut progress).await {
            Ok(()) => {
                self.ready(&progress).await;
                self.settle(Some(target), apply_request);
                self.retire().await;
            }
            Err(Interrupted::Failed(mut failure)) => {
                failure.commit = Some(target.clone());
                if failure.reason == Reason::ContainerLost
                    && let Err(error) = self.core.engine.info().await
                {
                    // Nobody knows whether it is: it cannot be seen.
                    failure = Failure { commit: failure.commit, ..engine_failure(failure.stage, &error) };
                }
                self.failed(&progress, failure).await;
                self.settle(Some(target), apply_request);
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
        self.reconnect().await?;
        self.known = vec![commit.clone()];
        self.bring_prepared(prepared, progress).await
    }

    /// Brings what was prepared into the container that is there, or where it needs another image, into another.
    pub(in crate::preview::driver) async fn bring_prepared(
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
            && self.handle.status().borrow().answering() != Some(&session.commit)
        {
            self.record_shown(session).await;
            self.data = data_of(session);
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
    async fn failed(&mut self, progress: &Progress, mut failure: Failure) {
        self.locate(&mut failure, &progress.commit).await;
        let commit = short(&progress.commit);
        tracing::info!(preview = %self.handle.id, commit, reason = failure.reason.as_str(), message = failure.message, "commit failed");
        self.handle.log.lifecycle(format!("commit {commit}: failed: {}", failure.message));
        let served = self.handle.status().borrow().is_served();
        if served || self.resume(&progress.commit, failure.stage).await {
            self.handle.set_status(|status| (status.failure, status.making) = (Some(failure.clone()), Making::Nothing));
        } else {
            // What was installed nobody uses, and the commit that mends it waits for the image.
            self.landings.iter().for_each(Landing::hurry);
            self.handle.set_status(|status| status.gives_up(failure.clone()));
        }
        self.publish(progress, Stage::Failed, Some(failure));
    }

    /// Lets requests through to a commit that was overtaken while it started, if the newer one did not even get into the
    /// container. Returns whether it answers.
    async fn resume(&mut self, failed: &CommitId, stage: FailureStage) -> bool {
        use FailureStage::{Build, Detect, Image, Install};
        let overtaken = |session: &mut Session| session.running && session.commit != *failed;
        if !matches!(stage, Detect | Image | Install | Build) {
            return false;
        }
        let Some(mut session) = self.session.take_if(overtaken) else { return false };
        let progress = Progress { strategy: Some(Strategy::Restart), ..Progress::quiet(&session.commit) };
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

    pub(in crate::preview::driver) fn synced(&self, progress: &mut Progress) {
        if progress.synced.is_none() {
            progress.synced = Some(Instant::now());
            self.publish(progress, Stage::Synced, None);
        }
    }

    pub(in crate::preview::driver) fn publish(&self, progress: &Progress, stage: Stage, failure: Option<Failure>) {
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
