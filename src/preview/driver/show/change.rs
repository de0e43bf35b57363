//! Changing the container that is there: the way of nearly every commit.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        reload::{self, Strategy},
        runtime::ReloadPlan,
        status::PreviewStatus,
        tree::{ChangeKind, ChangedPath},
    },
    engine::Container,
    preview::{
        driver::{
            Driver,
            adopt::Heard,
            interrupted::Interrupted,
            prepare::Prepared,
            show::{
                reload::Progress,
                tell::{Told, tell},
            },
            start::StartError,
        },
        image::images::ReadyImage,
        unit::{
            failures::{engine_failure, session_failure},
            session::{Position, Session, SessionError, SessionEvent},
        },
    },
};

/// How long requests that were held for the commit before may take to begin.
const ADMIT: Duration = Duration::from_secs(1);
/// How long requests that are on their way may take before their app is ended.
pub(in crate::preview::driver) const DRAIN: Duration = Duration::from_secs(3);

impl Driver {
    /// Changes the container that is there.
    pub(in crate::preview::driver) async fn change(
        &mut self,
        prepared: Prepared,
        progress: &mut Progress,
    ) -> Result<(), Interrupted> {
        let Some(mut session) = self.session.take() else { return self.replace(prepared, progress).await };
        match self.change_session(&mut session, prepared, progress).await {
            Ok(()) => {
                self.session = Some(session);
                Ok(())
            }
            Err(Attempt::Interrupted(interrupted)) => {
                self.session = Some(session);
                Err(interrupted)
            }
            // As where the app has made a folder of its own read-only: another container is as it should be.
            Err(Attempt::Unsynced(prepared)) => {
                self.session = Some(session);
                self.replace(*prepared, progress).await
            }
            // The container was lost on the way: make another, unless it can be heard after all, or nobody knows.
            Err(Attempt::Lost(prepared)) => {
                session.disconnected = true;
                let (container, position) = (session.container.clone(), session.position());
                self.session = Some(session);
                // An app may end the stream as often as it likes: then another container is made.
                if self.may_lose() && self.is_heard_again(&container, &position).await? {
                    return Err(Interrupted::Disturbed(SessionEvent::Lost));
                }
                self.session = None;
                self.hold();
                self.let_go(&container).await;
                self.replace(*prepared, progress).await
            }
        }
    }

    /// Returns whether a container whose stream has broken goes on and was taken over anew.
    async fn is_heard_again(&mut self, container: &str, position: &Position) -> Result<bool, Failure> {
        let says_nothing = |error| engine_failure(FailureStage::Sync, &error);
        let found = self.core.engine.container(container).await.map_err(says_nothing)?;
        let Some(found) = found.filter(Container::runs) else { return Ok(false) };
        let heard = self.hear(&found, position).await.map_err(says_nothing)?;
        Ok(matches!(heard, Heard::TakenOver))
    }

    /// Lets requests wait, and says that nothing answers.
    fn hold(&self) {
        self.handle.set_status(PreviewStatus::restarts);
    }

    async fn change_session(
        &mut self,
        session: &mut Session,
        prepared: Prepared,
        progress: &mut Progress,
    ) -> Result<(), Attempt> {
        let difference = session.files.difference(&prepared.files);
        let changed: Arc<[ChangedPath]> = difference.changed.clone().into();
        progress.changed = changed.clone();
        let strategy = reload::decide(&session.plan, &prepared.plan, true, &changed);
        progress.strategy = Some(strategy);
        let serving = session.running && self.handle.status().borrow().is_served();
        // A development server goes on with code that it could not show, and needs no new process to show what mends it.
        let alive = session.running && session.plan.start.reload == ReloadPlan::Control && !session.silent;
        let disconnected = session.silent && !changed.is_empty();
        let restart = !(serving || alive) || disconnected || strategy == Strategy::Restart;
        if disconnected {
            progress.strategy = Some(Strategy::Restart);
        }
        if restart {
            self.clear_the_way(session, serving).await;
        }
        session.plan = prepared.plan.clone();
        let synced = session
            .sync(&self.core.vfs, &self.spec.project, prepared.commit.clone(), prepared.files.clone(), difference)
            .await;
        match synced {
            Ok(()) => {}
            Err(SessionError::Agent(error)) if !error.is_lost() => {
                let text = format!("the files could not be brought in, and a new container is made: {error}");
                self.handle.log.lifecycle(text);
                return Err(Attempt::Unsynced(Box::new(prepared)));
            }
            Err(error) => return Err(lost_or_failed(FailureStage::Sync, error, prepared)),
        }
        self.synced(progress);
        let shown = if restart {
            self.start(session, &prepared.image).await
        } else {
            self.show_in_what_runs(session, &prepared, progress, serving).await
        };
        shown.map_err(|error| not_started(error, prepared))
    }

    /// Shows the files that were brought in by the process that runs, or where that cannot, by another.
    async fn show_in_what_runs(
        &mut self,
        session: &mut Session,
        prepared: &Prepared,
        progress: &mut Progress,
        serving: bool,
    ) -> Result<(), StartError> {
        let mark = self.handle.log.last();
        let changed = progress.changed.clone();
        // Nothing has changed, and what is there was good.
        let same = serving && changed.is_empty() && self.handle.status().borrow().failure.is_none();
        // A file that goes on under its name cannot be one that is missed.
        let known = session.plan.start.reload == ReloadPlan::Files
            && changed.iter().all(|change| change.kind == ChangeKind::Modified);
        if same || known {
            return Ok(());
        }
        if session.plan.start.reload != ReloadPlan::Control {
            return self.check_page(session, &prepared.image, mark).await;
        }
        match tell(session, &prepared.commit, &changed).await {
            Told::Stale => {
                progress.strategy = Some(Strategy::Restart);
                self.clear_the_way(session, serving).await;
            }
            Told::Taken(strategy, _) => {
                progress.strategy = strategy.or(progress.strategy);
                return if serving {
                    self.check_page(session, &prepared.image, mark).await
                } else {
                    self.let_through(session, &prepared.image).await
                };
            }
            Told::Broken(failure) => return Err(failure.into()),
            Told::Lost(error) => return Err(error.into()),
            Told::Silent(error) => {
                self.handle.log.lifecycle(format!("the app did not take the change in and is started anew: {error}"));
                progress.strategy = Some(Strategy::Restart);
                self.clear_the_way(session, false).await;
            }
        }
        self.start(session, &prepared.image).await
    }

    /// Looks whether the page of an app that has gone on is good.
    async fn check_page(&mut self, session: &mut Session, image: &ReadyImage, mark: u64) -> Result<(), StartError> {
        let port = self.command(&session.plan, &image.image).port;
        self.ask_page(session, port, mark).await
    }

    /// Lets requests through again to an app that runs and shows a good commit now.
    async fn let_through(&mut self, session: &mut Session, image: &ReadyImage) -> Result<(), StartError> {
        let mark = self.handle.log.last();
        let port = self.command(&session.plan, &image.image).port;
        self.answer(session, port, mark).await
    }

    /// Holds requests before a new process, and waits for those that are on their way to the old one. Where that
    /// answers, those that were held for the commit before get their turn first.
    async fn clear_the_way(&self, session: &Session, serving: bool) {
        if serving {
            self.handle.route.admitted(ADMIT).await;
        }
        self.hold();
        if session.running && !self.handle.route.drained(DRAIN).await {
            self.handle.log.lifecycle("requests that did not end in time were cut off");
        }
    }
}

/// Why a change of a container did not get to its end.
enum Attempt {
    Interrupted(Interrupted),
    // The container was lost; what was to run is given back.
    Lost(Box<Prepared>),
    // The files could not be brought in.
    Unsynced(Box<Prepared>),
}

fn not_started(error: StartError, prepared: Prepared) -> Attempt {
    match error {
        StartError::Session(error) => lost_or_failed(FailureStage::Start, error, prepared),
        StartError::Interrupted(interrupted) => Attempt::Interrupted(interrupted),
        StartError::Page(failure) => Attempt::Interrupted(failure.into()),
    }
}

fn lost_or_failed(stage: FailureStage, error: SessionError, prepared: Prepared) -> Attempt {
    if error.is_lost() {
        Attempt::Lost(Box::new(prepared))
    } else {
        Attempt::Interrupted(session_failure(stage, &error).into())
    }
}
