//! How a project is run: the answer of stack detection, and all that the core needs to know of a stack.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::{
    ids::FilePath,
    ignore::Ignore,
    spec::Stack,
    text::{MAX_SENTENCE_BYTES, sentence},
};

/// Where a project's files are in a container.
pub const APP_ROOT: &str = "/app";
/// The home of the app's user: caches, the Python environment.
pub const HOME: &str = "/home/preview";
/// Where the read-only runtime volume is in a container.
pub const RUNTIME_MOUNT: &str = "/previewd";

/// One file of the runtime volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFile {
    /// Its path below [`RUNTIME_MOUNT`], such as `agent`.
    pub path: String,
    /// Its content.
    pub content: Bytes,
    /// Whether it may be run.
    pub executable: bool,
}

/// How one commit of a project is run. Two commits with equal plans differ in nothing but their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// The kind of project.
    pub stack: Stack,
    /// The folder of the project that is run, without a trailing slash; empty for the project's root.
    pub root: String,
    /// What decides the image that the app runs in.
    pub image: ImagePlan,
    /// The same installation with the packages bundled that its pages import, where its development server keeps such a
    /// bundle. It is of use once there is one, and never waited for.
    pub prebundle: Option<InstallPlan>,
    /// How the app's process is started.
    pub start: StartPlan,
    /// What it is known to need.
    pub needs: Needs,
    /// What is said in the lifecycle log, such as what was found and why. Those made by [`warning`] are said to the caller too.
    pub notes: Vec<String>,
    /// Files that are put beside the project's own where it has none of that path, such as an entry page. Never in the VFS.
    pub supplied: BTreeMap<FilePath, String>,
    /// Files and folders, from the project's root, whose content outlives the preview: it is the app's own, and kept as long
    /// as the project.
    pub data: Vec<FilePath>,
}

impl RunPlan {
    /// Returns the folder of the container that commands run in.
    pub fn working_folder(&self) -> String {
        if self.root.is_empty() { APP_ROOT.to_owned() } else { format!("{APP_ROOT}/{}", self.root) }
    }

    /// Returns whether programs of the project's own may run beside its development server.
    pub fn runs_several(&self) -> bool {
        self.start.environment.contains_key(BESIDE)
    }

    /// Returns those of the notes that are warnings, and of the lines that its installation left, at most 32 of at most 1 KiB
    /// each.
    pub fn warnings(&self, installation: &str) -> Vec<String> {
        let notes = self.notes.iter().map(String::as_str).chain(installation.lines());
        let warnings = notes.filter_map(|note| note.strip_prefix(WARNING));
        warnings.take(MAX_WARNINGS).map(|text| sentence(text, MAX_SENTENCE_BYTES)).collect()
    }
}

/// Tells a program that others run beside it: each is started anew by itself.
pub const BESIDE: &str = "PREVIEWD_BESIDE";
/// How a note begins that the caller should see.
const WARNING: &str = "warning: ";
/// The most warnings of one plan that are sent.
const MAX_WARNINGS: usize = 32;

/// Returns a note that the caller should see, and not only whoever reads the log.
pub fn warning(text: impl std::fmt::Display) -> String {
    format!("{WARNING}{text}")
}

/// What a kind of project is known to need, where neither the request nor the settings say anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Memory in bytes; `None` for the stack's own.
    pub memory_bytes: Option<u64>,
}

/// Which image the app runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImagePlan {
    /// A base image with dependencies installed into it.
    Dependencies(InstallPlan),
    /// The project's own Dockerfile.
    Build {
        /// The Dockerfile's path from the project's root. Its folder is what is built from.
        dockerfile: String,
        /// What of the folder is left out.
        ignore: Ignore,
    },
}

/// How dependencies are installed. Its fields, with the base image's id and the architecture, are the dependency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallPlan {
    /// Which of the configured base images: the setting that names it.
    pub base: BaseImage,
    /// The commands, run one after another by `/bin/sh -ec` in the root folder, as the app's user. Empty: nothing to
    /// install.
    pub commands: Vec<String>,
    /// The files that the installation reads, by path from the project's root, with their content: manifests reduced to
    /// their dependency fields, lockfiles whole.
    pub inputs: BTreeMap<String, Vec<u8>>,
    /// Environment variables that change what is installed.
    pub environment: BTreeMap<String, String>,
}

/// The base images that settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BaseImage {
    /// `PREVIEW_PYTHON_IMAGE`.
    Python,
    /// `PREVIEW_NODE_IMAGE`.
    Node,
    /// `PREVIEW_STATIC_IMAGE`.
    Static,
}

/// How the app's process is started, told of changes and known to be ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPlan {
    /// The program and its arguments. Empty: the image's own entrypoint and command (`Dockerfile`).
    pub argv: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The port that the app is expected to listen on. 0: the one the image exposes, else 8080.
    pub port: u16,
    /// Whether the project, the request or the kind names the port, so that no other is taken.
    pub named_port: bool,
    /// The path that is asked for to know that the app is ready.
    pub ready_path: String,
    /// How changed files become visible in the running process.
    pub reload: ReloadPlan,
}

/// How changed files become visible in a running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadPlan {
    /// The process reads files at each request: nothing to do.
    Files,
    /// The process speaks the control protocol and is told which paths changed.
    Control,
    /// A new process.
    Restart,
}
