//! What happens when the app or its container ends by itself.

use crate::{
    agent::Exit,
    domain::{
        decide::{DEATHS_ALLOWED, DEATHS_WITHIN},
        failure::{Failure, FailureStage},
        ids::CommitId,
        logs::LogSource,
        reason::Reason,
        status::{PreviewStatus, Serving},
    },
    engine::{Container, ContainerState, EngineError},
    preview::{
        driver::{Driver, adopt::Heard, interrupted::Interrupted, now, show::reload::Progress, start::StartError},
        image::images::ReadyImage,
        unit::{
            container,
            failures::{engine_failure, session_failure},
            session::{Death, Session, SessionError},
        },
    },
};

impl Driver {
    /// Looks what became of the container, after a hint that it may not be as it was left.
    pub(super) async fn look_again(&mut self) {
        (self.doubt, self.unseen, self.looked_after) = (false, false, Some(now()));
        if let Err(error) = self.look_after().await {
            // It is asked again after a while, or when it says that it is back.
            self.unseen = true;
            tracing::debug!(preview = %self.handle.id, error = %error, "the container cannot be seen");
        }
    }

    /// Sees to it that the container can be spoken with, if there is one: after a time without the engine it is taken
    /// over anew. One that is gone is replaced.
    pub(super) async fn reconnect(&mut self) -> Result<(), Failure> {
        if self.session.as_ref().is_some_and(|session| session.disconnected) {
            self.look_after().await.map_err(|error| engine_failure(FailureStage::Sync, &error))?;
        }
        Ok(())
    }

    /// Wakes a container that somebody has frozen: nothing of ours stays so.
    ///
    /// # Errors
    /// The engine says nothing of it.
    pub(super) async fn wake(&self, container: &str) -> Result<(), EngineError> {
        self.handle.log.lifecycle("the container was frozen and is woken");
        match self.core.engine.set_paused(container, false).await {
            Err(error) if error.says_nothing() => Err(error),
            Err(error) => {
                tracing::warn!(preview = %self.handle.id, error = %error, "a container could not be woken");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Looks after the container: one that ended is replaced, one that is not heard is taken over anew.
    ///
    /// # Errors
    /// The engine does not say what became of it.
    async fn look_after(&mut self) -> Result<(), EngineError> {
        let Some(container) = self.session.as_ref().map(|session| session.container.clone()) else { return Ok(()) };
        let mut seen = self.core.engine.container(&container).await;
        if matches!(&seen, Ok(Some(Container { state: ContainerState::Paused, .. }))) {
            self.wake(&container).await?;
            seen = self.core.engine.container(&container).await;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        if let Ok(Some(found)) = &seen
            && found.runs()
        {
            if !session.disconnected && session.agent().status().await.is_ok() {
                self.handle.set_status(PreviewStatus::wakes);
                self.look_for_a_way(&container).await;
                if std::mem::take(&mut self.unanswered) {
                    self.ask_whether_it_answers().await;
                }
                return Ok(());
            }
            // The stream broke. Its old session stays until there is another.
            session.disconnected = true;
            let position = session.position();
            match self.hear(found, &position).await? {
                Heard::TakenOver => return Ok(()),
                Heard::Refused(reason) => {
                    self.refuse(&container, &reason).await;
                    self.died(None).await;
                    return Ok(());
                }
                Heard::Ended(end) => seen = Ok(end),
            }
        }
        let end = seen?;
        let exit = end_of(end.as_ref());
        self.handle.log.lifecycle(format!("the container ended with status {}", exit.code));
        self.gone();
        self.start_again(end.as_ref()).await?;
        self.died(Some(exit)).await;
        Ok(())
    }

    /// Sees to it that requests reach the app that answers: one whose container has another address is asked there, and a
    /// container that is off its network is replaced.
    async fn look_for_a_way(&mut self, container: &str) {
        let Serving::App(address) = self.handle.status().borrow().serving else { return };
        let Some(session) = &mut self.session else { return };
        // Another container may have the address that it had.
        match session.upstream_anew(&self.core.engine, address.port()).await {
            Ok(now) if now != address => self.handle.set_status(|status| status.answers(now)),
            Err(SessionError::Unreached(error @ EngineError::Refused { .. })) => {
                self.refuse(container, &error.to_string()).await;
                self.died(None).await;
            }
            // Or nobody says.
            Ok(_) | Err(_) => {}
        }
    }

    /// Lets requests wait, as the container that answered them is no more: its address may soon be another's.
    pub(super) fn gone(&self) {
        if self.handle.status().borrow().is_served() {
            self.handle.route.note_death();
            self.handle.set_status(PreviewStatus::restarts);
        }
    }

    /// Writes down that the app's process or container has ended by itself. It is started again, unless that happens too
    /// often.
    pub(super) async fn died(&mut self, exit: Option<Exit>) {
        {
            let status = self.handle.status();
            let status = status.borrow();
            if status.applied.is_none() || status.given_up || !status.is_live() {
                // The end of what had failed already, or has not answered yet.
                return;
            }
        }
        self.handle.route.note_death();
        self.handle.set_status(PreviewStatus::restarts);
        let now = now();
        self.deaths.retain(|death| now.duration_since(*death) < DEATHS_WITHIN);
        // One that has more memory now than it had when it was started is another attempt.
        let given = match (&exit, &self.session) {
            (Some(Exit { out_of_memory: true, .. }), Some(session)) => {
                session.bounds.grow_after_kill(session.started_under).await
            }
            _ => false,
        };
        if !given {
            self.deaths.push(now);
        }
        let death = Death { exit };
        self.handle.log.lifecycle(format!("the app ended: {death}"));
        tracing::info!(preview = %self.handle.id, how = %death, deaths = self.deaths.len(), "the app ended");
        self.death = Some(death);
    }

    /// Starts the app again that has ended by itself.
    pub(super) async fn revive_app(&mut self, applied: CommitId) {
        self.death = None;
        // What was tried last and failed is no news either.
        let settled = self.handle.status().borrow().settled.clone();
        self.known = [applied.clone()].into_iter().chain(settled).collect();
        match self.revive(&applied).await {
            Ok(()) => {
                if self.shows_an_error() {
                    self.handle.set_status(|status| status.failure = None);
                }
                self.handle.log.lifecycle("the app was started again and answers");
            }
            Err(Interrupted::Failed(mut failure)) => {
                failure.commit = Some(applied);
                self.answers_or_fails(failure);
            }
            // A newer commit is next, and brings what answers then.
            Err(Interrupted::Superseded) => self.again = true,
            Err(Interrupted::Disturbed(event)) => {
                self.again = true;
                self.on_session(event).await;
            }
        }
    }

    /// Gives up an app that ends each time that it is started.
    pub(super) fn give_up(&mut self, applied: CommitId) {
        if let Some(death) = self.death.take() {
            let failure = self.crash_loop(death, applied);
            self.fail(failure);
        }
    }

    /// Starts the app again: in the container that is there, or else in another, with the commit that answered last.
    async fn revive(&mut self, applied: &CommitId) -> Result<(), Interrupted> {
        // After a commit that a development server could not show, the files are not those of the one that answers.
        if self.session.as_ref().is_some_and(|session| session.commit == *applied) {
            let outcome = match self.restart_process().await {
                // As when the container is being stopped: its app ends a moment before it.
                Err(StartError::Session(error)) if error.is_lost() => match self.container_again().await? {
                    true => self.restart_process().await,
                    false => Err(StartError::Session(error)),
                },
                outcome => outcome,
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(StartError::Interrupted(interrupted)) => return Err(interrupted),
                Err(StartError::Page(failure)) => return Err(failure.into()),
                // Another container is made.
                Err(StartError::Session(error)) if error.is_lost() => {
                    if let Some(session) = self.session.take() {
                        self.let_go(&session.container).await;
                    }
                }
                Err(StartError::Session(error)) => return Err(session_failure(FailureStage::Run, &error).into()),
            }
        }
        let prepared = self.prepare(applied).await?;
        self.bring_prepared(prepared, &mut Progress::quiet(applied)).await
    }

    /// Starts the container once more that has just ended. Returns whether there is one.
    ///
    /// # Errors
    /// The engine does not say what became of it.
    async fn container_again(&mut self) -> Result<bool, Failure> {
        let Some(container) = self.session.as_ref().map(|session| session.container.clone()) else { return Ok(false) };
        let started = match self.ended(&container).await {
            Ok(seen) => self.start_again(seen.as_ref()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            if let Some(session) = &mut self.session {
                session.disconnected = true;
            }
            return Err(engine_failure(FailureStage::Run, &error));
        }
        Ok(self.session.is_some())
    }

    async fn restart_process(&mut self) -> Result<(), StartError> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let image = ReadyImage::of_container(&session.key, self.image_of(&session).await);
        let outcome = self.start(&mut session, &image).await;
        self.session = Some(session);
        outcome
    }

    /// Records that the files and the process of a session are what answers now.
    pub(super) async fn record_shown(&self, session: &Session) {
        session.mark(&session.commit).await;
        self.note_shown(session);
    }

    /// Records what [`record_shown`](Self::record_shown) does, for this life of the service alone.
    pub(super) fn note_shown(&self, session: &Session) {
        self.handle.set_status(|status| {
            status.applied = Some(session.commit.clone());
            status.container = Some(session.container.clone());
            status.dependency_key = Some(session.key.clone());
        });
    }

    /// Removes a container that is of no more use.
    pub(super) async fn discard(&self, container: &str) {
        container::discard(&self.core.engine, container).await;
    }

    fn crash_loop(&self, death: Death, applied: CommitId) -> Failure {
        let out_of_memory = death.exit.as_ref().is_some_and(|exit| exit.out_of_memory);
        let (reason, message) = if out_of_memory {
            let said = self.session.as_ref().map(|session| session.bounds.exhausted());
            (Reason::OutOfMemory, said.unwrap_or_else(|| "the app needed more memory than it may use".to_owned()))
        } else {
            (Reason::CrashLoop, format!("the app ended {DEATHS_ALLOWED} times within a minute, the last time: {death}"))
        };
        let mut failure = Failure::new(FailureStage::Run, reason, message);
        failure.log_excerpt = self.handle.log.excerpt(0, &[LogSource::Stdout, LogSource::Stderr]);
        failure.exit_code = death.exit.map(|exit| exit.code);
        failure.commit = Some(applied);
        failure
    }

    /// Records why a commit that answered before is not good any more. One whose page is an error answers all the same.
    fn answers_or_fails(&mut self, failure: Failure) {
        if !self.handle.status().borrow().is_served() {
            self.fail(failure);
            return;
        }
        self.handle.log.lifecycle(format!("the app was started again, and its page is an error: {}", failure.message));
        let newer = self.handle.status().borrow().failure.is_some() && !self.shows_an_error();
        if !newer {
            self.handle.set_status(|status| status.failure = Some(failure));
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.handle.log.lifecycle(format!("failed: {}", failure.message));
        tracing::info!(preview = %self.handle.id, reason = failure.reason.as_str(), "preview failed");
        self.handle.set_status(|status| status.gives_up(failure));
    }
}

/// Returns how a container ended; one that is gone was killed.
fn end_of(container: Option<&Container>) -> Exit {
    let (code, out_of_memory) = match container.map(|container| &container.state) {
        Some(ContainerState::Exited { code, out_of_memory }) => {
            (i32::try_from(*code).unwrap_or(i32::MAX), *out_of_memory)
        }
        _ => (137, false),
    };
    Exit { generation: 0, code, signal: 0, out_of_memory }
}
