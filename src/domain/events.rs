//! What happens to commits on their way into a preview.

use std::time::{Duration, SystemTime};

use crate::domain::{failure::Failure, ids::CommitId, reload::Strategy, tree::ChangedPath};

/// How far a commit has come, beyond being committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its files are in the container.
    Synced,
    /// It is what answers.
    Ready,
    /// It did not come to answer.
    Failed,
}

/// One stage of one commit's way into a preview. Commits themselves are read from git, never from here.
#[derive(Debug, Clone, PartialEq)]
pub struct StageEvent {
    /// The commit.
    pub commit: CommitId,
    /// How far it has come.
    pub stage: Stage,
    /// How it is made visible, once that is decided.
    pub strategy: Option<Strategy>,
    /// What differs from the commit that answered before.
    pub changed: std::sync::Arc<[ChangedPath]>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What the page answered, where it was asked for.
    pub http_status: Option<u16>,
    /// From the notice to the files being in the container.
    pub sync: Option<Duration>,
    /// From then to the app answering, or failing.
    pub ready: Option<Duration>,
    /// From the notice to this stage.
    pub total: Duration,
    /// When the stage was reached.
    pub timestamp: SystemTime,
}
