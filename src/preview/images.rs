//! The images that hold dependencies, and those built from projects' own Dockerfiles: which there are, and which are
//! being made.
//!
//! An image is named by what decides it, made once however many previews want it at the same time, and shared by all of
//! them. How one is made is in [`recipe`](super::recipe).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use crate::{
    domain::{
        dependencies,
        failure::{Failure, FailureStage},
        logs::LogSource,
        spec::Stack,
    },
    engine::{Container, EngineError, Image, LABEL_DEPENDENCY_KEY, LABEL_STACK, SharedEngine},
    preview::{
        log::Log,
        recipe::{Name, Recipe, Source},
        session::SessionError,
        settings::Settings,
    },
};

/// How many lines of progress may wait to be copied.
pub(super) const PROGRESS: usize = 256;
/// How many log lines are copied at once.
const BATCH: usize = 256;
/// The shortest time between two looks at the images that are there.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// How many characters of a key are in a name for people.
pub(super) const SHORT: usize = 12;

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
        match &recipe.source {
            Source::Dependencies(plan) => {
                let reference = self.settings.images.get(&plan.base).cloned().unwrap_or_default();
                let base = self.base(&reference, log).await?;
                let info = self.engine.info().await.map_err(|error| engine_failure(FailureStage::Image, &error))?;
                Ok((dependencies::key(plan, &base.id, &info.architecture), base.id))
            }
            Source::Build { tree, .. } => Ok((tree.clone(), String::new())),
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
            let name = Name { key: key_of_task, tag, base };
            let outcome = recipe.make(&this.engine, &this.settings, &name, &log_of_task).await;
            sender.send_replace(Some(outcome));
        })
        .abort_handle();
        let flight = Arc::new(Flight { log, result, task });
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }
}

/// Returns a failure of the engine, in its own words.
pub fn engine_failure(stage: FailureStage, error: &EngineError) -> Failure {
    let (reason, message) = match error {
        EngineError::Unreachable(_) => ("ENGINE_UNAVAILABLE", error.to_string()),
        EngineError::Image { .. } => ("IMAGE_UNAVAILABLE", error.to_string()),
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

pub(super) async fn with_progress<T>(work: impl Future<Output = T>, mut lines: mpsc::Receiver<String>, log: &Log) -> T {
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
