//! The seam to whatever runs containers.
//!
//! An engine knows containers, images, one network and one volume; it knows nothing of previews, projects or commits: what
//! is on a label is its maker's, and an engine passes it on.
//! Nothing outside this module may assume that containers are on this machine, except through [`Containers::upstream`].

pub mod docker;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
pub mod removal;
mod types;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{broadcast, mpsc, oneshot},
};

pub use self::{
    error::EngineError,
    types::{
        BuildSpec, Capabilities, Container, ContainerSpec, ContainerState, EngineEvent, EngineInfo, Image, Machine,
        VolumeMount, VolumePurpose,
    },
};
use crate::domain::limits::Limits;

/// The label that says whose a container, image, volume or network is. Its value is the instance's id.
pub const LABEL_INSTANCE: &str = "previewd.instance";
/// The label that says what a thing is for: `preview`, `install`, `dependencies`, `build`, `runtime`, `network`,
/// `cache`.
pub const LABEL_ROLE: &str = "previewd.role";
/// The role of the runtime volume, and of what an engine makes for a moment to fill it.
pub const ROLE_RUNTIME: &str = "runtime";
/// The role of previews' containers.
pub const ROLE_PREVIEW: &str = "preview";
/// The role of volumes that are kept for later containers.
pub const ROLE_CACHE: &str = "cache";
/// The role of the network.
pub const ROLE_NETWORK: &str = "network";
/// The label with the stack's name.
pub const LABEL_STACK: &str = "previewd.stack";
/// The label with the dependency key.
pub const LABEL_DEPENDENCY_KEY: &str = "previewd.dependency-key";
/// The label of an image with dependencies: what is to be said of it where it is used, a line each.
pub const LABEL_NOTES: &str = "previewd.notes";

/// The label of a container that is nobody's yet, and is kept for whoever claims it.
pub const LABEL_KEPT: &str = "previewd.kept";
/// The label of a container that says which life of the service has made it.
pub const LABEL_LIFE: &str = "previewd.life";

/// The user and group that everything in a container runs as.
pub const APP_UID: u32 = 1000;

/// A line of progress of a pull or a build, for the log. The receiver may be slow: lines that do not fit are dropped.
pub type Progress = mpsc::Sender<String>;

/// A stream of bytes to the agent of a container.
pub trait AgentIo: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> AgentIo for T {}

/// What runs containers. Every call has a deadline of its own, and may be dropped at any time without harm to others.
#[async_trait]
pub trait Containers: Send + Sync + 'static {
    /// Returns what the engine says of itself, or that it cannot be reached.
    async fn info(&self) -> Result<EngineInfo, EngineError>;

    /// Returns what it can do that another may not.
    fn capabilities(&self) -> Capabilities;

    /// Returns the machine. It is asked for once in the engine's life.
    async fn machine(&self) -> Result<Machine, EngineError>;

    /// Makes the network and the runtime volume, if they are not there, and what must be true before containers are
    /// made. A repeat costs little.
    async fn prepare(&self) -> Result<(), EngineError>;

    /// Makes and starts a container whose PID 1 is the agent, and returns its id. On an error nothing is left.
    async fn run(&self, spec: ContainerSpec) -> Result<String, EngineError>;

    /// As [`Self::run`], but starts the container only when told to: what its volumes are to have may come meanwhile.
    /// Nothing is left either where whoever would tell is gone.
    async fn run_when(&self, spec: ContainerSpec, told: oneshot::Receiver<()>) -> Result<String, EngineError>;

    /// Returns a container, or `None` if it is gone.
    async fn container(&self, id: &str) -> Result<Option<Container>, EngineError>;

    /// Lists the containers of this instance, in every state, newest first.
    async fn containers(&self) -> Result<Vec<Container>, EngineError>;

    /// Starts a container that has ended, with the files it had. One that runs is fine.
    async fn restart(&self, id: &str) -> Result<(), EngineError>;

    /// Renames a container.
    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError>;

    /// Returns the bounds that a container has now, or `None` if it is gone.
    async fn limits(&self, id: &str) -> Result<Option<Limits>, EngineError>;

    /// Gives a container that runs other bounds; its processes go on. A repeat is fine. One that is gone is `NotFound`.
    /// Less memory than is in use may be refused.
    async fn update(&self, id: &str, limits: Limits) -> Result<(), EngineError>;

    /// Freezes or wakes a container. A repeat is fine.
    async fn set_paused(&self, id: &str, paused: bool) -> Result<(), EngineError>;

    /// Kills and removes a container with its volumes, but for caches and those that another has too. One that is gone is fine.
    async fn remove(&self, id: &str) -> Result<(), EngineError>;

    /// Removes this instance's volumes, but for caches, that no container has, such as those of one that somebody else removed.
    async fn remove_unused_volumes(&self) -> Result<(), EngineError>;

    /// Opens a stream to the container's agent.
    ///
    /// # Errors
    /// `NotFound` for a container that does not run, `Conflict` for one that is frozen.
    async fn dial(&self, id: &str) -> Result<Box<dyn AgentIo>, EngineError>;

    /// Returns the address at which a port of a running container can be reached from this process.
    async fn upstream(&self, id: &str, port: u16) -> Result<SocketAddr, EngineError>;

    /// Returns once it is known that this process reaches a container at an address that [`Self::upstream`] gave. What
    /// listens there, if anything does, is not asked. `Refused` says that there is no way, `Timeout` that nobody has said
    /// anything for 5 s, `Unreachable` that nothing is known, as where this process has no port left to ask from.
    async fn reach(&self, address: SocketAddr) -> Result<(), EngineError>;

    /// Returns hints of what happens from now on. The first is sent when the engine is next seen, or seen to be away.
    fn events(&self) -> broadcast::Receiver<EngineEvent>;

    /// Removes the network, the runtime volume and every container of this instance with its volumes, caches among
    /// them; images of dependencies and of builds stay.
    async fn remove_all(&self) -> Result<(), EngineError>;
}

/// What has images. As with [`Containers`], calls have deadlines and may be dropped.
#[async_trait]
pub trait Images: Send + Sync + 'static {
    /// Returns the image of that reference or id, or `None` if it is not there. Pulls nothing.
    async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError>;

    /// Returns the image of that reference, pulling it if it is not there.
    async fn pull(&self, reference: &str, progress: Progress) -> Result<Image, EngineError>;

    /// Builds an image from a tar archive and returns it. `tag` names it and is moved if it exists.
    async fn build(&self, build: BuildSpec, progress: Progress) -> Result<Image, EngineError>;

    /// Makes an image of a container's files, tags it, and returns it. The container goes on.
    async fn commit(&self, container: &str, tag: &str, labels: BTreeMap<String, String>) -> Result<Image, EngineError>;

    /// Lists the images of this instance.
    async fn images(&self) -> Result<Vec<Image>, EngineError>;

    /// Removes an image. One that is gone is fine; one in use is `Conflict`.
    async fn remove_image(&self, image: &str) -> Result<(), EngineError>;
}

/// What runs containers and has the images that they are made from.
pub trait Engine: Containers + Images {}
impl<T: Containers + Images> Engine for T {}

/// An engine that is shared.
pub type SharedEngine = Arc<dyn Engine>;
