//! Starting the app's process, and waiting for its first answer.

use std::time::Duration;

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::CommitId,
        logs::LogSource,
        runtime::RunPlan,
    },
    engine::Image,
    preview::{
        agent::Exit,
        driver::Driver,
        images::{ReadyImage, session_failure},
        reload::Interrupted,
        route::RouteState,
        session::{Answering, Session, SessionError, Started},
    },
    stack::{self, End},
};

/// How long a starting app is waited for when a newer commit is there.
const PATIENCE: Duration = Duration::from_secs(3);
/// The port of an image that exposes none.
const FALLBACK_PORT: u16 = 8080;

impl Driver {
    /// Starts the app, waits for its first answer and lets requests through.
    pub(super) async fn start(
        &mut self,
        session: &mut Session,
        image: &ReadyImage,
        commit: &CommitId,
    ) -> Result<(), StartError> {
        let mark = self.handle.log.last();
        let (argv, port) = command(&session.plan, image);
        let mut environment = self.core.settings.environment.clone();
        environment.extend(session.plan.start.environment.clone());
        environment.extend(self.spec.overrides.environment.clone());
        session.start(argv, environment).await?;
        let timeout = self.core.settings.start_timeout;
        let engine = self.core.engine.clone();
        let started = tokio::select! {
            started = session.started(&engine, port, timeout) => started?,
            () = self.newer_after(commit, PATIENCE) => return Err(Interrupted::Superseded.into()),
        };
        match started {
            Started::Answering(answering) => {
                self.note_port(&answering, port);
                self.handle.route.set(RouteState::Open(answering.upstream));
                Ok(())
            }
            Started::Exited(exit) => Err(self.exited(&session.plan, &exit, mark).into()),
            Started::TimedOut(listening, message) => {
                let end = End::TimedOut { listening, message };
                Err(self.explain(&session.plan, &end, mark).into())
            }
        }
    }

    pub(super) async fn restart_process(&mut self) -> Result<(), Interrupted> {
        let Some(mut session) = self.session.take() else { return Err(Interrupted::Superseded) };
        let commit = session.revision.clone();
        let image = ReadyImage { key: session.key.clone(), image: self.image_of(&session).await };
        let outcome = self.start(&mut session, &image, &commit).await;
        self.session = Some(session);
        outcome.map_err(|error| match error {
            StartError::Session(error) => session_failure(FailureStage::Run, &error).into(),
            StartError::Interrupted(interrupted) => interrupted,
        })
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

    fn exited(&self, plan: &RunPlan, exit: &Exit, mark: u64) -> Failure {
        let end = End::Exited { code: exit.code, out_of_memory: exit.out_of_memory };
        let mut failure = self.explain(plan, &end, mark);
        failure.exit_code = Some(exit.code);
        failure
    }

    fn explain(&self, plan: &RunPlan, end: &End, mark: u64) -> Failure {
        let lines = self.handle.log.excerpt(mark, &[LogSource::Stdout, LogSource::Stderr]);
        stack::explain(plan, FailureStage::Start, end, &lines)
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

/// Returns the command that starts the app, and the port that it is expected on.
pub(super) fn command(plan: &RunPlan, image: &ReadyImage) -> (Vec<String>, u16) {
    let argv = if plan.start.argv.is_empty() {
        image.image.entrypoint.iter().chain(&image.image.command).cloned().collect()
    } else {
        plan.start.argv.clone()
    };
    let port = match plan.start.port {
        0 => image.image.exposed_ports.first().copied().unwrap_or(FALLBACK_PORT),
        port => port,
    };
    (argv, port)
}
