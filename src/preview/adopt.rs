//! Taking over what an earlier life of the service left running.

use std::sync::{Arc, atomic::Ordering};

use crate::{
    domain::{
        events::Stage,
        ids::CommitId,
        runtime::{ImagePlan, RunPlan},
    },
    engine::{Container, EngineError, LABEL_DEPENDENCY_KEY},
    preview::{
        bounds::Bounds,
        driver::{Driver, target},
        files::FileSet,
        reload::{Progress, plan},
        route::RouteState,
        session::{Position, Session, Started, connect},
    },
};

impl Driver {
    /// Takes over a container that runs, or removes it. Its output up to `position` is in the log.
    ///
    /// # Errors
    /// The engine cannot be reached: nothing is known of the container, and it is left as it is.
    pub(super) async fn adopt(&mut self, container: &Container, position: Position) -> Result<(), EngineError> {
        match self.try_adopt(container, position).await {
            Ok(()) => {
                self.handle.log.lifecycle("taken over with its container");
                tracing::info!(preview = %self.handle.id, "preview taken over");
            }
            Err(reason) => {
                // As when the engine goes away on the way, which says nothing against the container.
                self.core.engine.info().await?;
                tracing::info!(preview = %self.handle.id, reason, "the container is made anew");
                self.session = None;
                self.gone();
                self.let_go(&container.id).await;
            }
        }
        Ok(())
    }

    async fn try_adopt(&mut self, container: &Container, position: Position) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let key = container.labels.get(LABEL_DEPENDENCY_KEY).cloned().ok_or("it has no dependency key")?;
        let agent = connect(&self.core.engine, &container.id).await.map_err(|error| text(&error))?;
        let status = agent.status().await.map_err(|error| text(&error))?;
        let process = status.process.filter(|process| process.running).ok_or("its app does not run")?;
        let marked = status.marked.ok_or("no commit of it has answered")?;
        let commit: CommitId = marked.parse().map_err(|error| text(&error))?;
        let (tree, plan) = plan(&self.core, &self.spec, &commit).await.map_err(|error| text(&error))?;
        let files = FileSet::new(&tree, &plan);
        let bounds = self.found_bounds(&container.id, &plan).await.map_err(|error| text(&error))?;
        let session = Session::over(agent, bounds, key.clone(), plan.clone(), commit.clone(), &position);
        let mut session = session.await.map_err(|error| text(&error))?;
        session.adopt(process.generation);
        if matches!(plan.image, ImagePlan::Dependencies(_)) {
            // The agent lives with untrusted code: what it says it has is made true.
            let written =
                session.sync_all(&self.core.vfs, &self.spec.project, files).await.map_err(|error| text(&error))?;
            if written > 0 {
                return Err("its files are not those of the commit".to_owned());
            }
        } else {
            session.files = files;
            session.lease = Some(self.core.images.lease(&key).await);
            self.built.insert(key.clone());
        }
        let port = self.command(&plan, &self.image_of(&session).await).port;
        let mark = self.handle.log.last();
        let engine = self.core.engine.clone();
        let started = session.started(&engine, port, self.core.settings.start_timeout, false).await;
        let Started::Answering(answering) = started.map_err(|error| text(&error))? else {
            return Err("its app does not answer".to_owned());
        };
        if container.name != self.handle.id.container_name() {
            let _ = self.core.engine.rename(&container.id, &self.handle.id.container_name()).await;
        }
        let mut failure = self.look_at(&session, &answering, mark).await;
        if let Some(failure) = &mut failure {
            failure.commit = Some(commit.clone());
        }
        let target = target(&self.core.vfs, &self.handle).await.ok().flatten();
        let limits = session.bounds.limits().await;
        self.handle.set_status(|status| {
            status.stack = Some(plan.stack);
            status.limits = limits;
            status.notes = plan.warnings();
            status.settled = Some(commit.clone());
            // What was asked for and does not answer yet is tried again.
            status.applies = if target.as_ref() == Some(&commit) { status.applies.max(1) } else { 0 };
            status.failure.clone_from(&failure);
        });
        self.shows(&session).await;
        self.session = Some(session);
        self.handle.route.set(RouteState::Open(answering.upstream));
        // For those who were told of it before anything answered.
        let stage = if failure.is_some() { Stage::Failed } else { Stage::Ready };
        self.publish(&Progress::quiet(&commit), stage, failure);
        Ok(())
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
