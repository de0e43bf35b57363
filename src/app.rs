//! The composition root: what is built, started and stopped, in which order.
//!
//! Up: the store of specs (which holds the data directory), the VFS, the engine, the gateway, the core; then the
//! background tasks; then what an earlier life left is taken over; then calls are answered at the port, which is held
//! from the start. Down, in reverse: streams say goodbye, calls end, previews stay for the next start, or go if that was
//! asked for.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    domain::{runtime::BaseImage, spec::Stack},
    engine::{
        EngineError, SharedEngine,
        docker::{DockerEngine, DockerOptions},
    },
    gateway::{GatewayOptions, PortGateway},
    grpc::{self, ServerOptions},
    preview::{
        core::Core,
        face::log::LogMemory,
        image::images::Images,
        manager::Manager,
        settings::{Downloads, Settings},
        store::{SpecStore, StoreError},
        unit::data::DataStore,
        upkeep::{availability::Availability, reaper::Reaper, reconciler},
    },
    stack::{self, StackConfig},
    supervisor::Supervisor,
    vfs::{Vfs, VfsError, VfsOptions},
};

/// How long the end may take once it was asked for, whatever hangs. What has not ended then is left behind.
const END: Duration = Duration::from_secs(9);
/// Signals within this time of the first are taken for the same.
const TOGETHER: Duration = Duration::from_millis(200);
/// How long the background tasks may take of that.
const DRAIN: Duration = Duration::from_secs(3);
/// How long everything may take to be removed on exit.
const REMOVAL: Duration = Duration::from_secs(60);
/// How long the start waits for the engine and for what is taken over. What takes longer goes on by itself.
const START: Duration = Duration::from_millis(4500);
/// How much of that the engine has to say that it is there.
const LOOK: Duration = Duration::from_secs(2);

/// What `previewd serve` was told on the command line.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Whether previews are removed when the service stops, instead of being taken over by the next start.
    pub remove_on_exit: bool,
}

/// Why the service could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data directory cannot be used.
    #[error("failed to open the data directory")]
    Store(#[from] StoreError),
    /// The VFS cannot be used.
    #[error("failed to open the VFS")]
    Vfs(#[from] VfsError),
    /// The engine cannot be used as it is set.
    #[error("failed to set the engine up")]
    Engine(#[from] EngineError),
    /// The port cannot be had.
    #[error("failed to listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("failed to catch signals")]
    Signals(#[source] io::Error),
    /// The server failed.
    #[error("failed to serve")]
    Serve(#[source] io::Error),
}

/// Runs the service until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// When it could not start, or cannot serve.
pub async fn run(config: Config, options: ServeOptions) -> Result<(), AppError> {
    let (started, mut stop) = (Instant::now(), Signals::new()?);
    let service = Service::build(config).await?;
    tokio::select! {
        // One that hangs is looked for again, beside all else.
        _ = timeout(LOOK, service.availability.look()) => {}
        // Nothing has been started that would have to end.
        () = stop.next() => return Ok(()),
    }
    service.supervise();
    let told = tokio::select! {
        taken_over = service.take_over(started + START) => { taken_over?; false }
        () = stop.next() => true,
    };
    service.serve(options, told, stop).await
}

/// Everything that the process is made of.
struct Service {
    config: Config,
    listener: TcpListener,
    vfs: Vfs,
    docker: Arc<DockerEngine>,
    gateway: Arc<PortGateway>,
    availability: Arc<Availability>,
    manager: Manager,
    supervisor: Supervisor,
    shutdown: CancellationToken,
}

impl Service {
    /// Builds it, with nothing started. Connections to the port wait.
    async fn build(config: Config) -> Result<Self, AppError> {
        let shutdown = CancellationToken::new();
        let store = SpecStore::open(&config.data_dir)?;
        let listen = |source| AppError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let vfs = Vfs::open(VfsOptions {
            root: config.data_dir.join("vfs"),
            poll_interval: config.poll_interval,
            inotify: config.inotify,
        })?;
        let stack_config = StackConfig { extra_ca: config.extra_ca_certs.is_some(), proxy: config.proxies.0.clone() };
        let settings = Arc::new(settings(&config, &stack_config, store.instance()));
        let docker = Arc::new(docker(&config, store.instance())?);
        let engine: SharedEngine = docker.clone();
        let gateway = Arc::new(PortGateway::new(GatewayOptions {
            bind: config.bind_address,
            first: *config.ports.start(),
            last: *config.ports.end(),
            answer_timeout: config.answer_timeout,
            ..GatewayOptions::default()
        }));
        let images = Images::new(engine.clone(), settings.clone(), store.instance());
        let data = DataStore::new(&config.data_dir);
        let logs = LogMemory::new(usize::try_from(config.log_memory_bytes).unwrap_or(usize::MAX));
        let core = Arc::new(Core { engine: engine.clone(), store, vfs: vfs.clone(), images, data, logs, settings });
        let (availability, available) = Availability::new(engine);
        let manager = Manager::new(core, gateway.clone(), available, shutdown.clone());
        let (supervisor, availability) = (Supervisor::new(shutdown.clone()), Arc::new(availability));
        Ok(Self { config, listener, vfs, docker, gateway, availability, manager, supervisor, shutdown })
    }

    /// Starts everything that goes on by itself.
    fn supervise(&self) {
        self.keep("engine events", &self.docker, |docker, token| async move { docker.run_events(token).await });
        let vfs = self.vfs.clone();
        self.supervisor.spawn("commit feed", move |token| {
            let vfs = vfs.clone();
            async move { Ok(vfs.run_feed(token).await?) }
        });
        self.keep("repositories", &self.vfs, |vfs, token| async move { vfs.run_tidy(token).await });
        self.keep("availability", &self.availability, |it, token| async move { it.run(token).await });
        self.keep("reaper", &self.manager, |manager, token| async move { Reaper::new(manager).run(token).await });
    }

    /// Keeps something going that ends with the token alone.
    fn keep<T, Fut>(&self, name: &'static str, what: &T, run: impl Fn(T, CancellationToken) -> Fut + Send + 'static)
    where
        T: Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let what = what.clone();
        self.supervisor.spawn(name, move |token| {
            let running = run(what.clone(), token);
            async move {
                running.await;
                Ok(())
            }
        });
    }

    /// Takes over what an earlier life has left, and begins to remove the rest of it. What takes longer goes on by itself.
    async fn take_over(&self, deadline: Instant) -> Result<(), AppError> {
        let leftovers = Arc::new(reconciler::take_over(&self.manager, deadline).await?);
        let manager = self.manager.clone();
        self.supervisor.spawn("leftovers", move |token| {
            let (manager, leftovers) = (manager.clone(), leftovers.clone());
            async move {
                let _ = token.run_until_cancelled(reconciler::remove_leftovers(&manager, &leftovers)).await;
                Ok(())
            }
        });
        Ok(())
    }

    /// Answers calls until it is told to stop, or was already, and then ends everything within a time.
    async fn serve(self, options: ServeOptions, told: bool, mut stop: Signals) -> Result<(), AppError> {
        let Self { config, listener, gateway, manager, supervisor, shutdown, .. } = self;
        tracing::info!(listen = %config.listen, data = %config.data_dir.display(), "previewd serves");
        let server = ServerOptions::new(&config, gateway.clone());
        let mut serving = std::pin::pin!(grpc::serve(listener, manager.clone(), server, shutdown.clone()));
        let stopping = async {
            if !told {
                stop.next().await;
            }
            if options.remove_on_exit {
                tokio::select! {
                    () = remove(&manager) => {}
                    () = stop.again() => tracing::warn!("told to stop again; what is left stays"),
                }
            }
        };
        // It ends before that only where it cannot serve.
        let served = tokio::select! {
            served = serving.as_mut() => Some(served),
            () = stopping => None,
        };
        shutdown.cancel();
        let ending = async {
            let served = match served {
                Some(served) => served,
                None => serving.await,
            };
            manager.drained().await;
            gateway.shut_down().await;
            supervisor.drain(DRAIN).await;
            served.map_err(AppError::Serve)
        };
        tokio::select! {
            ended = timeout(END, ending) => match ended {
                Ok(ended) => ended?,
                Err(_) => tracing::error!("not everything has ended in time; it is left behind"),
            },
            () = stop.again() => tracing::warn!("told to stop again; what has not ended is left behind"),
        }
        tracing::info!("previewd has stopped");
        Ok(())
    }
}

/// The signals that tell the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, AppError> {
        let terminate = signal(SignalKind::terminate()).map_err(AppError::Signals)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signals)?;
        Ok(Self { terminate, interrupt })
    }

    /// Returns when another comes than what came with the first: a terminal sends to a script and to what that has started,
    /// and the script sends on what it gets.
    async fn again(&mut self) {
        sleep(TOGETHER).await;
        let _ = (self.terminate.recv().now_or_never(), self.interrupt.recv().now_or_never());
        self.next().await;
    }

    /// Returns when the next comes.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("told to stop by SIGTERM"),
            _ = self.interrupt.recv() => tracing::info!("told to stop by SIGINT"),
        }
    }
}

/// Removes all that this instance has made, within a time.
async fn remove(manager: &Manager) {
    match timeout(REMOVAL, manager.remove_everything()).await {
        Ok(Ok(())) => tracing::info!("everything was removed"),
        Ok(Err(error)) => tracing::error!(error = %error, "not everything could be removed"),
        Err(_) => tracing::error!(
            seconds = REMOVAL.as_secs(),
            "not everything could be removed in time; what is left has the label previewd.role"
        ),
    }
}

fn settings(config: &Config, stack_config: &StackConfig, instance: &str) -> Settings {
    Settings {
        life: uuid::Uuid::new_v4().simple().to_string(),
        images: HashMap::from([
            (BaseImage::Python, config.images.python.clone()),
            (BaseImage::Node, config.images.node.clone()),
            (BaseImage::Static, config.images.static_pages.clone()),
        ]),
        limits: Stack::ALL.into_iter().map(|stack| (stack, config.limits.of(stack))).collect(),
        memory_named: config.memory_named.clone(),
        max_memory_bytes: config.max_memory_bytes,
        burst_cpus: config.burst_cpus,
        install_limits: config.install_limits,
        downloads: (config.downloads_max_bytes > 0).then(|| Downloads {
            volume: format!("previewd-downloads-{instance}"),
            most_bytes: config.downloads_max_bytes,
        }),
        start_timeout: config.start_timeout,
        install_timeout: config.install_timeout,
        prebundle_after: config.prebundle_after,
        heartbeat_interval: config.heartbeat_interval,
        expiry: config.expiry,
        idle_timeout: config.idle,
        cleanup_interval: config.cleanup_interval,
        environment: stack::base_environment(stack_config),
        authorities: stack::authorities(stack_config),
        build_arguments: config.proxies.0.clone(),
    }
}

fn docker(config: &Config, instance: &str) -> Result<DockerEngine, EngineError> {
    let extra_ca = config.extra_ca_certs.as_ref().map(|pem| pem.as_bytes());
    DockerEngine::connect(DockerOptions {
        host: config.docker_host.clone(),
        instance: instance.to_owned(),
        network: config.network.clone(),
        runtime_files: stack::runtime_files(extra_ca),
    })
}
