//! What goes into the store and what comes out.

use std::time::SystemTime;

use bytes::Bytes;

use crate::domain::ids::{CommitId, FilePath};

/// What happens to the files that a change does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They stay.
    Overlay,
    /// They go: what is written is the whole project.
    Whole,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// Where it goes.
    pub path: FilePath,
    /// Its content.
    pub content: Bytes,
    /// Whether it may be executed.
    pub executable: bool,
}

/// What one commit is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happens to the files that are not named.
    pub scope: Scope,
    /// The files to write.
    pub writes: Vec<FileWrite>,
    /// The files to delete; each must exist, and none may also be written.
    pub deletes: Vec<FilePath>,
    /// The message; `None` or an empty one gets one that says what changed.
    pub message: Option<String>,
    /// The head that the change was made against; `None` takes any.
    pub expected_head: Option<CommitId>,
}

/// The outcome of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The new commit, or the head where the tree would not have changed.
    pub commit: CommitId,
    /// Its first parent.
    pub parent: Option<CommitId>,
    /// Whether there is a new commit.
    pub changed: bool,
}

/// One commit, without its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub commit: CommitId,
    /// Its first parent.
    pub parent: Option<CommitId>,
    /// Its message without trailing line ends, at most 64 KiB of it; what is not UTF-8 is replaced.
    pub message: String,
    /// Its author's name.
    pub author: String,
    /// When it was committed, to the second.
    pub time: SystemTime,
}

/// What lies between a commit that was seen and the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// The commits beyond it, oldest first.
    Commits(Vec<CommitInfo>),
    /// It is no ancestor of the head, or does not exist.
    Unrelated,
}
