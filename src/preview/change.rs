//! Changing the container that is there: the way of nearly every commit.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        reload::{self, Strategy},
        runtime::ReloadPlan,
        tree::ChangedPath,
    },
    preview::{
        driver::Driver,
        images::session_failure,
        notice::{notice, take_answer},
        reload::{Interrupted, Prepared, Progress},
        route::RouteState,
        session::{Session, SessionError},
        start::StartError,
    },
};

/// How long requests that were held for the commit before may take to begin.
const ADMIT: Duration = Duration::from_secs(1);
/// How long requests that are on their way may take before their app is ended.
pub(super) const DRAIN: Duration = Duration::from_secs(3);

impl Driver {
    /// Changes the container that is there.
    pub(super) async fn change(&mut self, prepared: Prepared, progress: &mut Progress) -> Result<(), Interrupted> {
        let Some(mut session) = self.session.take() else { return self.replace(prepared, progress).await };
        let outcome = self.change_session(&mut session, prepared, progress).await;
        if let Err(Attempt::Lost(prepared)) = outcome {
            // The container was lost on the way: make another.
            let container = session.container.clone();
            drop(session);
            if let Err(error) = self.core.engine.remove(&container).await {
                tracing::warn!(preview = %self.handle.id, error = %error, "a lost container could not be removed");
            }
            self.handle.route.set(RouteState::Hold);
            return self.replace(*prepared, progress).await;
        }
        self.session = Some(session);
        outcome.map_err(|attempt| match attempt {
            Attempt::Interrupted(interrupted) => interrupted,
            Attempt::Lost(_) => Interrupted::Superseded,
        })
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
        progress.strategy = reload::decide(&session.plan, &prepared.plan, true, &changed);
        let open = matches!(*self.handle.route.state().borrow(), RouteState::Open(_) | RouteState::Paused);
        let serving = session.running && open;
        let restart = !serving || progress.strategy == Strategy::Restart;
        if restart {
            if serving {
                self.handle.route.admitted(ADMIT).await;
            }
            self.handle.route.set(RouteState::Hold);
            if session.running && !self.handle.route.drained(DRAIN).await {
                self.handle.log.lifecycle("requests that did not end in time were cut off");
            }
        }
        session.plan = prepared.plan.clone();
        let synced = session
            .sync(&self.core.vfs, &self.spec.project, prepared.commit.clone(), prepared.files.clone(), difference)
            .await;
        if let Err(error) = synced {
            return Err(lost_or_failed(FailureStage::Sync, error, prepared));
        }
        self.synced(progress);
        if !restart {
            if session.plan.start.reload == ReloadPlan::Control && !changed.is_empty() {
                return tell(session, prepared, &changed, progress).await;
            }
            return Ok(());
        }
        let newer = prepared.commit.clone();
        self.start(session, &prepared.image, &newer).await.map_err(|error| match error {
            StartError::Session(error) => lost_or_failed(FailureStage::Start, error, prepared),
            StartError::Interrupted(interrupted) => Attempt::Interrupted(interrupted),
        })
    }
}

/// Tells the running app what changed, and waits until it has taken it in.
async fn tell(
    session: &Session,
    prepared: Prepared,
    changed: &[ChangedPath],
    progress: &mut Progress,
) -> Result<(), Attempt> {
    let failed = |failure: Failure| Attempt::Interrupted(failure.into());
    match session.notify(notice(&prepared.commit, changed)).await {
        Ok(answer) => {
            progress.strategy = take_answer(&answer).map_err(failed)?.unwrap_or(progress.strategy);
            Ok(())
        }
        // The agent answers, so it is the app that does not.
        Err(error) if session.agent().status().await.is_ok() => {
            Err(failed(Failure::new(FailureStage::Start, "NOT_RESPONDING", error.to_string())))
        }
        Err(error) => Err(lost_or_failed(FailureStage::Start, error, prepared)),
    }
}

/// Why a change of a container did not get to its end.
enum Attempt {
    Interrupted(Interrupted),
    // The container was lost; what was to run is given back.
    Lost(Box<Prepared>),
}

fn lost_or_failed(stage: FailureStage, error: SessionError, prepared: Prepared) -> Attempt {
    match error {
        SessionError::Agent(ref agent) if agent.is_lost() => Attempt::Lost(Box::new(prepared)),
        error => Attempt::Interrupted(session_failure(stage, &error).into()),
    }
}
