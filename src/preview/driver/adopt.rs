//! Taking over what an earlier life of the service left running.

use std::{
    fmt::Display,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use crate::{
    domain::{
        events::Stage,
        failure::Failure,
        ids::CommitId,
        runtime::{ImagePlan, RunPlan},
    },
    engine::{Container, ContainerState, EngineError, Image, LABEL_DEPENDENCY_KEY},
    preview::{
        driver::{
            Driver,
            carry::{ENDING, LOOK_AGAIN},
            prepare::left_by_installation,
            show::reload::Progress,
            target,
            teardown::data_of,
        },
        image::{images::Looked, recipe::DEPENDENCIES},
        planner::plan,
        unit::{
            bounds::Bounds,
            claims,
            files::FileSet,
            session::{Position, Session, SessionError, Started, connect},
        },
    },
};

/// How long the engine may take to say which dependencies a container has.
const KEY_FOR: Duration = Duration::from_secs(2);

/// What became of a container that was to be taken over.
pub(super) enum Heard {
    /// It serves.
    TakenOver,
    /// It runs, and is not taken over for this reason.
    Refused(String),
    /// It does not run; what the engine says of it.
    Ended(Option<Container>),
}

/// Why an attempt to take a container over came to nothing.
enum Refusal {
    /// It cannot be taken over.
    For(String),
    /// Its agent was not heard, which may be otherwise a moment later.
    Disconnected(String),
    /// The engine says nothing of it.
    Unknown(EngineError),
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::For(reason.to_owned())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        if error.says_nothing() { Self::Unknown(error) } else { Self::For(error.to_string()) }
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Engine(error) if error.says_nothing() => Self::Unknown(error),
            error if error.is_lost() => Self::Disconnected(error.to_string()),
            error => Self::For(error.to_string()),
        }
    }
}

impl Driver {
    /// Takes over the container of an earlier life of the service, or lets it go.
    ///
    /// # Errors
    /// The engine cannot be reached: nothing is known of the container, and it is left as it is.
    pub(super) async fn adopt(&mut self, container: &Container) -> Result<(), EngineError> {
        if container.state == ContainerState::Paused {
            self.wake(&container.id).await?;
        }
        match self.hear(container, &Position::default()).await? {
            Heard::TakenOver => {}
            Heard::Refused(reason) => self.refuse(&container.id, &reason).await,
            Heard::Ended(_) => self.refuse(&container.id, "it has ended").await,
        }
        Ok(())
    }

    /// Takes over a container that runs. Its output up to `position` is in the log. One whose agent cannot be spoken with
    /// is asked again as long as it runs, for the time that an end takes: the engine says of one that is ending that it
    /// runs, and an app may end the stream to its agent at any time.
    ///
    /// # Errors
    /// The engine cannot be reached: nothing is known of the container, and it is left as it is.
    pub(super) async fn hear(&mut self, container: &Container, position: &Position) -> Result<Heard, EngineError> {
        let deadline = Instant::now() + ENDING;
        loop {
            let Err(refusal) = self.try_adopt(container, position).await else {
                self.handle.log.lifecycle("taken over with its container");
                tracing::info!(preview = %self.handle.id, "preview taken over");
                return Ok(Heard::TakenOver);
            };
            // As when the engine goes away on the way, which says nothing against the container.
            let seen = match self.core.engine.container(&container.id).await {
                Err(error) if !error.says_nothing() => return Ok(Heard::Refused(error.to_string())),
                seen => seen?,
            };
            if !seen.as_ref().is_some_and(Container::runs) {
                return Ok(Heard::Ended(seen));
            }
            match refusal {
                Refusal::Unknown(error) => return Err(error),
                Refusal::For(reason) => return Ok(Heard::Refused(reason)),
                Refusal::Disconnected(reason) if Instant::now() > deadline => return Ok(Heard::Refused(reason)),
                Refusal::Disconnected(_) => sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Lets a container go that is not taken over.
    pub(super) async fn refuse(&mut self, container: &str, reason: &str) {
        tracing::info!(preview = %self.handle.id, reason, "the container is made anew");
        self.session = None;
        self.gone();
        self.let_go(container).await;
    }

    async fn try_adopt(&mut self, container: &Container, position: &Position) -> Result<(), Refusal> {
        let mut session = self.session_over(container, position).await?;
        let image = self.installed_image(&session).await;
        let port = self.command(&session.plan, &image).port;
        let mark = self.handle.log.last();
        let engine = self.core.engine.clone();
        let started = session.started(&engine, port, self.core.settings.start_timeout, false).await;
        let Started::Answering(answering) = started? else {
            return Err("its app does not answer".into());
        };
        if container.name != claims::name(&self.handle.id) {
            claims::give_name(&self.core.engine, &self.handle.id, &container.id).await;
        }
        let mut failure = self.look_at(&session, &answering, mark).await;
        if let Some(failure) = &mut failure {
            failure.commit = Some(session.commit.clone());
        }
        self.serves_again(session, &image, answering.upstream, failure).await;
        Ok(())
    }

    /// Returns a session over a container that runs, once its files are those of the commit that it says it shows.
    async fn session_over(&mut self, container: &Container, position: &Position) -> Result<Session, Refusal> {
        let key = container.labels.get(LABEL_DEPENDENCY_KEY).cloned().ok_or("it has no dependency key")?;
        let agent = connect(&self.core.engine, &container.id).await?;
        let status = agent.status().await.map_err(SessionError::from)?;
        let process = status.process.filter(|process| process.running).ok_or("its app does not run")?;
        let marked = status.marked.ok_or("no commit of it has answered")?;
        let commit: CommitId = marked.parse().map_err(refused)?;
        let (tree, plan) = plan(&self.core, &self.spec, &commit, &mut self.planned).await.map_err(refused)?;
        let files = FileSet::new(&tree, &plan);
        let bounds = self.found_bounds(&container.id, &plan).await?;
        let mut session = Session::over(agent, bounds, key, plan, commit, position).await?;
        session.adopt(process.generation);
        if let Some(before) = self.session.as_ref().filter(|before| before.container == container.id) {
            session.takes_after(before);
        }
        if matches!(session.plan.image, ImagePlan::Dependencies(_)) {
            // The agent lives with untrusted code: what it says it has is made true. One that is lost meanwhile may have
            // written, which the next attempt would not see: there is none.
            let written = session.sync_all(&self.core.vfs, &self.spec.project, files).await.map_err(refused)?;
            if written > 0 {
                return Err("its files are not those of the commit".into());
            }
        } else {
            session.files = files;
            session.lease = Some(self.core.images.lease(&session.key).await);
            self.built.insert(session.key.clone());
        }
        Ok(session)
    }

    /// Records and says that a container that was taken over is what answers, at `upstream`. `failure` is what is wrong with
    /// its page.
    async fn serves_again(&mut self, session: Session, image: &Image, upstream: SocketAddr, failure: Option<Failure>) {
        let commit = session.commit.clone();
        let target = target(&self.core.vfs, &self.handle).await.ok().flatten();
        let limits = session.bounds.limits().await;
        self.record_shown(&session).await;
        self.data = data_of(&session);
        self.handle.set_status(|status| {
            status.answers(upstream);
            status.stack = Some(session.plan.stack);
            status.limits = limits;
            status.notes = session.plan.warnings(left_by_installation(image));
            status.settled = Some(commit.clone());
            // What was asked for and does not answer yet is tried again.
            status.apply_request = if target.as_ref() == Some(&commit) { status.apply_request.max(1) } else { 0 };
            status.failure.clone_from(&failure);
        });
        self.session = Some(session);
        // For those who were told of it before anything answered.
        let stage = if failure.is_some() { Stage::Failed } else { Stage::Ready };
        self.publish(&Progress::quiet(&commit), stage, failure);
    }

    /// Returns the image of what is installed in a container. The next commit that needs no other asks for none: its own may
    /// not have been made.
    async fn installed_image(&mut self, session: &Session) -> Image {
        let own = self.image_of(session).await;
        let ImagePlan::Dependencies(install) = &session.plan.image else { return own };
        let (images, log) = (self.core.images.clone(), self.handle.log.clone());
        // A base image that has gone is pulled by who needs it.
        let key = timeout(KEY_FOR, images.dependencies(install, &log, &mut self.held)).await;
        if !matches!(key, Ok(Ok((key, _))) if key == session.key) {
            return own;
        }
        let made = self.core.engine.image(&images.tag(DEPENDENCIES, &session.key)).await.ok().flatten();
        let image = made.unwrap_or(own);
        self.looked = Some(Looked { install: install.clone(), key: session.key.clone(), image: image.clone() });
        image
    }

    /// Returns the bounds of a container that runs. What it was given it keeps; a CPU that is lifted still is put down.
    async fn found_bounds(&self, container: &str, plan: &RunPlan) -> Result<Arc<Bounds>, EngineError> {
        let engine = &self.core.engine;
        let found = engine.limits(container).await?;
        let found = found.ok_or_else(|| EngineError::NotFound { what: "container", name: container.to_owned() })?;
        let (mut limits, allowance) = self.bounds(plan);
        if found.memory_bytes > limits.memory_bytes {
            limits.memory_bytes = found.memory_bytes;
            if found.memory_bytes <= allowance.most_bytes {
                self.given.fetch_max(found.memory_bytes, Ordering::AcqRel);
            }
        }
        let bounds = Bounds::new(
            engine.clone(),
            container.to_owned(),
            self.handle.clone(),
            (limits, allowance),
            found != limits,
            self.given.clone(),
        );
        bounds.put_down().await;
        Ok(bounds)
    }
}

fn refused(reason: impl Display) -> Refusal {
    Refusal::For(reason.to_string())
}
