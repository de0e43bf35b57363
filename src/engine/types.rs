//! What an engine is told, and what it says.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::limits::Limits;

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// Its version.
    pub version: String,
}

/// What an engine can do that another may not. What it cannot do, it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a container can be frozen and woken.
    pub freeze: bool,
    /// Whether the bounds of a container that runs can be changed.
    pub resize: bool,
    /// Whether it builds images from a Dockerfile.
    pub build: bool,
}

impl Default for Capabilities {
    /// Returns all of them.
    fn default() -> Self {
        Self { freeze: true, resize: true, build: true }
    }
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
/// capabilities, no new privileges, [`APP_UID`](super::APP_UID), no swap, the isolated network, bounded logs.
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
    /// were not made by [`Images::commit`](super::Images::commit) of a container that had it.
    pub make_folders: bool,
    /// Volumes that it has, and where. They are of this instance, are made where they are not there, and, but for a
    /// cache, go with the last container that has them. Those that are written to need `make_folders`.
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
    /// It is kept for later containers: it stays when the last that has it goes, until all of the instance is removed.
    Cache {
        /// Whether the app's user writes to it there.
        writes: bool,
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
    /// A container was taken off the network. That happens to one that ends, too.
    CutOff {
        /// The engine's id of the container.
        container: String,
    },
}

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
