//! What a driver does between its steps: it waits for whatever comes next, and writes down what that says.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::{
    domain::{decide::Unit, failure::FailureStage, reason::Reason, status::PreviewStatus},
    engine::{Container, ContainerState, EngineError, EngineEvent},
    preview::{
        driver::{Driver, ENGINE_BACKOFF, Found, now, session_event},
        unit::{
            failures::engine_failure,
            session::{Session, SessionEvent},
        },
    },
};

/// The longest time before an engine that is away or errs is asked again. For so long after it is itself again it may be
/// said that it is not.
const MAX_ENGINE_BACKOFF: Duration = Duration::from_millis(900);
/// The longest time before a container that is lost, or an app that does not answer, is looked after again.
const LOST_PAUSE: Duration = Duration::from_secs(8);
/// The time before a store that could not be read is read again.
const VFS_BACKOFF: Duration = Duration::from_secs(1);
/// So many lost streams to a container within this time are mended at once.
const LOSSES_MENDED: usize = 5;
const LOSSES_WITHIN: Duration = Duration::from_secs(60);
/// The least time between two looks at a container because requests say that it does not answer.
const LOOKS: Duration = Duration::from_secs(1);

impl Driver {
    /// Waits for something to happen, or for that time.
    pub(super) async fn wait(&mut self, until: Option<Instant>) {
        let unread = self.unread.then(|| now() + VFS_BACKOFF);
        let until = [until, unread].into_iter().flatten().min();
        let looks = self.looked_after.map(|at| at + LOOKS);
        let route = self.handle.route.clone();
        let doubted = async {
            // An app that answers nothing has many requests that say so.
            if let Some(looks) = looks {
                sleep_until(looks.into()).await;
            }
            route.doubted().await;
        };
        tokio::select! {
            () = self.follower.changed() => {}
            _ = self.apply_request.changed() => {}
            event = session_event(&mut self.session) => self.on_session(event).await,
            event = self.engine_events.recv() => self.on_engine(event.ok()),
            () = doubted => {
                self.doubt = self.session.is_some();
                self.unanswered = self.doubt;
            }
            () = at(until) => {}
        }
    }

    /// Sees to it that what is not as it should be is tried again after a pause that grows: the engine may not have
    /// answered for this container alone, and nobody says when it will.
    pub(super) fn plan_retry(&mut self) {
        if self.unit() == Unit::Unknown {
            return;
        }
        self.unseen &= self.session.is_some();
        let waits = |session: &Session| session.disconnected || session.bounds.is_lifted();
        if self.unseen || self.is_silent() || self.has_engines_failure() || self.session.as_ref().is_some_and(waits) {
            let pause = if self.may_lose() { self.backoff } else { LOST_PAUSE };
            self.retry_at.get_or_insert_with(|| now() + pause);
        } else {
            (self.backoff, self.retry_at) = (ENGINE_BACKOFF, None);
        }
    }

    /// Tries again what is not as it should be.
    pub(super) async fn retry(&mut self) {
        self.wait_longer();
        self.retry_at = None;
        if let Some(session) = &self.session {
            session.bounds.put_down().await;
            self.doubt |= session.disconnected || self.unseen;
        }
        if self.is_silent() {
            (self.doubt, self.unanswered) = (self.session.is_some(), true);
        }
        self.again |= self.has_engines_failure();
    }

    fn wait_longer(&mut self) {
        let status = self.handle.status();
        let away = status.borrow().failure.as_ref().is_some_and(|it| it.reason == Reason::EngineUnavailable);
        // A container that is lost again and again may be the app's doing.
        self.backoff = (self.backoff * 2).min(if away { MAX_ENGINE_BACKOFF } else { LOST_PAUSE });
    }

    /// Returns whether only the engine keeps the newest commit from running.
    fn has_engines_failure(&self) -> bool {
        self.handle.status().borrow().failure.as_ref().is_some_and(|failure| failure.reason.is_engines())
    }

    /// Returns whether what serves is said not to answer.
    fn is_silent(&self) -> bool {
        let status = self.handle.status();
        let status = status.borrow();
        status.is_served() && status.failure.as_ref().is_some_and(|failure| failure.reason == Reason::NotAnswering)
    }

    /// Returns whether a stream that is lost now is mended at once.
    pub(super) fn may_lose(&mut self) -> bool {
        let now = now();
        self.losses.retain(|loss| now.duration_since(*loss) < LOSSES_WITHIN);
        self.losses.len() < LOSSES_MENDED
    }

    pub(super) async fn on_session(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Exited(exit, _) => {
                if self.session.as_ref().is_some_and(|session| session.is_present(&exit)) {
                    self.died(Some(exit)).await;
                }
            }
            SessionEvent::Lost => {
                // The app may end the stream as often as it likes. Beyond what happens by itself, the container is taken
                // over with the next commit, or after the longest pause.
                if self.may_lose() {
                    self.losses.push(now());
                    self.doubt = true;
                }
            }
        }
    }

    fn on_engine(&mut self, event: Option<EngineEvent>) {
        match &event {
            Some(EngineEvent::Died { container } | EngineEvent::CutOff { container }) => {
                self.doubt |= self.is_own(container);
            }
            // Not by us: it is woken. Until then nobody is to wait in it for an answer.
            Some(EngineEvent::Frozen { container }) => {
                if self.is_own(container) {
                    self.doubt = true;
                    self.handle.set_status(PreviewStatus::freezes);
                }
            }
            // Also when hints were missed: look at what is.
            Some(EngineEvent::Connected) | None => {
                self.doubt |= self.session.is_some();
                self.again |= self.has_engines_failure();
                // Others than its return say nothing of what may be asked.
                let soonest = if event.is_some() { now() } else { now() + ENGINE_BACKOFF };
                self.retry_at = self.retry_at.map(|at| at.min(soonest));
            }
            Some(EngineEvent::Disconnected) => {}
        }
    }

    fn is_own(&self, container: &str) -> bool {
        self.session.as_ref().is_some_and(|session| session.container == container)
    }

    /// Takes over the container of an earlier life of the service, once the engine says of it.
    pub(super) async fn find(&mut self) {
        let (told, containers) = match std::mem::replace(&mut self.found, Found::Unknown) {
            Found::Containers(containers) => (true, Ok(containers)),
            Found::Unknown => (false, self.core.engine.containers().await),
        };
        let taken_over = match containers {
            Ok(mut containers) => {
                containers.retain(|container| self.claims.has(container));
                self.take_over(containers).await
            }
            Err(error) => Err(error),
        };
        match taken_over {
            Ok(()) => {
                self.found = Found::Containers(Vec::new());
                (self.backoff, self.retry_at) = (ENGINE_BACKOFF, None);
            }
            // Those that were found may have gone: they are asked for at once.
            Err(_) if told => {}
            Err(error) => {
                if self.handle.status().borrow().failure.is_none() {
                    self.fail(engine_failure(FailureStage::Start, &error));
                }
                self.retry_at = Some(now() + self.backoff);
                self.wait_longer();
            }
        }
    }

    /// Takes over the newest container that has answered, and removes the others: an earlier life of the service may
    /// have ended while one was replaced by the next.
    ///
    /// # Errors
    /// The engine does not say enough of one. It is looked for again.
    async fn take_over(&mut self, containers: Vec<Container>) -> Result<(), EngineError> {
        for container in containers {
            // One that was never started has nothing of the app.
            if self.session.is_some() || container.state == ContainerState::Created {
                self.discard(&container.id).await;
            } else {
                self.adopt(&container).await?;
            }
        }
        Ok(())
    }
}

/// Returns at a time; never, where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
