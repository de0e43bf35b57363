//! A project's files at one commit, as far as decisions need them.

use std::collections::BTreeMap;

use crate::domain::ids::FilePath;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link, whose content is its target.
    Symlink,
}

/// One file of a tree, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// The id of its content in the VFS: 40 hexadecimal digits. The same id means the same content.
    pub blob: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// Every file of one commit, ordered bytewise by path.
pub type Tree = BTreeMap<FilePath, Entry>;

/// What happened to a path between two commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The path is new.
    Added,
    /// Its content or mode changed.
    Modified,
    /// The path is gone.
    Deleted,
}

/// One path that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path.
    pub path: FilePath,
    /// What happened to it.
    pub kind: ChangeKind,
}
