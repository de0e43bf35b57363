//! Starting the app's process, and waiting for its first answer.

use std::time::Duration;

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        logs::LogSource,
        runtime::{ImagePlan, ReloadPlan, RunPlan},
    },
    engine::Image,
    preview::{
        agent::Exit,
        change::{Told, tell},
        driver::{Driver, session_event},
        images::ReadyImage,
        reload::{Interrupted, PATIENT, newer},
        route::RouteState,
        session::{Answering, Command, Session, SessionError, Started},
    },
    stack::{self, End},
};

/// How long a starting app is waited for when a newer commit is there.
const PATIENCE: Duration = Duration::from_secs(3);
/// The reason of a failure for want of memory.
pub(super) const OUT_OF_MEMORY: &str = "OUT_OF_MEMORY";
/// The port of an image that exposes none.
const FALLBACK_PORT: u16 = 8080;

impl Driver {
    /// Starts the app, waits for its first answer and lets requests through. The session of the driver, if it has one, is
    /// another, which goes on serving meanwhile.
    pub(super) async fn start(&mut self, session: &mut Session, image: &ReadyImage) -> Result<(), StartError> {
        let outcome = loop {
            let mark = self.handle.log.last();
            let command = self.command(&session.plan, &image.image);
            let port = command.port;
            session.start(command).await?;
            match self.answer(session, port, mark).await {
                // With what it was given meanwhile, or is now, it may come further. Each turn has more than the one before.
                Err(StartError::Interrupted(Interrupted::Failed(failure)))
                    if failure.reason == OUT_OF_MEMORY
                        && session.bounds.grow_after_kill(session.started_under).await =>
                {
                    self.handle.log.lifecycle("the app was out of memory, and is started again with more");
                }
                outcome => break outcome,
            }
        };
        // Also where it came to nothing.
        session.bounds.put_down().await;
        outcome
    }

    /// Waits for the first answer of the app that runs, and lets requests through. `mark` is where its output begins.
    pub(super) async fn answer(&mut self, session: &mut Session, port: u16, mark: u64) -> Result<(), StartError> {
        let timeout = self.core.settings.start_timeout;
        let engine = self.core.engine.clone();
        let started = tokio::select! {
            started = session.started(&engine, port, timeout) => started?,
            event = session_event(&mut self.session) => return Err(Interrupted::Disturbed(event).into()),
            () = async {
                tokio::time::sleep(if self.patient { PATIENT } else { PATIENCE }).await;
                newer(&self.core.vfs, &self.handle, &mut self.follower, &mut self.applies, &self.known).await;
            } => return Err(Interrupted::Superseded.into()),
        };
        match started {
            Started::Answering(answering) => {
                self.note_port(&answering, port);
                self.ask(session).await?;
                session.bounds.put_down().await;
                if self.handle.status().borrow().applied.is_none() {
                    // The time without use begins with the first answer.
                    self.handle.route.touch();
                }
                // Whoever has an answer is told that it runs.
                self.shows(session).await;
                self.handle.route.set(RouteState::Open(answering.upstream));
                Ok(())
            }
            Started::Exited(exit) => {
                // What the process before said last is no part of it.
                let mark = session.drained(&exit).await.map_or(mark, |before| before.max(mark));
                Err(self.exited(session, &exit, mark).into())
            }
            Started::TimedOut(listening, message) => {
                let end = End::TimedOut { listening, message };
                Err(self.explain(session, &end, mark).into())
            }
        }
    }

    /// Asks a development server whether what it is about to show is without errors. It answers for its page in any case.
    async fn ask(&self, session: &mut Session) -> Result<(), StartError> {
        if session.plan.start.reload != ReloadPlan::Control {
            return Ok(());
        }
        match tell(session, &session.revision, &[]).await {
            Told::Taken(_) | Told::Stale => Ok(()),
            Told::Broken(failure) => Err(failure.into()),
            Told::Lost(error) => Err(error.into()),
            Told::Silent(error) => {
                session.silent = true;
                let text =
                    format!("the development server cannot be told of changes and is started anew for each: {error}");
                self.handle.log.lifecycle(text);
                Ok(())
            }
        }
    }

    /// Returns what starts an app: what its plan says, or else its image.
    pub(super) fn command(&self, plan: &RunPlan, image: &Image) -> Command {
        let argv = if plan.start.argv.is_empty() {
            image.entrypoint.iter().chain(&image.command).cloned().collect()
        } else {
            plan.start.argv.clone()
        };
        let cwd = match plan.image {
            ImagePlan::Dependencies(_) => plan.working_folder(),
            ImagePlan::Build { .. } if image.working_dir.is_empty() => "/".to_owned(),
            ImagePlan::Build { .. } => image.working_dir.clone(),
        };
        let port = match plan.start.port {
            0 => image.exposed_ports.first().copied().unwrap_or(FALLBACK_PORT),
            port => port,
        };
        let mut environment = self.core.settings.environment.clone();
        environment.extend(plan.start.environment.clone());
        Command { argv, cwd, environment, port }
    }

    pub(super) async fn image_of(&self, session: &Session) -> Image {
        let image = async {
            let container = self.core.engine.container(&session.container).await.ok().flatten()?;
            self.core.engine.image(&container.image).await.ok().flatten()
        };
        image.await.unwrap_or_default()
    }

    fn note_port(&self, answering: &Answering, expected: u16) {
        if answering.app_port != expected {
            self.handle.log.lifecycle(format!(
                "the app listens on port {} and not on {expected}; it is reached all the same",
                answering.app_port
            ));
        }
        if answering.loopback_only {
            self.handle.log.lifecycle(format!(
                "the app listens on localhost only, at port {}; it is reached all the same",
                answering.app_port
            ));
        }
    }

    fn exited(&self, session: &Session, exit: &Exit, mark: u64) -> Failure {
        let end = End::Exited { code: exit.code, out_of_memory: exit.out_of_memory };
        let mut failure = self.explain(session, &end, mark);
        if failure.reason == OUT_OF_MEMORY {
            failure.message = session.bounds.exhausted();
        }
        failure.exit_code = Some(exit.code);
        failure
    }

    fn explain(&self, session: &Session, end: &End, mark: u64) -> Failure {
        let lines = self.handle.log.excerpt(mark, &[LogSource::Stdout, LogSource::Stderr]);
        let own = matches!(session.plan.image, ImagePlan::Build { .. });
        let folder = if own { session.folder.as_str() } else { "" };
        stack::explain_in(&session.plan, FailureStage::Start, end, &lines, folder)
    }
}

pub(super) enum StartError {
    Session(SessionError),
    Interrupted(Interrupted),
}

impl From<SessionError> for StartError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<Interrupted> for StartError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self::Interrupted(Interrupted::Failed(failure))
    }
}
