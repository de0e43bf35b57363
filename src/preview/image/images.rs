//! The images that hold dependencies, and those built from projects' own Dockerfiles: which there are, and which are
//! being made.
//!
//! An image is named by what decides it, made once however many previews want it at the same time, and shared by all of
//! them. How one is made is in `install.rs` and `make.rs`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    domain::{
        dependencies,
        failure::{Failure, FailureStage},
        logs::LogSource,
        reason::Reason,
        runtime::InstallPlan,
    },
    engine::{EngineError, Image, LABEL_DEPENDENCY_KEY, LABEL_ROLE, ROLE_RUNTIME, SharedEngine},
    preview::{
        face::log::Log,
        image::{
            bundles::Bundles,
            flights::{Flights, Held, Landing, Made},
            install::handover::{Coming, Fresh, Offer},
            recent::{Installation, Recent},
            recipe::{BUILD, Below, DEPENDENCIES, Name, OnTop, Recipe, Source},
        },
        settings::Settings,
        unit::{failures::engine_failure, lease::Lease},
    },
};

/// How many lines of progress may wait to be copied.
pub(in crate::preview) const PROGRESS: usize = 256;
/// The shortest time between two looks at the images that are there.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// After so many installations in a row that could not be handed over, none is.
const LOST_HANDOVERS: usize = 3;
/// How many characters of a key are in a name for people.
pub(in crate::preview) const SHORT: usize = 12;

/// An image that is there, and the key that it is known by.
#[derive(Debug)]
pub struct ReadyImage {
    /// The key.
    pub key: String,
    /// The image, or where it is being made still, the one below it.
    pub image: Image,
    /// What is to be in it, where it is being made still.
    pub fresh: Option<Fresh>,
    /// What keeps it, if it is not shared.
    pub lease: Option<Lease>,
    /// Whether the container that is there has it, and nobody has looked whether it is there for another.
    pub unseen: bool,
}

/// The image that was looked for last, and what is to be installed in it.
pub(in crate::preview) struct Looked {
    pub(in crate::preview) install: InstallPlan,
    pub(in crate::preview) key: String,
    pub(in crate::preview) image: Image,
}

impl ReadyImage {
    /// Returns the image of the container that is there.
    pub(in crate::preview) fn of_container(key: &str, image: Image) -> Self {
        Self { key: key.to_owned(), image, fresh: None, lease: None, unseen: true }
    }
}

/// Makes images, and knows which are being made.
pub struct Images {
    pub(in crate::preview) engine: SharedEngine,
    pub(in crate::preview) settings: Arc<Settings>,
    instance: String,
    pub(in crate::preview) flights: Flights,
    used: Mutex<Used>,
    leases: tokio::sync::Mutex<HashMap<String, Weak<()>>>,
    recent: Recent,
    pub(in crate::preview) bundles: Bundles,
    /// How often in a row what was handed over could not be used.
    lost_handovers: AtomicUsize,
    /// The makings whose image nobody waits for.
    landing: Mutex<JoinSet<()>>,
    /// Whether nothing is kept any more: everything is about to be removed.
    abandoned: AtomicBool,
}

/// When dependency images were last wanted, in this life of the service.
#[derive(Default)]
struct Used {
    looked: Option<Instant>,
    by_key: HashMap<String, Instant>,
}

impl Images {
    /// Returns a maker of images for one instance.
    pub fn new(engine: SharedEngine, settings: Arc<Settings>, instance: &str) -> Arc<Self> {
        let instance = instance.chars().take(SHORT).collect();
        Arc::new(Self {
            engine,
            settings,
            instance,
            flights: Flights::default(),
            used: Mutex::default(),
            leases: tokio::sync::Mutex::default(),
            recent: Recent::default(),
            bundles: Bundles::default(),
            lost_handovers: AtomicUsize::new(0),
            landing: Mutex::default(),
            abandoned: AtomicBool::new(false),
        })
    }

    /// Keeps a making until it has come to its end, whatever becomes of the preview that it was for.
    pub(in crate::preview) fn keep(&self, held: Held) -> Landing {
        let landing = held.landing();
        let mut makings = self.landing.lock();
        while makings.try_join_next().is_some() {}
        if !self.abandoned.load(Ordering::Relaxed) {
            makings.spawn(held.landed());
        }
        landing
    }

    /// Lets go of the makings whose image nobody waits for, and keeps none any more.
    pub(in crate::preview) fn abandon(&self) {
        let mut makings = self.landing.lock();
        self.abandoned.store(true, Ordering::Relaxed);
        makings.abort_all();
    }

    /// Returns the image of a recipe, making it if it is not there. `making` is called when it has to be made, and `coming`
    /// with what will be fresh, if that is known before.
    ///
    /// # Cancel safety
    /// Dropped, the making goes on for as long as `held` is kept, and the next call with it joins what is being made,
    /// however that came to be asked for. It ends when nobody holds it. `held` is kept too where what is returned is fresh:
    /// its image is being made still.
    pub(in crate::preview) async fn ensure(
        self: &Arc<Self>,
        recipe: Recipe,
        log: &Log,
        held: &mut Option<Held>,
        making: impl FnOnce(),
        coming: impl FnMut(Coming),
    ) -> Result<ReadyImage, Failure> {
        let (key, base) = match &recipe.source {
            Source::Dependencies(plan) | Source::Prebundle(plan) => self.dependencies(plan, log, held).await?,
            Source::Build(context) => (context.key(), String::new()),
        };
        let tag = self.tag(recipe.role(), &key);
        self.used.lock().by_key.insert(key.clone(), Instant::now());
        let lease = if recipe.is_shared() { None } else { Some(self.lease(&key).await) };
        let there = self.engine.image(&tag).await.map_err(|error| engine_failure(FailureStage::Image, &error))?;
        let made = match there {
            Some(image) => Made::Image(image),
            None => {
                making();
                self.make(recipe, Name { key: key.clone(), tag, base, on_top: None }, log, held, coming).await?
            }
        };
        let (image, fresh) = match made {
            Made::Image(image) => {
                *held = None;
                (image, None)
            }
            Made::Fresh(fresh) => (fresh.image.clone(), Some(fresh)),
        };
        Ok(ReadyImage { key, image, fresh, lease, unseen: false })
    }

    /// Makes the image of a recipe, on top of another where that will do.
    async fn make(
        self: &Arc<Self>,
        recipe: Recipe,
        name: Name,
        log: &Log,
        held: &mut Option<Held>,
        coming: impl FnMut(Coming),
    ) -> Result<Made, Failure> {
        let (below, recent) = match &recipe.source {
            Source::Dependencies(plan) => {
                let below = self.recent.below(&name.base, plan);
                let depth = below.as_ref().map_or(0, |(below, _)| below.depth + 1);
                (below, Some(Installation::new(&name, plan, depth)))
            }
            Source::Prebundle(_) | Source::Build(_) => (None, None),
        };
        let (this, key, made) = (self.clone(), name.key.clone(), recent.clone());
        let make = |log, offer| async move {
            let mut name = name;
            if let Some((below, commands)) = below {
                // An image takes long to make, and to copy what goes into it does not.
                let installed = this.hands_over().then(|| this.flights.installed(&below.key)).flatten();
                let below = match installed {
                    Some(installed) => Below::Installed(installed),
                    None => {
                        this.flights.offered_image(&below.key, true).await;
                        Below::Image(below.tag)
                    }
                };
                name.on_top = Some(OnTop { below, commands });
            }
            let image = recipe
                .make(&this.engine, &this.settings, &name, &log, Some(&offer).filter(|_| this.hands_over()))
                .await?;
            made.into_iter().for_each(|made| this.recent.remember(made));
            Ok(image)
        };
        let made = self.make_once(&key, held, (log, coming), make).await?;
        if let Made::Fresh(_) = made {
            // Its image is on its way.
            recent.into_iter().for_each(|recent| self.recent.remember(recent));
        }
        Ok(made)
    }

    /// Notes whether an installation that was handed over could be used. After some in a row that could not, everybody
    /// waits for images: the engine cannot hand installations over.
    pub(in crate::preview) fn note_handover(&self, used: bool) {
        if used {
            self.lost_handovers.store(0, Ordering::Relaxed);
        } else {
            self.lost_handovers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hands_over(&self) -> bool {
        self.lost_handovers.load(Ordering::Relaxed) < LOST_HANDOVERS
    }

    /// Takes a lease on the image that was built for a key: it stays for as long as somebody has one.
    pub async fn lease(&self, key: &str) -> Lease {
        let mut leases = self.leases.lock().await;
        leases.retain(|_, lease| lease.strong_count() > 0);
        let lease = leases.get(key).and_then(Weak::upgrade).unwrap_or_default();
        leases.insert(key.to_owned(), Arc::downgrade(&lease));
        Lease::new(lease)
    }

    /// Removes an image that was built from a project's own Dockerfile, unless somebody has a lease on it. Returns
    /// whether it is gone.
    pub async fn release(&self, key: &str) -> bool {
        // Held, so that nobody takes a lease on what is about to go.
        let leases = self.leases.lock().await;
        if leases.get(key).is_some_and(|lease| lease.strong_count() > 0) {
            return false;
        }
        match self.engine.remove_image(&self.tag(BUILD, key)).await {
            Ok(()) => {
                self.used.lock().by_key.remove(key);
                true
            }
            Err(EngineError::Conflict { .. }) => false,
            Err(error) => {
                tracing::warn!(key, error = %error, "an image could not be removed");
                false
            }
        }
    }

    /// Removes what an earlier life of the service built for previews that are no more.
    pub async fn release_leftovers(&self) {
        self.remove_unused_volumes().await;
        // An engine that is away is looked at by the next start.
        for image in self.engine.images().await.unwrap_or_default() {
            let label = |name: &str| image.labels.get(name).map(String::as_str);
            match (label(LABEL_ROLE), label(LABEL_DEPENDENCY_KEY)) {
                (Some(BUILD), Some(key)) => _ = self.release(key).await,
                // A build that was cut off had it.
                (Some(ROLE_RUNTIME), _) => _ = self.engine.remove_image(&image.id).await,
                _ => {}
            }
        }
    }

    /// Ends what is being made: all of it is to be removed.
    pub(in crate::preview) fn end(&self) {
        self.flights.end();
    }

    async fn remove_unused_volumes(&self) {
        if let Err(error) = self.engine.remove_unused_volumes().await {
            tracing::warn!(error = %error, "volumes that no container has could not be removed");
        }
    }

    pub(in crate::preview) fn tag(&self, role: &str, key: &str) -> String {
        format!("previewd-{}/{role}:{key}", self.instance)
    }

    /// Waits for the image of a key, beginning to make it if nobody does.
    async fn make_once<F>(
        &self,
        key: &str,
        held: &mut Option<Held>,
        (log, coming): (&Log, impl FnMut(Coming)),
        make: impl FnOnce(Log, Offer) -> F,
    ) -> Result<Made, Failure>
    where
        F: Future<Output = Result<Image, Failure>> + Send + 'static,
    {
        self.flights.hold(key, held, make);
        match held {
            Some(held) => held.outcome(log, coming).await,
            None => Err(Failure::new(FailureStage::Image, Reason::Internal, "nothing is being made")),
        }
    }

    /// Removes dependency images that no preview has used for so long. `in_use` has the keys of those that run.
    pub async fn forget_unused(&self, in_use: &BTreeSet<String>, age: Duration) {
        let now = Instant::now();
        {
            let mut used = self.used.lock();
            if used.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_INTERVAL) {
                return;
            }
            used.looked = Some(now);
            used.by_key.extend(in_use.iter().map(|key| (key.clone(), now)));
        }
        self.remove_unused_volumes().await;
        // An engine that is away is looked at again later.
        let Ok(images) = self.engine.images().await else { return };
        for image in images {
            let Some(key) = image.labels.get(LABEL_DEPENDENCY_KEY) else { continue };
            let last = {
                let mut used = self.used.lock();
                *used.by_key.entry(key.clone()).or_insert(now)
            };
            if now.duration_since(last) > age {
                tracing::info!(key, "removing dependencies that nobody has used");
                // By its name where it has ours: others may lie on it, and then it goes with the last of them.
                let shared = image.labels.get(LABEL_ROLE).is_some_and(|role| role == DEPENDENCIES);
                let name = if shared { self.tag(DEPENDENCIES, key) } else { image.id.clone() };
                if let Err(error) = self.engine.remove_image(&name).await {
                    tracing::warn!(key, error = %error, "an image could not be removed");
                }
            }
        }
    }

    /// Returns the key of dependencies, and the id of the image that they are installed in.
    pub(in crate::preview) async fn dependencies(
        &self,
        plan: &InstallPlan,
        log: &Log,
        held: &mut Option<Held>,
    ) -> Result<(String, String), Failure> {
        let reference = self.settings.images.get(&plan.base).cloned().unwrap_or_default();
        let base = self.base(&reference, log, held).await?;
        let machine = self.engine.machine().await.map_err(|error| engine_failure(FailureStage::Image, &error))?;
        Ok((dependencies::key(plan, &base.id, &machine.architecture), base.id))
    }

    async fn base(&self, reference: &str, log: &Log, held: &mut Option<Held>) -> Result<Image, Failure> {
        let failed = |error: EngineError| engine_failure(FailureStage::Image, &error);
        if let Some(image) = self.engine.image(reference).await.map_err(failed)? {
            return Ok(image);
        }
        let (engine, wanted) = (self.engine.clone(), reference.to_owned());
        let pull = |log: Log, _| async move {
            log.lifecycle(format!("pulling the image {wanted}"));
            let (sender, receiver) = mpsc::channel(PROGRESS);
            with_progress(engine.pull(&wanted, sender), receiver, &log).await.map_err(failed)
        };
        match self.make_once(&format!("pull {reference}"), held, (log, |_| {}), pull).await? {
            Made::Image(image) => Ok(image),
            Made::Fresh(fresh) => Ok(fresh.image),
        }
    }
}

pub(in crate::preview) async fn with_progress<T>(
    work: impl Future<Output = T>,
    mut lines: mpsc::Receiver<String>,
    log: &Log,
) -> T {
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
