//! What was asked for of one preview. What is observed of it is its [status](super::status).

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::domain::{
    address::Address,
    ids::{BranchName, CommitId, PreviewId, ProjectId},
    limits::LimitOverrides,
};

/// How one kind of project is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stack {
    /// ASGI and WSGI apps.
    Python,
    /// Node.js servers.
    Node,
    /// Everything that Vite serves.
    React,
    /// Files served by nginx.
    Static,
    /// The project's own Dockerfile.
    Dockerfile,
}

impl Stack {
    /// Every stack, in the order in which people are told of them.
    pub const ALL: [Self; 5] = [Self::Python, Self::Node, Self::React, Self::Static, Self::Dockerfile];

    /// Returns the name used in settings, labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::React => "react",
            Self::Static => "static",
            Self::Dockerfile => "dockerfile",
        }
    }
}

/// Where a preview is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Accepted.
    Pending,
    /// Dependencies are installed, or an image is built.
    Installing,
    /// The app has not answered yet.
    Starting,
    /// The app answers.
    Running,
    /// Frozen until the next request.
    Paused,
    /// Being removed.
    Stopping,
    /// Gone.
    Stopped,
    /// Did not install, build, start or stay up.
    Failed,
}

impl Phase {
    /// Returns the name used in logs and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Installing => "installing",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Returns whether the preview still has, or may get, a container.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Stopping | Self::Stopped)
    }
}

/// Who decides when a commit is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// Every commit is applied when it is made.
    #[default]
    Auto,
    /// Only `Update` applies.
    Manual,
}

/// What a request asks for instead of what is found from the files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Overrides {
    /// The stack.
    pub stack: Option<Stack>,
    /// The command that starts the app, for `/bin/sh -c`.
    pub start_command: Option<String>,
    /// The port that the app listens on.
    pub app_port: Option<u16>,
    /// The path that is asked for to know that the app is ready.
    #[serde(default)]
    pub ready_path: Option<String>,
    /// Environment variables for the app and the installation.
    pub environment: BTreeMap<String, String>,
    /// Limits.
    pub limits: LimitOverrides,
}

/// What was asked for: one file on our disk, written whole and synced before anything is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewSpec {
    /// The preview.
    pub id: PreviewId,
    /// The project it shows.
    pub project: ProjectId,
    /// The branch it shows.
    pub branch: BranchName,
    /// The requests that it is the answer to, in the order they came: the one that made it, and those that found it.
    pub request_ids: Vec<String>,
    /// What was overridden.
    pub overrides: Overrides,
    /// Who applies commits.
    pub reload: ReloadMode,
    /// In manual mode the commit that was asked to be applied last.
    #[serde(default)]
    pub wanted: Option<CommitId>,
    /// The engine's ids of the containers that are its own, or are to be: the newest first.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Where the gateway answers for it.
    #[serde(flatten)]
    pub address: Address,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends whatever happens.
    pub expires_at: SystemTime,
    /// The time without use after which it ends.
    pub idle_timeout: Duration,
    /// When its end was asked for, and why; it is removed from then on.
    pub ended: Option<Ended>,
}

/// That, when and why a preview ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: SystemTime,
    /// Why.
    pub reason: EndReason,
}

/// Why a preview ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// Somebody deleted or replaced it.
    Deleted,
    /// Its time was up, or nobody used it.
    Expired,
}
