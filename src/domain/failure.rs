//! Why a preview, or one reload of it, failed: an answer, not an error of a call.

use serde::{Deserialize, Serialize};

use crate::domain::{ids::CommitId, reason::Reason};

/// The most log lines that a failure carries.
pub const MAX_EXCERPT_LINES: usize = 50;

/// During what it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStage {
    /// Reading the project and finding its stack.
    Detect,
    /// Getting a base image.
    Image,
    /// Installing dependencies.
    Install,
    /// Building the project's own Dockerfile.
    Build,
    /// Bringing the files into the container.
    Sync,
    /// Starting the app and waiting for its first answer.
    Start,
    /// After the app had answered.
    Run,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// During what.
    pub stage: FailureStage,
    /// A stable word for programs.
    pub reason: Reason,
    /// One sentence for people.
    pub message: String,
    /// The file at fault, from the project's root.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// The last log lines, at most [`MAX_EXCERPT_LINES`].
    pub log_excerpt: Vec<String>,
    /// The exit status of the process at fault.
    pub exit_code: Option<i32>,
    /// The commit that failed.
    pub commit: Option<CommitId>,
}

impl Failure {
    /// Returns a failure that knows no more than its message.
    pub fn new(stage: FailureStage, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            stage,
            reason,
            message: message.into(),
            file: None,
            line: None,
            log_excerpt: Vec::new(),
            exit_code: None,
            commit: None,
        }
    }
}
