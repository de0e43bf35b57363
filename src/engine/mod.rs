//! The seam to whatever runs containers.
//!
//! An engine knows containers, images, one network and one volume; it knows nothing of previews, projects or commits: what
//! is on a label is its maker's, and an engine passes it on.
//! Nothing outside this module may assume that containers are on this machine, except through [`Engine::upstream`].

pub mod docker;
#[cfg(feature = "fake")]
pub mod fake;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{broadcast, mpsc, oneshot},
};

use crate::domain::limits::Limits;

/// The label that says whose a container, image, volume or network is. Its value is the instance's id.
pub const LABEL_INSTANCE: &str = "previewd.instance";
/// The label that says what a thing is for: `preview`, `install`, `dependencies`, `build`, `runtime`, `network`.
pub const LABEL_ROLE: &str = "previewd.role";
/// The role of the runtime volume, and of what an engine makes for a moment to fill it.
pub const ROLE_RUNTIME: &str = "runtime";
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

/// Why an engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine itself cannot be reached: nothing is known of what was asked.
    #[error("the engine cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such container, image or network.
    #[error("no such {what}: {name}")]
    NotFound {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A name is taken, or what is to go is in use.
    #[error("{what} {name} is taken or in use")]
    Conflict {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An image could not be had; the engine's own words.
    #[error("image {image} could not be had: {message}")]
    Image {
        /// The image.
        image: String,
        /// The engine's own words.
        message: String,
    },
    /// A build failed because of what is built; the engine's own words.
    #[error("the build failed: {message}")]
    Build {
        /// The engine's own words.
        message: String,
        /// The last lines of the build's output, oldest first.
        lines: Vec<String>,
    },
    /// The engine erred: it answered with status 500, with what cannot be read, or with half an answer. Nothing is known of
    /// what was asked, and a moment later it may do it.
    #[error("the engine failed to {action}: {message}")]
    Erred {
        /// What was being done.
        action: &'static str,
        /// The engine's own words.
        message: String,
    },
    /// The engine refused, in its own words.
    #[error("failed to {action}: {message}")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// The engine's own words.
        message: String,
    },
    /// The engine did not answer in time.
    #[error("the engine did not {0} in time")]
    Timeout(&'static str),
}

impl EngineError {
    /// Returns whether it says nothing of what was asked for: the engine is away, late, or out of order.
    pub fn says_nothing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout(_) | Self::Erred { .. })
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// Its version.
    pub version: String,
}

/// The machine that an engine runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The architecture of its containers, as `amd64`.
    pub architecture: String,
    /// How many CPUs it has. No container is made with more.
    pub cpus: u32,
}

/// An image that is there.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// The engine's content id: two images with one id are the same.
    pub id: String,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub command: Vec<String>,
    /// Its working folder; empty for none.
    pub working_dir: String,
    /// Its environment, as `NAME=value`.
    pub environment: Vec<String>,
    /// The TCP ports it exposes, ascending.
    pub exposed_ports: Vec<u16>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What a container is made from. Everything that secures it is the engine's own business and not optional: no
/// capabilities, no new privileges, [`APP_UID`], no swap, the isolated network, bounded logs.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// The image's id or reference. It must be there.
    pub image: String,
    /// Its labels, beside the instance's.
    pub labels: BTreeMap<String, String>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// Its bounds.
    pub limits: Limits,
    /// Whether [`APP_ROOT`](crate::domain::runtime::APP_ROOT) and [`HOME`](crate::domain::runtime::HOME) are made, owned by the app's user, before it starts. Needed for images that
    /// were not made by [`Engine::commit`] of a container that had it.
    pub make_folders: bool,
    /// Volumes that it has, and where. They are of this instance, are made where they are not there, and go with the last
    /// container that has them. Those that are written to need `make_folders`.
    pub volumes: Vec<VolumeMount>,
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: String,
    /// Where it is in the container: an absolute path.
    pub target: String,
    /// What is done with it there.
    pub purpose: VolumePurpose,
}

/// What a volume is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumePurpose {
    /// The app's user reads and writes it.
    Write,
    /// It is read only.
    Read,
    /// It takes what is changed in an `Over`. It is root's, so that nobody in a container decides where that goes.
    Changes,
    /// It shows what is in another volume. What is changed is kept in a third, which a container has had as `Changes`.
    /// Both have to be in the container too, or they may go before it.
    Over {
        /// The name of the volume that is shown, and not changed.
        lower: String,
        /// The name of the volume with what is changed.
        changes: String,
    },
}

/// A container, as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// Its name, without a leading slash.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it does.
    pub state: ContainerState,
    /// The image's id.
    pub image: String,
}

impl Container {
    /// Returns whether it has processes, be they frozen.
    pub fn runs(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused)
    }
}

/// What a container does. An engine's unknown words are taken for `Created`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Runs.
    Running,
    /// Frozen.
    Paused,
    /// Ended by itself or was killed.
    Exited {
        /// The exit status.
        code: i64,
        /// Whether the kernel's out-of-memory killer ended it.
        out_of_memory: bool,
    },
}

/// That something may have changed. A hint, which can be lost: look at what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    /// The engine can be reached (again): look at everything.
    Connected,
    /// The engine cannot be reached.
    Disconnected,
    /// A container of this instance has ended.
    Died {
        /// The engine's id of the container.
        container: String,
    },
    /// A container of this instance was frozen.
    Frozen {
        /// The engine's id of the container.
        container: String,
    },
}

/// A line of progress of a pull or a build, for the log. The receiver may be slow: lines that do not fit are dropped.
pub type Progress = mpsc::Sender<String>;

/// A stream of bytes to the agent of a container.
pub trait AgentIo: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> AgentIo for T {}

/// What runs containers. Every call has a deadline of its own, and may be dropped at any time without harm to others.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Returns what the engine says of itself, or that it cannot be reached.
    async fn info(&self) -> Result<EngineInfo, EngineError>;
    /// Returns the machine. It is asked for once in the engine's life.
    async fn machine(&self) -> Result<Machine, EngineError>;

    /// Makes the network and the runtime volume, if they are not there, and what must be true before containers are
    /// made. A repeat costs little.
    async fn prepare(&self) -> Result<(), EngineError>;

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

    /// Kills and removes a container with its volumes, but for those that another has too. One that is gone is fine.
    async fn remove(&self, id: &str) -> Result<(), EngineError>;

    /// Removes this instance's volumes that no container has, such as those of one that somebody else removed.
    async fn remove_unused_volumes(&self) -> Result<(), EngineError>;

    /// Opens a stream to the container's agent.
    async fn dial(&self, id: &str) -> Result<Box<dyn AgentIo>, EngineError>;

    /// Returns the address at which a port of a running container can be reached from this process.
    async fn upstream(&self, id: &str, port: u16) -> Result<SocketAddr, EngineError>;

    /// Returns hints of what happens from now on. The first is sent when the engine is next seen, or seen to be away.
    fn events(&self) -> broadcast::Receiver<EngineEvent>;

    /// Removes the network, the runtime volume and every container of this instance with its volumes; images of
    /// dependencies and of builds stay.
    async fn remove_all(&self) -> Result<(), EngineError>;
}

/// An engine that is shared.
pub type SharedEngine = Arc<dyn Engine>;

/// What an image is built from.
#[derive(Debug, Clone)]
pub struct BuildSpec {
    /// The name it gets.
    pub tag: String,
    /// The context: an uncompressed tar archive.
    pub context: Bytes,
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// Its labels, beside the instance's.
    pub labels: BTreeMap<String, String>,
    /// Build arguments, such as the proxy variables.
    pub arguments: BTreeMap<String, String>,
    /// The bounds of each step.
    pub limits: Limits,
    /// The name of an image with the runtime files at its root, which is there for as long as the build runs: steps have
    /// no volume.
    pub runtime_image: Option<String>,
}
