//! The images that hold dependencies, and those built from projects' own Dockerfiles.
//!
//! An image is named by what decides it, made once however many previews want it at the same time, and shared by all of
//! them. It is made by running the installation in a container under the limits of the stack, and committing that: no
//! image is built for a change of sources.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use crate::{
    domain::{
        dependencies,
        failure::{Failure, FailureStage},
        limits::Limits,
        logs::LogSource,
        runtime::{InstallPlan, RunPlan},
        spec::Stack,
        tree::EntryKind,
    },
    engine::{
        APP_ROOT, BuildSpec, Container, ContainerSpec, EngineError, Image, LABEL_DEPENDENCY_KEY, LABEL_ROLE,
        LABEL_STACK, SharedEngine,
    },
    preview::{
        agent::{AgentClient, AgentEvent, StartSpec, SyncFile, SyncPlan},
        container::Unclaimed,
        log::Log,
        session::{SessionError, working_folder},
        settings::Settings,
    },
    stack::{self, End},
};

/// How many lines of progress may wait to be copied.
const PROGRESS: usize = 256;
/// How many log lines are copied at once.
const BATCH: usize = 256;
/// The shortest time between two looks at the images that are there.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// How many characters of a key are in a name for people.
const SHORT: usize = 12;

/// What an image is made from.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// A base image, and what is installed into it.
    Dependencies {
        /// What.
        plan: InstallPlan,
        /// For which project.
        run: Box<RunPlan>,
        /// Under which bounds.
        limits: Limits,
    },
    /// A project's own Dockerfile.
    Build {
        /// The tree that it is built from, as a tar archive.
        context: Bytes,
        /// The Dockerfile's path in it.
        dockerfile: String,
        /// What names the tree.
        tree: String,
        /// Under which bounds.
        limits: Limits,
    },
}

/// An image that is there, and the key that it is known by.
#[derive(Debug, Clone)]
pub struct ReadyImage {
    /// The key.
    pub key: String,
    /// The image.
    pub image: Image,
}

/// Makes images, and knows which are being made.
pub struct Images {
    engine: SharedEngine,
    settings: Arc<Settings>,
    instance: String,
    flights: Mutex<HashMap<String, Weak<Flight>>>,
    used: Mutex<Used>,
}

/// When dependency images were last wanted, in this life of the service.
#[derive(Default)]
struct Used {
    looked: Option<Instant>,
    by_key: HashMap<String, Instant>,
}

/// An image that is being made. It ends with the last one who waits for it.
struct Flight {
    log: Log,
    result: watch::Receiver<Option<Result<Image, Failure>>>,
    task: AbortHandle,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Images {
    /// Returns a maker of images for one instance.
    pub fn new(engine: SharedEngine, settings: Arc<Settings>, instance: &str) -> Arc<Self> {
        let instance = instance.chars().take(SHORT).collect();
        Arc::new(Self { engine, settings, instance, flights: Mutex::default(), used: Mutex::default() })
    }

    /// Returns the image of a recipe, making it if it is not there. `making` is called when it has to be made.
    /// Dropping the future ends the making, unless somebody else waits for it.
    pub async fn ensure(
        self: &Arc<Self>,
        recipe: Recipe,
        log: &Log,
        making: impl FnOnce(),
    ) -> Result<ReadyImage, Failure> {
        let (key, base) = self.key(&recipe, log).await?;
        let tag = format!("previewd-{}/{}:{key}", self.instance, recipe.role());
        self.used.lock().unwrap_or_else(PoisonError::into_inner).by_key.insert(key.clone(), Instant::now());
        if let Some(image) =
            self.engine.image(&tag).await.map_err(|error| engine_failure(FailureStage::Image, &error))?
        {
            return Ok(ReadyImage { key, image });
        }
        making();
        let flight = self.join(&key, tag, recipe, base);
        let mut result = flight.result.clone();
        let mut lines = flight.log.newest();
        let mut position = 0;
        loop {
            let outcome = result.borrow_and_update().clone();
            position = copy(&flight.log, position, log);
            if let Some(outcome) = outcome {
                return outcome.map(|image| ReadyImage { key, image });
            }
            tokio::select! {
                changed = result.changed() => if changed.is_err() {
                    return Err(Failure::new(FailureStage::Install, "INTERNAL", "the installation was abandoned"));
                },
                _ = lines.changed() => {}
            }
        }
    }

    /// Removes the image of a container that is gone, if it was built for that preview alone.
    pub async fn release(&self, container: &Container) {
        if container.labels.get(LABEL_STACK).is_none_or(|stack| stack != Stack::Dockerfile.as_str()) {
            return;
        }
        match self.engine.remove_image(&container.image).await {
            // In use by another preview of the same tree, which will release it in its turn.
            Ok(()) | Err(EngineError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(image = container.image, error = %error, "an image could not be removed"),
        }
    }

    /// Removes dependency images that no preview has used for so long. `in_use` has the keys of those that run.
    pub async fn forget_unused(&self, in_use: &BTreeSet<String>, age: Duration) {
        let now = Instant::now();
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_INTERVAL) {
                return;
            }
            used.looked = Some(now);
            used.by_key.extend(in_use.iter().map(|key| (key.clone(), now)));
        }
        // An engine that is away is looked at again later.
        let Ok(images) = self.engine.images().await else { return };
        for image in images {
            let Some(key) = image.labels.get(LABEL_DEPENDENCY_KEY) else { continue };
            let last = {
                let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                *used.by_key.entry(key.clone()).or_insert(now)
            };
            if now.duration_since(last) > age {
                tracing::info!(key, "removing dependencies that nobody has used");
                if let Err(error) = self.engine.remove_image(&image.id).await {
                    tracing::warn!(key, error = %error, "an image could not be removed");
                }
            }
        }
    }

    async fn key(&self, recipe: &Recipe, log: &Log) -> Result<(String, String), Failure> {
        match recipe {
            Recipe::Dependencies { plan, .. } => {
                let reference = self.settings.images.get(&plan.base).cloned().unwrap_or_default();
                let base = self.base(&reference, log).await?;
                let info = self.engine.info().await.map_err(|error| engine_failure(FailureStage::Image, &error))?;
                Ok((dependencies::key(plan, &base.id, &info.architecture), base.id))
            }
            Recipe::Build { tree, .. } => Ok((tree.clone(), String::new())),
        }
    }

    async fn base(&self, reference: &str, log: &Log) -> Result<Image, Failure> {
        let failed = |error: EngineError| engine_failure(FailureStage::Image, &error);
        if let Some(image) = self.engine.image(reference).await.map_err(failed)? {
            return Ok(image);
        }
        log.lifecycle(format!("pulling the image {reference}"));
        let (sender, receiver) = mpsc::channel(PROGRESS);
        let pull = self.engine.pull(reference, sender);
        with_progress(pull, receiver, log).await.map_err(failed)
    }

    fn join(self: &Arc<Self>, key: &str, tag: String, recipe: Recipe, base: String) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.strong_count() > 0);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        let log = Log::new();
        let (sender, result) = watch::channel(None);
        let this = self.clone();
        let (key_of_task, log_of_task) = (key.to_owned(), log.clone());
        // A task of its own: whoever asked first may go away while others wait. It is ended by the last of them.
        let task = tokio::spawn(async move {
            let outcome = this.make(&key_of_task, &tag, recipe, &base, &log_of_task).await;
            sender.send_replace(Some(outcome));
        })
        .abort_handle();
        let flight = Arc::new(Flight { log, result, task });
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }

    async fn make(&self, key: &str, tag: &str, recipe: Recipe, base: &str, log: &Log) -> Result<Image, Failure> {
        let timeout = self.settings.install_timeout;
        let stage = recipe.stage();
        let making = async {
            match recipe {
                Recipe::Dependencies { plan, run, limits } => {
                    self.install(key, tag, base, Installation { plan, run, limits }, log).await
                }
                Recipe::Build { context, dockerfile, limits, .. } => {
                    self.build(key, tag, context, dockerfile, limits, log).await
                }
            }
        };
        match tokio::time::timeout(timeout, making).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = format!("it did not end within {} s", timeout.as_secs());
                let mut failure = Failure::new(stage, "TIMEOUT", message);
                failure.log_excerpt = log.excerpt(0, &[LogSource::Install]);
                Err(failure)
            }
        }
    }

    async fn install(&self, key: &str, tag: &str, base: &str, what: Installation, log: &Log) -> Result<Image, Failure> {
        let lost = |error: SessionError| session_failure(FailureStage::Install, &error);
        let engine_lost = |error: EngineError| engine_failure(FailureStage::Install, &error);
        let short = key.chars().take(SHORT).collect::<String>();
        let suffix = uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect::<String>();
        let spec = ContainerSpec {
            name: format!("previewd-install-{short}-{suffix}"),
            image: base.to_owned(),
            labels: labels("install", what.run.stack, key),
            environment: BTreeMap::new(),
            limits: what.limits,
            make_folders: true,
        };
        let container = Unclaimed::new(self.engine.clone(), self.engine.run(spec).await.map_err(engine_lost)?);
        if !what.plan.commands.is_empty() {
            self.run_commands(container.id(), &what, log).await.map_err(lost)??;
        }
        let image = self
            .engine
            .commit(container.id(), tag, labels("dependencies", what.run.stack, key))
            .await
            .map_err(engine_lost)?;
        container.remove().await;
        Ok(image)
    }

    async fn run_commands(
        &self,
        container: &str,
        what: &Installation,
        log: &Log,
    ) -> Result<Result<(), Failure>, SessionError> {
        let agent = AgentClient::connect(self.engine.dial(container).await?).await?;
        let writes = what
            .plan
            .inputs
            .iter()
            .filter_map(|(path, content)| {
                let path = path.parse().ok()?;
                Some(SyncFile { path, kind: EntryKind::File, content: Bytes::from(content.clone()) })
            })
            .collect();
        agent.sync(APP_ROOT, "dependencies", SyncPlan { full: false, writes, deletes: Vec::new() }).await?;
        let mut environment = self.settings.environment.clone();
        environment.extend(what.plan.environment.clone());
        let spec = StartSpec {
            argv: vec!["/bin/sh".into(), "-ec".into(), what.plan.commands.join("\n")],
            cwd: working_folder(&what.run),
            environment,
            grace: Duration::ZERO,
            control: false,
            install: true,
        };
        let generation = agent.start(spec).await?;
        let mut events = agent.watch().await?;
        // The end of the process comes after all of its output.
        let exit = loop {
            match events.next().await {
                Some(Ok(event)) => match event {
                    AgentEvent::Output(line) => log.push(line),
                    AgentEvent::Dropped(lines) => log.lost(lines),
                    AgentEvent::Exit(exit) if exit.generation == generation => break Some(exit),
                    AgentEvent::Exit(_) => {}
                },
                Some(Err(error)) => return Err(error.into()),
                None => break None,
            }
        };
        let Some(exit) = exit else {
            return Ok(Err(Failure::new(
                FailureStage::Install,
                "INTERRUPTED",
                "the container of the installation ended",
            )));
        };
        if exit.code == 0 {
            return Ok(Ok(()));
        }
        let end = End::Exited { code: exit.code, out_of_memory: exit.out_of_memory };
        let lines = log.excerpt(0, &[LogSource::Install]);
        let mut failure = stack::explain(&what.run, FailureStage::Install, &end, &lines);
        failure.exit_code = Some(exit.code);
        Ok(Err(failure))
    }

    async fn build(
        &self,
        key: &str,
        tag: &str,
        context: Bytes,
        dockerfile: String,
        limits: Limits,
        log: &Log,
    ) -> Result<Image, Failure> {
        let spec = BuildSpec {
            tag: tag.to_owned(),
            context,
            dockerfile,
            labels: labels("build", Stack::Dockerfile, key),
            arguments: self.settings.build_arguments.clone(),
            limits,
        };
        let (sender, receiver) = mpsc::channel(PROGRESS);
        let outcome = with_progress(self.engine.build(spec, sender), receiver, log).await;
        outcome.map_err(|error| {
            let mut failure = engine_failure(FailureStage::Build, &error);
            failure.log_excerpt = log.excerpt(0, &[LogSource::Install]);
            failure
        })
    }
}

struct Installation {
    plan: InstallPlan,
    run: Box<RunPlan>,
    limits: Limits,
}

impl Recipe {
    fn role(&self) -> &'static str {
        match self {
            Self::Dependencies { .. } => "dependencies",
            Self::Build { .. } => "build",
        }
    }

    fn stage(&self) -> FailureStage {
        match self {
            Self::Dependencies { .. } => FailureStage::Install,
            Self::Build { .. } => FailureStage::Build,
        }
    }
}

/// Returns a failure of the engine, in its own words.
pub fn engine_failure(stage: FailureStage, error: &EngineError) -> Failure {
    let (reason, message) = match error {
        EngineError::Unreachable(_) => ("ENGINE_UNAVAILABLE", error.to_string()),
        EngineError::Image { .. } => ("IMAGE_UNAVAILABLE", error.to_string()),
        EngineError::Build(words) => ("BUILD_FAILED", words.clone()),
        _ => ("ENGINE_REFUSED", error.to_string()),
    };
    Failure::new(stage, reason, message)
}

/// Returns a failure of a session.
pub fn session_failure(stage: FailureStage, error: &SessionError) -> Failure {
    match error {
        SessionError::Engine(error) => engine_failure(stage, error),
        SessionError::Agent(_) => Failure::new(stage, "CONTAINER_LOST", format!("the container was lost: {error}")),
        SessionError::Vfs(_) => Failure::new(stage, "UNREADABLE", error.to_string()),
        SessionError::TooLarge { .. } => Failure::new(stage, "TOO_LARGE", error.to_string()),
    }
}

fn labels(role: &str, stack: Stack, key: &str) -> BTreeMap<String, String> {
    [(LABEL_ROLE, role), (LABEL_STACK, stack.as_str()), (LABEL_DEPENDENCY_KEY, key)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn with_progress<T>(work: impl Future<Output = T>, mut lines: mpsc::Receiver<String>, log: &Log) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            Some(line) = lines.recv() => log.text(LogSource::Install, &line),
            outcome = &mut work => {
                while let Ok(line) = lines.try_recv() {
                    log.text(LogSource::Install, &line);
                }
                return outcome;
            }
        }
    }
}

/// Copies what is new in one log to another, and returns where to go on.
fn copy(from: &Log, mut position: u64, to: &Log) -> u64 {
    loop {
        let batch = from.read(position, BATCH);
        if batch.lines.is_empty() {
            return batch.position;
        }
        to.lost(batch.missed);
        for (_, lost, line) in batch.lines {
            to.lost(lost);
            to.push(line);
        }
        position = batch.position;
    }
}
