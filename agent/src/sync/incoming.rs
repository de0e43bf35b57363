//! One revision on its way in.

use std::{collections::BTreeSet, fs::File, io::Write, os::fd::OwnedFd, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags, openat};
use tokio::{sync::OwnedMappedMutexGuard, task};

use super::{
    Kind, MAX_CHUNK_BYTES, MAX_PATHS, MAX_TOTAL_BYTES, Summary, SyncError, Workspaces, path::SyncPath, tree,
    workspace::Workspace,
};

/// The longest target of a symbolic link, in bytes: the kernel's own bound.
const MAX_TARGET_BYTES: u64 = 4095;

/// What waits to be put at a path.
#[derive(Debug)]
pub enum Content {
    /// A file that waits under a name in the staging folder.
    File {
        /// The name.
        staged: String,
        /// How many bytes it has.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link and its target, which is never looked at.
    Symlink(Vec<u8>),
}

/// One path that is written.
#[derive(Debug)]
pub struct Entry {
    /// The path.
    pub path: SyncPath,
    /// What it gets.
    pub content: Content,
}

/// Collects a revision. Dropped before [`Self::finish`], it has changed nothing.
#[derive(Debug)]
pub struct Incoming {
    turn: OwnedMappedMutexGuard<Workspaces, Workspace>,
    staging: OwnedFd,
    revision: String,
    kind: Kind,
    entries: Vec<Entry>,
    named: BTreeSet<SyncPath>,
    deletions: Vec<SyncPath>,
    total: u64,
    open: Option<Open>,
    finished: Arc<Mutex<String>>,
}

/// The file that chunks are for, and how many bytes it lacks.
#[derive(Debug)]
struct Open {
    file: Option<File>,
    missing: u64,
}

impl Incoming {
    pub(super) fn new(
        turn: OwnedMappedMutexGuard<Workspaces, Workspace>,
        staging: OwnedFd,
        revision: String,
        kind: Kind,
        finished: Arc<Mutex<String>>,
    ) -> Self {
        let (entries, named, deletions) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { turn, staging, revision, kind, entries, named, deletions, total: 0, open: None, finished }
    }

    /// Takes the head of a file; `size` bytes follow.
    pub fn file(&mut self, path: String, size: u64, executable: bool, symlink: bool) -> Result<(), SyncError> {
        self.close()?;
        let path = self.name(path)?;
        self.total = self.total.saturating_add(size);
        if self.total > MAX_TOTAL_BYTES {
            return Err(SyncError::TooMuch(format!("{MAX_TOTAL_BYTES} bytes")));
        }
        let (content, file) = if symlink {
            if size == 0 || size > MAX_TARGET_BYTES {
                return Err(SyncError::Invalid(format!("{}: the target has {size} bytes", path.as_str())));
            }
            (Content::Symlink(Vec::new()), None)
        } else {
            let staged = self.entries.len().to_string();
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = openat(&self.staging, &staged, flags, Mode::from_raw_mode(tree::mode(executable)));
            let file = file.map_err(SyncError::io("stage", path.as_str()))?;
            (Content::File { staged, size, executable }, Some(File::from(file)))
        };
        self.entries.push(Entry { path, content });
        self.open = Some(Open { file, missing: size });
        Ok(())
    }

    /// Takes more of the file before.
    pub fn chunk(&mut self, bytes: &Bytes) -> Result<(), SyncError> {
        let (Some(open), Some(entry)) = (&mut self.open, self.entries.last_mut()) else {
            return Err(SyncError::Invalid("a chunk without a file".into()));
        };
        let size = bytes.len() as u64;
        if bytes.len() > MAX_CHUNK_BYTES || size > open.missing {
            return Err(SyncError::Invalid(format!("{}: a chunk is too long", entry.path.as_str())));
        }
        open.missing -= size;
        match (&mut open.file, &mut entry.content) {
            (Some(file), _) => file.write_all(bytes).map_err(SyncError::io("stage", entry.path.as_str())),
            (None, Content::Symlink(target)) => {
                target.extend_from_slice(bytes);
                Ok(())
            }
            (None, Content::File { .. }) => Err(SyncError::Invalid("a chunk without a file".into())),
        }
    }

    /// Takes paths to delete.
    pub fn delete(&mut self, paths: Vec<String>) -> Result<(), SyncError> {
        for path in paths {
            let path = self.name(path)?;
            self.deletions.push(path);
        }
        Ok(())
    }

    /// Puts everything into place. Goes on to the end once begun, even if the caller goes away.
    pub async fn finish(mut self) -> Result<Summary, SyncError> {
        self.close()?;
        let applied = task::spawn_blocking(move || {
            let set = |revision: String| *self.finished.lock() = revision;
            if self.kind == Kind::Made {
                return self.turn.add_made(&self.entries);
            }
            set(String::new());
            let summary = self.turn.apply(&self.entries, &self.deletions, self.kind == Kind::Full)?;
            set(self.revision);
            Ok(summary)
        });
        applied.await.map_err(|error| SyncError::io("finish", "the revision")(std::io::Error::other(error)))?
    }

    /// Checks that the file before is whole.
    fn close(&mut self) -> Result<(), SyncError> {
        match (self.open.take(), self.entries.last()) {
            (Some(open), Some(entry)) if open.missing > 0 => {
                Err(SyncError::Invalid(format!("{}: {} bytes are missing", entry.path.as_str(), open.missing)))
            }
            _ => Ok(()),
        }
    }

    fn name(&mut self, path: String) -> Result<SyncPath, SyncError> {
        let path = SyncPath::parse(path)?;
        if self.named.len() >= MAX_PATHS {
            return Err(SyncError::TooMuch(format!("{MAX_PATHS} paths")));
        }
        if !self.named.insert(path.clone()) {
            return Err(SyncError::Invalid(format!("{} is named twice", path.as_str())));
        }
        Ok(path)
    }
}
