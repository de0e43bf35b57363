//! What callers ask of the core and what it answers, free of any transport.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::domain::{
    events::StageEvent,
    ids::{BranchName, CommitId, PreviewId, ProjectId},
    logs::{LogLine, LogSource},
    spec::{EndReason, Overrides, Phase, PreviewSpec, ReloadMode},
    status::PreviewStatus,
    tree::ChangedPath,
};
use crate::vfs::{CommitInfo, FileWrite};

/// Names a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its id.
    Preview(PreviewId),
    /// By what it shows: the live one of the branch, else the one that ended last.
    Branch(ProjectId, BranchName),
}

/// When a call answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// Once the commit in question answers, or has failed.
    #[default]
    Ready,
    /// Once the change is recorded.
    None,
}

/// Asks for a preview.
#[derive(Debug, Clone)]
pub struct Create {
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchName,
    /// The whole project; empty: the branch's head is used.
    pub files: Vec<FileWrite>,
    /// The message of the commit that the files make.
    pub message: Option<String>,
    /// Names the request.
    pub request_id: Option<String>,
    /// What is overridden.
    pub overrides: Overrides,
    /// The time after which it ends.
    pub time_to_live: Option<Duration>,
    /// The time without use after which it ends.
    pub idle_timeout: Option<Duration>,
    /// Who applies commits.
    pub reload: ReloadMode,
    /// When to answer.
    pub wait: Wait,
    /// Whether a live one is replaced.
    pub replace: bool,
}

/// Changes the files of a preview's branch, and applies its head.
#[derive(Debug, Clone)]
pub struct Update {
    /// Files to write.
    pub writes: Vec<FileWrite>,
    /// Paths to delete.
    pub deletes: Vec<crate::domain::ids::FilePath>,
    /// The commit's message.
    pub message: Option<String>,
    /// The head that the change was made against.
    pub expected_head: Option<CommitId>,
    /// When to answer.
    pub wait: Wait,
}

/// A preview as callers see it.
#[derive(Debug, Clone)]
pub struct PreviewView {
    /// What was asked for.
    pub spec: PreviewSpec,
    /// What is observed.
    pub status: PreviewStatus,
    /// Where it answers.
    pub url: String,
    /// When it was last used.
    pub last_accessed_at: SystemTime,
    /// The branch's head.
    pub head: Option<CommitId>,
}

/// Which previews to list.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Only those in these phases; empty: in all but stopped.
    pub phases: Vec<Phase>,
    /// How many, from 1.
    pub page_size: usize,
    /// Only those after this one, in the order of creation and then id.
    pub after: Option<(SystemTime, PreviewId)>,
}

/// One page of previews.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// The previews.
    pub previews: Vec<PreviewView>,
    /// Where to go on, if there are more.
    pub next: Option<(SystemTime, PreviewId)>,
}

/// A place in a preview's log: the log's own number (a new one for each life of the service) and the line's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor {
    /// The log.
    pub log: u64,
    /// The line, from 1.
    pub line: u64,
}

/// Which log lines to send.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only these sources; empty: all.
    pub sources: BTreeSet<SourceOrder>,
    /// Whether to go on with new lines.
    pub follow: bool,
    /// At most so many of those that are there.
    pub tail: Option<usize>,
    /// Only lines at or after this time.
    pub since: Option<SystemTime>,
    /// Only lines after this one.
    pub after: Option<LogCursor>,
}

/// A log source that can be kept in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceOrder(u8);

impl From<LogSource> for SourceOrder {
    fn from(source: LogSource) -> Self {
        Self(source as u8)
    }
}

/// One message of a log stream.
#[derive(Debug, Clone)]
pub enum LogItem {
    /// A line with its place.
    Line(LogCursor, LogLine),
    /// Lines are missing here; so many, where it is known.
    Gap {
        /// How many; 0 where it is not known.
        dropped: u64,
        /// Why.
        message: &'static str,
    },
    /// The stream ends.
    Goodbye(Goodbye),
}

/// What many are told. How it is sent is made once for all of them.
#[derive(Debug)]
pub struct Shared<T> {
    /// What it is.
    pub what: T,
    sent: OnceLock<Bytes>,
}

impl<T> Shared<T> {
    /// Returns what nobody was told yet.
    pub fn new(what: T) -> Self {
        Self { what, sent: OnceLock::new() }
    }

    /// Returns how it is sent, which whoever is first makes.
    pub fn sent(&self, make: impl FnOnce(&T) -> Bytes) -> Bytes {
        self.sent.get_or_init(|| make(&self.what)).clone()
    }
}

/// A commit as watchers are told of it.
#[derive(Debug)]
pub struct CommitTold {
    /// The commit.
    pub commit: CommitInfo,
    /// What differs from its parent, as many as are sent.
    pub changed: Vec<ChangedPath>,
    /// How many were left out.
    pub omitted: usize,
}

/// A sign of life.
#[derive(Debug)]
pub struct Beat {
    /// The branch's head.
    pub head: Option<CommitId>,
    /// The commit that answers.
    pub applied: Option<CommitId>,
    /// When it was made.
    pub at: SystemTime,
}

/// One message of a reload stream.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// Always the first.
    Hello(Box<PreviewView>),
    /// A commit is in the VFS.
    Committed(Arc<Shared<CommitTold>>),
    /// A commit, whose first parent is told too, has come further.
    Stage(Arc<Shared<StageEvent>>, Option<CommitId>),
    /// The stream is alive.
    Heartbeat(Arc<Shared<Beat>>),
    /// The stream goes on from the head.
    Reset {
        /// The branch's head.
        head: Option<CommitId>,
        /// The commit that answers now.
        applied: Option<CommitId>,
        /// Why.
        message: &'static str,
    },
    /// It was given more memory.
    MemoryGiven {
        /// The limit before, in bytes.
        before: u64,
        /// The limit now.
        after: u64,
    },
    /// Always the last.
    Goodbye(Goodbye),
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The preview ended.
    Ended(EndReason),
    /// The service shuts down.
    ShuttingDown,
}
