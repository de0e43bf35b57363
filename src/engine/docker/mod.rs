//! Docker, through bollard. Nothing else names it.
//!
//! [`DockerEngine`] keeps nothing that must be believed: what is, is asked of the daemon. What it remembers holds for as long
//! as the daemon's events are heard, and none says otherwise.

mod api;
mod build;
mod containers;
mod convert;
mod dial;
mod events;
mod fill;
mod images;
mod network;
mod run;
mod runtime;
mod seen;
mod steps;
mod transport;
mod volumes;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell, broadcast, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    api::{Api, Query, SHORT, call, each, failed},
    runtime::{Runtime, VolumeState},
    seen::Seen,
    transport::{Address, DEFAULT_HOST},
};
use crate::domain::{limits::Limits, runtime::RuntimeFile};

use super::{
    AgentIo, BuildSpec, Capabilities, Container, ContainerSpec, Containers, EngineError, EngineEvent, EngineInfo,
    Image, Images, LABEL_DEPENDENCY_KEY, LABEL_INSTANCE, LABEL_KEPT, LABEL_LIFE, LABEL_NOTES, LABEL_ROLE, LABEL_STACK,
    Machine, Progress, ROLE_RUNTIME,
};

/// How many hints a slow reader may be behind.
const EVENT_BUFFER: usize = 256;
/// How long the end of all waits for containers that are being made.
const MADE: Duration = Duration::from_secs(5);
/// How many containers are removed at a time.
const REMOVALS: usize = 4;

/// What a [`DockerEngine`] is made from.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// Where the daemon listens, as in `DOCKER_HOST`: `unix://`, `tcp://` or `http://`. Default:
    /// `unix:///var/run/docker.sock`.
    pub host: Option<String>,
    /// The instance's id, the value of [`LABEL_INSTANCE`].
    pub instance: String,
    /// The network's name. Instances may share one.
    pub network: String,
    /// What is in the runtime volume.
    pub runtime_files: Vec<RuntimeFile>,
}

/// The engine that is a Docker daemon, 20.10 (API 1.41) or later.
#[derive(Debug, Clone)]
pub struct DockerEngine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: Api,
    instance: String,
    network: String,
    runtime: Runtime,
    /// The volume as it was when its content was last checked. Held while network and volume are made.
    volume: Mutex<VolumeState>,
    events: broadcast::Sender<EngineEvent>,
    seen: Arc<Seen>,
    /// The containers that are being made, or removed as nobody waits for them any more.
    makings: TaskTracker,
    /// How many CPUs the daemon's machine has, once it was asked.
    machine: OnceCell<Machine>,
    /// Counts removals of images, at their beginning and at their end.
    removals: AtomicU64,
}

impl DockerEngine {
    /// Returns an engine for the daemon at that address, which need not be there yet.
    ///
    /// # Errors
    /// [`EngineError::Refused`] for an address of a scheme that is not spoken, or a runtime file whose path does not
    /// fit an archive.
    pub fn connect(options: DockerOptions) -> Result<Self, EngineError> {
        let host = options.host.as_deref().filter(|it| !it.is_empty()).unwrap_or(DEFAULT_HOST);
        let refused = |message| EngineError::Refused { action: "use DOCKER_HOST", message };
        let address = Address::parse(host).ok_or_else(|| {
            refused(format!("{host:?} is none of unix:///path, tcp://host:port and http://host:port"))
        })?;
        Ok(Self(Arc::new(Inner {
            api: Api::new(address).map_err(|err| failed("use DOCKER_HOST", err))?,
            runtime: Runtime::new(&options.runtime_files)?,
            instance: options.instance,
            network: options.network,
            volume: Mutex::default(),
            events: broadcast::Sender::new(EVENT_BUFFER),
            seen: Arc::default(),
            makings: TaskTracker::new(),
            machine: OnceCell::new(),
            removals: AtomicU64::new(0),
        })))
    }

    /// Follows the daemon's events and passes them on as hints, until the token is cancelled.
    pub async fn run_events(self: Arc<Self>, token: CancellationToken) {
        self.0.run_events(token).await;
    }
}

impl Inner {
    /// Returns the labels of a thing of this instance. Those that mean something are always set, so that none is
    /// inherited from an image that somebody else wrote; an empty one counts as absent.
    fn labels(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let said_elsewhere = [LABEL_NOTES, LABEL_LIFE, LABEL_KEPT].map(|name| (name.to_owned(), String::new()));
        let mut labels = BTreeMap::from(said_elsewhere);
        labels.extend(self.labels_of_build(own));
        labels
    }

    /// Returns the labels of what is built. The classic builder runs a container for each, which takes it 50 ms: those that
    /// mean something on containers alone are set there.
    fn labels_of_build(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from(
            [LABEL_ROLE, LABEL_STACK, LABEL_DEPENDENCY_KEY].map(|name| (name.to_owned(), String::new())),
        );
        labels.extend(own.clone());
        labels.insert(LABEL_INSTANCE.to_owned(), self.instance.clone());
        labels
    }

    /// Returns the filter that finds what is of this instance.
    fn own(&self) -> String {
        format!("{LABEL_INSTANCE}={}", self.instance)
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        let version = call("say its version", SHORT, self.api.docker.version()).await?;
        Ok(EngineInfo { version: version.version.unwrap_or_default() })
    }

    async fn machine(&self) -> Result<Machine, EngineError> {
        #[derive(Deserialize)]
        struct Described {
            #[serde(rename = "NCPU", default)]
            cpus: u32,
        }
        let ask = async || {
            let query = Query::default();
            let described: Described = call("describe its machine", SHORT, self.api.get("/info", &query)).await?;
            // There it has another name than in images.
            let version = call("say its version", SHORT, self.api.docker.version()).await?;
            Ok(Machine { architecture: version.arch.unwrap_or_default(), cpus: described.cpus.max(1) })
        };
        self.machine.get_or_try_init(ask).await.cloned()
    }

    /// Makes what is missing of the network and the runtime volume. About a millisecond when nothing is.
    async fn prepare(&self) -> Result<(), EngineError> {
        let mut volume = self.volume.lock().await;
        let look = self.seen.look();
        self.ensure_network().await?;
        self.ensure_volume(&mut volume).await?;
        self.seen.note_prepared(look);
        Ok(())
    }

    /// As [`Self::prepare`], unless it is known that nothing is missing.
    async fn be_prepared(&self) -> Result<(), EngineError> {
        if self.seen.is_prepared() { Ok(()) } else { self.prepare().await }
    }

    async fn remove_all(&self) -> Result<(), EngineError> {
        // What is being made is on no list yet. Nobody waits for it.
        self.makings.close();
        if tokio::time::timeout(MADE, self.makings.wait()).await.is_err() {
            tracing::warn!("containers are being made still");
        }
        self.makings.reopen();
        let found = self.list(None).await?;
        let removals: Vec<_> = found.iter().map(|it| self.remove(&it.id)).collect();
        let containers = each(REMOVALS, removals).await;
        // Held, so that none is made again by a call that has just looked.
        let mut volume = self.volume.lock().await;
        *volume = VolumeState::default();
        let network = self.remove_network().await;
        let runtime = self.remove_volume(self.runtime.volume()).await;
        let volumes = self.remove_unused_volumes().await;
        let caches = self.remove_caches().await;
        let images = self.remove_leftover_images().await;
        containers.and(network).and(runtime).and(volumes).and(caches).and(images)
    }
}

#[async_trait]
impl Containers for DockerEngine {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.0.info().await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn machine(&self) -> Result<Machine, EngineError> {
        self.0.machine().await
    }

    async fn prepare(&self) -> Result<(), EngineError> {
        // In a task, so that a caller that goes away leaves no half-filled volume and no lock.
        let inner = self.0.clone();
        finished(tokio::spawn(async move {
            inner.prepare().await?;
            if let Err(err) = inner.remove_old_volumes().await {
                tracing::debug!(error = %err, "volumes of other versions stay for now");
            }
            Ok(())
        }))
        .await
    }

    async fn run(&self, spec: ContainerSpec) -> Result<String, EngineError> {
        self.0.clone().run(spec, None).await
    }

    async fn run_when(&self, spec: ContainerSpec, told: oneshot::Receiver<()>) -> Result<String, EngineError> {
        self.0.clone().run(spec, Some(told)).await
    }

    async fn container(&self, id: &str) -> Result<Option<Container>, EngineError> {
        self.0.container(id).await
    }

    async fn containers(&self) -> Result<Vec<Container>, EngineError> {
        self.0.list(Some(ROLE_RUNTIME)).await
    }

    async fn restart(&self, id: &str) -> Result<(), EngineError> {
        self.0.restart(id).await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        self.0.rename(id, name).await
    }

    async fn limits(&self, id: &str) -> Result<Option<Limits>, EngineError> {
        self.0.limits(id).await
    }

    async fn update(&self, id: &str, limits: Limits) -> Result<(), EngineError> {
        self.0.update(id, limits).await
    }

    async fn set_paused(&self, id: &str, paused: bool) -> Result<(), EngineError> {
        self.0.set_paused(id, paused).await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        // In a task, so that a caller that goes away leaves no volume of it: once it is gone, nobody knows which it had.
        let (inner, id) = (self.0.clone(), id.to_owned());
        finished(tokio::spawn(async move { inner.remove(&id).await })).await
    }

    async fn remove_unused_volumes(&self) -> Result<(), EngineError> {
        self.0.remove_unused_volumes().await
    }

    async fn dial(&self, id: &str) -> Result<Box<dyn AgentIo>, EngineError> {
        self.0.dial(id).await
    }

    async fn upstream(&self, id: &str, port: u16) -> Result<SocketAddr, EngineError> {
        self.0.upstream(id, port).await
    }

    async fn reach(&self, address: SocketAddr) -> Result<(), EngineError> {
        self.0.reach(address).await
    }

    fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.0.events.subscribe()
    }

    async fn remove_all(&self) -> Result<(), EngineError> {
        self.0.remove_all().await
    }
}

#[async_trait]
impl Images for DockerEngine {
    async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        self.0.known_image(reference).await
    }

    async fn pull(&self, reference: &str, progress: Progress) -> Result<Image, EngineError> {
        self.0.pull(reference, progress).await
    }

    async fn build(&self, build: BuildSpec, progress: Progress) -> Result<Image, EngineError> {
        // In a task, because a build that is dropped has to be cleaned up after.
        let cancel = CancellationToken::new();
        let _guard = cancel.clone().drop_guard();
        let inner = self.0.clone();
        finished(tokio::spawn(async move { inner.build(build, progress, cancel).await })).await
    }

    async fn commit(&self, container: &str, tag: &str, labels: BTreeMap<String, String>) -> Result<Image, EngineError> {
        self.0.commit(container, tag, labels).await
    }

    async fn images(&self) -> Result<Vec<Image>, EngineError> {
        self.0.images().await
    }

    async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        self.0.remove_image(image).await
    }
}

/// Waits for a task; one that panicked is an error like any other.
async fn finished<T>(task: tokio::task::JoinHandle<Result<T, EngineError>>) -> Result<T, EngineError> {
    task.await.unwrap_or_else(|err| Err(EngineError::Refused { action: "finish a task", message: err.to_string() }))
}
