//! Starting the app's process, and waiting for its first answer.

use std::time::Duration;

use crate::{
    agent::Exit,
    domain::{
        failure::{Failure, FailureStage},
        logs::LogSource,
        ports::ExpectedPort,
        reason::Reason,
        runtime::{ImagePlan, ReloadPlan, RunPlan},
    },
    engine::Image,
    preview::{
        driver::{
            Driver,
            interrupted::Interrupted,
            prepare::{PATIENT, newer},
            session_event,
            show::tell::{Told, tell},
            teardown::data_of,
        },
        image::images::ReadyImage,
        unit::session::{Answering, Command, Session, SessionError, Started},
    },
    stack::{self, End},
};

/// How long a starting app is waited for when a newer commit is there.
const PATIENCE: Duration = Duration::from_secs(3);
/// The port of an image that exposes none.
const FALLBACK_PORT: u16 = 8080;

impl Driver {
    /// Starts the app, waits for its first answer and lets requests through. The session of the driver, if it has one, is
    /// another, which goes on serving meanwhile.
    pub(super) async fn start(&mut self, session: &mut Session, image: &ReadyImage) -> Result<(), StartError> {
        let outcome = loop {
            let mark = self.handle.log.last();
            self.handle.set_status(|status| status.http_status = None);
            self.death = None;
            let command = self.command(&session.plan, &image.image);
            let port = command.port;
            session.start(command).await?;
            match self.answer(session, port, mark).await {
                // With what it was given meanwhile, or is now, it may come further. Each turn has more than the one before.
                Err(StartError::Interrupted(Interrupted::Failed(failure)))
                    if failure.reason == Reason::OutOfMemory
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
    ///
    /// A page that is an error is shown as well, unless another container goes on serving a good one.
    pub(super) async fn answer(
        &mut self,
        session: &mut Session,
        port: ExpectedPort,
        mark: u64,
    ) -> Result<(), StartError> {
        let timeout = self.core.settings.start_timeout;
        match self.await_started(session, port, timeout, false).await? {
            Started::Answering(answering) => {
                self.note_port(&answering, port.number);
                let asked = self.ask(session).await?;
                let compiles = asked.is_none();
                let failure = asked.or(self.look_at(session, &answering, mark).await);
                session.bounds.put_down().await;
                if let Some(failure) = failure.clone().filter(|_| self.serves_well()) {
                    return Err(failure.into());
                }
                if self.handle.status().borrow().applied.is_none() {
                    // The time without use begins with the first answer.
                    self.handle.route.touch();
                }
                // Whoever has an answer is told that it runs.
                if compiles {
                    self.record_shown(session).await;
                } else {
                    // Whoever takes it over could not see what is wrong, and starts it anew.
                    self.note_shown(session);
                }
                self.data = data_of(session);
                self.handle.set_status(|status| status.answers(answering.upstream));
                failure.map_or(Ok(()), |failure| Err(StartError::Page(failure)))
            }
            Started::Exited(exit) => {
                // What the process before said last is no part of it.
                let mark = session.drained(&exit).await.map_or(mark, |before| before.max(mark));
                Err(self.exited(session, &exit, mark).into())
            }
            Started::Tls(port) => Err(speaks_tls(port).into()),
            Started::TimedOut(listening, _)
                if port.named && !listening.is_empty() && !listening.contains(&port.number) =>
            {
                Err(elsewhere(&listening, port.number).into())
            }
            Started::TimedOut(listening, message) => {
                let end = End::TimedOut { listening, message };
                Err(self.explain(session, &end, mark).into())
            }
        }
    }

    /// Waits for an answer, unless something else comes between.
    pub(super) async fn await_started(
        &mut self,
        session: &mut Session,
        port: ExpectedPort,
        timeout: Duration,
        again: bool,
    ) -> Result<Started, StartError> {
        let engine = self.core.engine.clone();
        tokio::select! {
            started = session.started(&engine, port, timeout, again) => Ok(started?),
            event = session_event(&mut self.session) => Err(Interrupted::Disturbed(event).into()),
            () = async {
                tokio::time::sleep(if self.patient { PATIENT } else { PATIENCE }).await;
                newer(&self.core.vfs, &self.handle, &mut self.follower, &mut self.apply_request, &self.known).await;
            } => Err(Interrupted::Superseded.into()),
        }
    }

    /// Asks a development server whether what it is about to show is without errors. It answers for its page in any case.
    /// Returns what is wrong with a page that can be shown all the same.
    async fn ask(&self, session: &mut Session) -> Result<Option<Failure>, StartError> {
        if session.plan.start.reload != ReloadPlan::Control {
            return Ok(None);
        }
        match tell(session, &session.commit, &[]).await {
            Told::Taken(_, packages) => {
                session.packages = packages;
                Ok(None)
            }
            Told::Stale => Ok(None),
            // Its page says so too, and mends itself with the commit that mends it.
            Told::Broken(failure) => Ok(Some(failure)),
            Told::Lost(error) => Err(error.into()),
            Told::Silent(error) => {
                session.silent = true;
                let text =
                    format!("the development server cannot be told of changes and is started anew for each: {error}");
                self.handle.log.lifecycle(text);
                Ok(None)
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
        let port = match (plan.start.port, image.exposed_ports.as_slice()) {
            (0, [only]) => ExpectedPort { number: *only, named: true },
            (0, several) => ExpectedPort { number: several.first().copied().unwrap_or(FALLBACK_PORT), named: false },
            (number, _) => ExpectedPort { number, named: plan.start.named_port },
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
        if failure.reason == Reason::OutOfMemory {
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

/// Returns the failure of an app that speaks TLS.
fn speaks_tls(port: u16) -> Failure {
    let message = format!("the app speaks TLS on port {port}, and a preview is reached over plain HTTP: turn TLS off");
    Failure::new(FailureStage::Start, Reason::SpeaksTls, message)
}

/// Returns the failure of an app that listens on other ports than the one that was named.
fn elsewhere(listening: &[u16], named: u16) -> Failure {
    let ports: Vec<String> = listening.iter().map(u16::to_string).collect();
    let message = format!(
        "the app listens on {} and not on {named}, the port that the project or the request names",
        ports.join(", ")
    );
    Failure::new(FailureStage::Start, Reason::NotListening, message)
}

pub(super) enum StartError {
    /// It answers with an error, at the preview's URL.
    Page(Failure),
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
