//! Taking over what an earlier life of the service left running.

use crate::{
    domain::{ids::CommitId, lifecycle::Input, runtime::ImagePlan},
    engine::{Container, LABEL_DEPENDENCY_KEY},
    preview::{
        agent::AgentClient,
        driver::Driver,
        files::FileSet,
        images::ReadyImage,
        reload::plan,
        route::RouteState,
        session::{Session, Started},
    },
};

impl Driver {
    /// Takes over a container of an earlier life of the service, or removes it.
    pub(super) async fn adopt(&mut self, container: Container) {
        let id = container.id.clone();
        match self.try_adopt(&container).await {
            Ok(()) => {
                self.handle.log.lifecycle("taken over with its container");
                tracing::info!(preview = %self.handle.id, "preview taken over");
            }
            Err(reason) => {
                tracing::info!(preview = %self.handle.id, reason, "the container is made anew");
                self.session = None;
                if let Err(error) = self.core.engine.remove(&id).await {
                    tracing::warn!(preview = %self.handle.id, error = %error, "a container could not be removed");
                }
            }
        }
    }

    async fn try_adopt(&mut self, container: &Container) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let key = container.labels.get(LABEL_DEPENDENCY_KEY).cloned().ok_or("it has no dependency key")?;
        let session_log = self.handle.log.clone();
        let placeholder: CommitId = "0".repeat(40).parse().map_err(|error| text(&error))?;
        let agent = AgentClient::connect(self.core.engine.dial(&container.id).await.map_err(|error| text(&error))?)
            .await
            .map_err(|error| text(&error))?;
        let status = agent.status().await.map_err(|error| text(&error))?;
        let commit: CommitId = status.revision.as_deref().unwrap_or_default().parse().unwrap_or(placeholder);
        let process = status.process.filter(|process| process.running).ok_or("its app does not run")?;
        let (tree, plan) = plan(&self.core, &self.spec, &commit).await.map_err(|error| text(&error))?;
        let files = FileSet::new(&tree, &plan);
        let limits = self.spec.overrides.limits.over(self.core.settings.limits(plan.stack));
        let mut session =
            Session::open(&self.core.engine, &container.id, key.clone(), plan.clone(), commit.clone(), &session_log)
                .await
                .map_err(|error| text(&error))?;
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
        }
        let image = ReadyImage { key, image: self.image_of(&session).await };
        let port = self.command(&plan, &image).port;
        let started = session.started(&self.core.engine, port, self.core.settings.start_timeout).await;
        let Started::Answering(answering) = started.map_err(|error| text(&error))? else {
            return Err("its app does not answer".to_owned());
        };
        self.handle.set_status(|status| {
            status.stack = Some(plan.stack);
            status.limits = limits;
            status.container = Some(container.id.clone());
            status.dependency_key = container.labels.get(LABEL_DEPENDENCY_KEY).cloned();
            status.applied = Some(commit.clone());
            status.settled = Some(commit);
            status.applies = status.applies.max(1);
            status.failure = None;
        });
        self.handle.route.set(RouteState::Open(answering.upstream));
        if container.name != self.handle.id.container_name() {
            let _ = self.core.engine.rename(&container.id, &self.handle.id.container_name()).await;
        }
        self.session = Some(session);
        self.input(Input::Ready);
        Ok(())
    }
}
