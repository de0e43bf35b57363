//! The versioned store of all projects: one bare git repository per project. Only this module names gix.

use std::time::SystemTime;

use bytes::Bytes;

use crate::domain::ids::{CommitId, FilePath};

/// The store.
#[derive(Clone)]
pub struct Vfs;

/// A file to write.
#[derive(Debug, Clone)]
pub struct FileWrite {
    /// Its path.
    pub path: FilePath,
    /// What it holds.
    pub content: Bytes,
    /// Whether it may be executed.
    pub executable: bool,
}

/// One commit without its tree.
#[derive(Debug, Clone)]
pub struct CommitInfo {
    /// Its id.
    pub commit: CommitId,
    /// Its first parent.
    pub parent: Option<CommitId>,
    /// Its message.
    pub message: String,
    /// Its author's name.
    pub author: String,
    /// When it was committed.
    pub time: SystemTime,
}
