//! Making another container, beside the one that goes on serving.

use std::collections::BTreeMap;

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        limits::Limits,
        reload::{self, Strategy},
        runtime::{ImagePlan, RunPlan},
        spec::Stack,
        status::Making,
    },
    engine::{ContainerSpec, EngineError, LABEL_LIFE, LABEL_ROLE, LABEL_STACK, ROLE_PREVIEW},
    preview::{
        driver::{
            Driver,
            interrupted::Interrupted,
            prepare::Prepared,
            show::{change::DRAIN, reload::Progress},
            start::StartError,
        },
        image::install::handover::Fresh,
        unit::{
            ahead::begin_with,
            bounds::Bounds,
            claims,
            container::{self, Unclaimed},
            failures::{claim_failure, engine_failure, session_failure},
            files::FileSet,
            session::Session,
        },
    },
};

impl Driver {
    /// Makes a new container, and lets the old one go once the new one answers.
    pub(super) async fn replace(&mut self, mut prepared: Prepared, progress: &mut Progress) -> Result<(), Interrupted> {
        if let Some(session) = &self.session {
            progress.changed = session.files.difference(&prepared.files).changed.into();
            progress.strategy = Some(reload::decide(&session.plan, &prepared.plan, false, &progress.changed));
        } else {
            progress.changed = FileSet::default().difference(&prepared.files).changed.into();
            progress.strategy = Some(Strategy::FullPage);
        }
        self.handle.set_status(|status| status.making = Making::Process);
        if prepared.image.unseen {
            prepared.image = self.image(self.recipe(&prepared.plan, &prepared.files), None).await?;
        }
        let mut fresh = prepared.image.fresh.take();
        let opened = self.open(&prepared, fresh.as_ref()).await;
        let (mut session, container) = match opened {
            Err(failure) if fresh.is_some() => {
                drop(fresh.take());
                prepared.image = self.image(self.recipe(&prepared.plan, &prepared.files), None).await?;
                fresh = prepared.image.fresh.take();
                let opened = self.open(&prepared, fresh.as_ref()).await?;
                if fresh.is_none() {
                    // As with an engine that cannot lay one volume over another.
                    tracing::warn!(preview = %self.handle.id, message = failure.message, "an installation was not handed over");
                    self.core.images.note_handover(false);
                }
                opened
            }
            opened => {
                let opened = opened?;
                if fresh.is_some() {
                    self.core.images.note_handover(true);
                }
                opened
            }
        };
        let failed = |error| Interrupted::Failed(session_failure(FailureStage::Sync, &error));
        if matches!(prepared.plan.image, ImagePlan::Dependencies(_)) {
            session.sync_all(&self.core.vfs, &self.spec.project, prepared.files.clone()).await.map_err(failed)?;
        } else {
            session.files = prepared.files.clone();
        }
        let folder = self.command(&session.plan, &prepared.image.image).cwd;
        session.lacks_data = !self.carry_over(&session, &folder).await;
        self.synced(progress);
        if let Some(before) = &self.session {
            session.takes_after(before);
        }
        let outcome = match self.start(&mut session, &prepared.image).await {
            Ok(()) => Ok(()),
            // It is what answers from now on.
            Err(StartError::Page(failure)) => Err(Interrupted::Failed(failure)),
            Err(StartError::Session(error)) => return Err(session_failure(FailureStage::Start, &error).into()),
            Err(StartError::Interrupted(interrupted)) => return Err(interrupted),
        };
        drop(fresh);
        session.lease.clone_from(&prepared.image.lease);
        self.claim(session, container);
        self.prebundle();
        outcome
    }

    /// Returns what a container of the preview is made from, but for its image and what goes with that.
    pub(super) async fn container_spec(&mut self, plan: &RunPlan, limits: Limits) -> Result<ContainerSpec, Failure> {
        let name = self.claims.begin(self.is_beside());
        // Until it answers first; see `Bounds::put_down`.
        let machine = self.core.engine.machine().await.map_err(|error| engine_failure(FailureStage::Start, &error))?;
        let burst = Limits { cpus: limits.cpus.max(self.core.settings.burst_cpus), ..limits };
        // What is lifted has to be put down.
        let lifts = limits.cpus < burst.cpus && self.core.engine.capabilities().resize;
        let life = self.core.settings.life.as_str();
        let labels = [(LABEL_ROLE, ROLE_PREVIEW), (LABEL_STACK, plan.stack.as_str()), (LABEL_LIFE, life)];
        Ok(ContainerSpec {
            name,
            image: String::new(),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            environment: BTreeMap::new(),
            limits: if lifts { burst.on_machine(machine.cpus) } else { limits },
            make_folders: plan.stack == Stack::Dockerfile,
            volumes: Vec::new(),
        })
    }

    /// Returns whether another container has the preview's name.
    fn is_beside(&self) -> bool {
        self.session.is_some() || self.leaving.is_some()
    }

    /// Makes a container and connects to its agent.
    async fn open(&mut self, prepared: &Prepared, fresh: Option<&Fresh>) -> Result<(Session, Unclaimed), Failure> {
        let (limits, allowance) = prepared.bounds;
        let mut spec = self.container_spec(&prepared.plan, limits).await?;
        let lifted = spec.limits;
        let prebundled = match fresh {
            Some(_) => None,
            None => self.core.images.prebundled(&prepared.plan).await,
        };
        let image = prebundled.as_ref().unwrap_or(&prepared.image.image).id.clone();
        let volumes = fresh.map(|fresh| fresh.volumes.clone()).unwrap_or_default();
        begin_with(&mut spec, &prepared.image.key, image, volumes);
        let id = self.run_container(spec).await.map_err(|error| engine_failure(FailureStage::Start, &error))?;
        let engine = &self.core.engine;
        let container = Unclaimed::new(engine.clone(), id);
        let others = self.session.iter().chain(&self.replaced).map(|session| session.container.clone());
        let others = others.chain(self.leaving.iter().map(|leaving| leaving.container.clone()));
        let claiming = self.claims.claim(&self.core.store, container.id(), others.collect::<Vec<_>>());
        let bounds = Bounds::new(
            engine.clone(),
            container.id().to_owned(),
            self.handle.clone(),
            (limits, allowance),
            lifted.cpus > limits.cpus,
            self.given.clone(),
        );
        let opening =
            Session::open(engine, bounds, prepared.image.key.clone(), prepared.plan.clone(), prepared.commit.clone());
        let (claimed, session) = tokio::join!(claiming, opening);
        claimed.map_err(|error| claim_failure(&error))?;
        let session = session.map_err(|error| session_failure(FailureStage::Start, &error))?;
        Ok((session, container))
    }

    /// Makes a container. One of the same name that an earlier life of the service left, and that could not be taken
    /// over, goes.
    ///
    /// Docker may keep a name for good that nothing has, as when a container is renamed while it is being removed. Then
    /// the container gets a name beside it.
    async fn run_container(&mut self, mut spec: ContainerSpec) -> Result<String, EngineError> {
        let (ahead, beside) = (self.ahead.take(), self.is_beside());
        let engine = &self.core.engine;
        if let Some(ahead) = ahead.filter(|ahead| ahead.is(&spec, beside))
            && let Ok(container) = ahead.start().await
        {
            return Ok(container);
        }
        match engine.run(spec.clone()).await {
            Err(EngineError::Conflict { .. }) => {}
            outcome => return outcome,
        }
        claims::free(engine, &spec.name).await?;
        spec.name = self.claims.begin(true);
        engine.run(spec).await
    }

    /// Makes a container the preview's own.
    fn claim(&mut self, session: Session, container: Unclaimed) {
        container.claim();
        self.replaced.extend(self.session.replace(session));
    }

    /// Gives the container that was claimed its name, and lets those before go once their requests have ended.
    pub(super) async fn retire(&mut self) {
        for old in std::mem::take(&mut self.replaced) {
            claims::take_name(&self.core.engine, &self.handle.id, &old.container).await;
            let (core, handle) = (self.core.clone(), self.handle.clone());
            self.retiring.spawn(async move {
                handle.route.drained(DRAIN).await;
                let (container, key) = (old.container.clone(), old.key.clone());
                let built = old.lease.is_some();
                drop(old);
                container::remove(&core.engine, &container).await;
                if built {
                    core.images.release(&key).await;
                }
            });
            if let Some(session) = &self.session {
                claims::give_name(&self.core.engine, &self.handle.id, &session.container).await;
            }
        }
        while self.retiring.try_join_next().is_some() {}
    }
}
