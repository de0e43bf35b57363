//! What a driver does between commits: it waits for whatever comes next, and tries again what the engine did not do.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    domain::failure::FailureStage,
    engine::EngineEvent,
    preview::{
        driver::{Driver, ENGINE_BACKOFF, Found, session_event},
        unit::failures::engine_failure,
    },
};

/// The longest time before what only the engine kept from being done is tried again.
const MAX_ENGINE_BACKOFF: Duration = Duration::from_secs(8);

impl Driver {
    /// Waits for something to do, and does what does not concern commits.
    pub(super) async fn wait(&mut self) {
        // The engine may not have answered for this container alone: nobody says when it will.
        let deaf = self.session.as_ref().is_some_and(|session| session.deaf);
        let lifted = self.session.as_ref().is_some_and(|session| session.bounds.is_lifted());
        let mend = self.has_engines_failure();
        let undone = mend || deaf || lifted;
        if undone {
            let pause = if self.may_lose() { self.backoff } else { MAX_ENGINE_BACKOFF };
            self.retry_at.get_or_insert_with(|| Instant::now() + pause);
        } else {
            (self.backoff, self.retry_at) = (ENGINE_BACKOFF, None);
        }
        let (retry_at, look_at_ports) = (self.retry_at, self.look_at_ports.map(Instant::from));
        tokio::select! {
            () = self.follower.changed() => {}
            _ = self.applies.changed() => {}
            event = session_event(&mut self.session) => self.on_session(event).await,
            event = self.engine_events.recv() => self.on_engine(event.ok()).await,
            () = at(look_at_ports) => self.look_for_ports().await,
            () = at(retry_at) => {
                self.backoff = (self.backoff * 2).min(MAX_ENGINE_BACKOFF);
                self.retry_at = None;
                if let Some(session) = &self.session {
                    session.bounds.put_down().await;
                }
                if deaf {
                    self.lost().await;
                }
                if mend {
                    self.handle.apply();
                }
            }
        }
    }

    /// Returns whether only the engine keeps the newest commit from running.
    fn has_engines_failure(&self) -> bool {
        self.handle.status().borrow().failure.as_ref().is_some_and(|failure| failure.reason.is_engines())
    }

    async fn on_engine(&mut self, event: Option<EngineEvent>) {
        match event {
            Some(EngineEvent::Died { container }) => {
                if self.session.as_ref().is_some_and(|session| session.container == container) {
                    self.lost().await;
                }
            }
            // Also when hints were missed: look at what is.
            Some(EngineEvent::Connected) | None => {
                self.lost().await;
                if self.has_engines_failure() {
                    self.handle.apply();
                }
            }
            Some(EngineEvent::Disconnected) => {}
        }
    }

    /// Takes over the container of an earlier life of the service that could not be asked for at the start, once the
    /// engine says of it.
    pub(super) async fn wait_for_engine(&mut self) {
        let taken_over = match self.core.engine.containers().await {
            Ok(mut containers) => {
                containers.retain(|container| self.claims.has(container));
                self.take_over(containers).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = taken_over
            && self.handle.status().borrow().failure.is_none()
        {
            self.fail(engine_failure(FailureStage::Start, &error));
        }
        if !matches!(self.found, Found::Unknown) {
            self.backoff = ENGINE_BACKOFF;
            return;
        }
        tokio::select! {
            () = sleep(self.backoff) => {
                self.backoff = (self.backoff * 2).min(MAX_ENGINE_BACKOFF);
            }
            event = self.engine_events.recv() => {
                // Others than its return say nothing of what may be asked.
                if !matches!(event, Ok(EngineEvent::Connected)) {
                    sleep(ENGINE_BACKOFF).await;
                }
            }
        }
    }
}

/// Returns at a time; never, where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
