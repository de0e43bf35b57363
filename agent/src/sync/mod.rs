//! Brings a revision's files into a folder: staged beside it, renamed into place, deletions last.
//!
//! [`Syncer`] hands out the turn; [`Incoming`] collects one revision and [`workspace`] applies it; [`store`] is where
//! files wait and where the list of brought paths is kept; [`tree`] alone touches the project's folder, and never follows
//! a symbolic link there.

mod incoming;
mod path;
mod store;
mod tree;
mod workspace;

use std::{
    collections::{HashMap, hash_map},
    io,
    path::PathBuf,
    sync::Arc,
};

use parking_lot::Mutex;

pub use self::incoming::Incoming;
use self::workspace::Workspace;

/// The most bytes of one revision.
pub const MAX_TOTAL_BYTES: u64 = 512 * 1024 * 1024;
/// The most bytes of one chunk.
pub const MAX_CHUNK_BYTES: usize = 1024 * 1024;
/// The most paths of one revision.
pub const MAX_PATHS: usize = 100_000;
/// The most roots in a container's life.
const MAX_ROOTS: usize = 16;

/// Why a revision did not come in. Fits after "failed to sync:".
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The caller broke the contract.
    #[error("{0}")]
    Invalid(String),
    /// A bound was passed.
    #[error("more than {0}")]
    TooMuch(String),
    /// The file system refused.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

impl SyncError {
    fn io<E: Into<io::Error>>(action: &'static str, path: impl Into<String>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: source.into() }
    }
}

/// What files are brought in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Some files of a revision.
    Part,
    /// All files of a revision: others that were brought go.
    Full,
    /// What an app has made: it does not count as brought, and does not come over what was.
    Made,
}

impl Kind {
    /// Returns the kind by what a request says.
    pub fn of(full: bool, made: bool) -> Self {
        match (full, made) {
            (_, true) => Self::Made,
            (true, false) => Self::Full,
            (false, false) => Self::Part,
        }
    }
}

/// What a revision changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files written, not counting those that had the content already.
    pub written: u32,
    /// Files deleted.
    pub deleted: u32,
}

/// Returns whether a text is a path below a root that can be brought.
pub fn is_path(text: &str) -> bool {
    path::SyncPath::parse(text.to_owned()).is_ok()
}

/// The folders that revisions were brought into.
type Workspaces = HashMap<PathBuf, Workspace>;

/// Takes one revision at a time.
#[derive(Debug, Default)]
pub struct Syncer {
    workspaces: Arc<tokio::sync::Mutex<Workspaces>>,
    revision: Arc<Mutex<String>>,
}

impl Syncer {
    /// Returns the revision of the last finished sync; empty before the first and after one that failed half-way.
    pub fn revision(&self) -> String {
        self.revision.lock().clone()
    }

    /// Begins a revision once it is its turn. Nothing of the project's changes before [`Incoming::finish`].
    pub async fn begin(&self, root: &str, revision: String, kind: Kind) -> Result<Incoming, SyncError> {
        let root = path::root(root)?;
        let mut workspaces = Arc::clone(&self.workspaces).lock_owned().await;
        if workspaces.len() >= MAX_ROOTS && !workspaces.contains_key(&root) {
            return Err(SyncError::TooMuch(format!("{MAX_ROOTS} roots")));
        }
        let workspace = match workspaces.entry(root.clone()) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(Workspace::open(&root)?),
        };
        let staging = workspace.begin()?;
        let turn = tokio::sync::OwnedMutexGuard::try_map(workspaces, |all| all.get_mut(&root));
        let turn = turn.map_err(|_| SyncError::Invalid("the root is gone".into()))?;
        Ok(Incoming::new(turn, staging, revision, kind, Arc::clone(&self.revision)))
    }

    /// Returns a root folder, checked, and the paths that revisions brought into it.
    pub async fn brought(&self, root: &str) -> Result<(PathBuf, Vec<String>), SyncError> {
        let root = path::root(root)?;
        let workspaces = self.workspaces.lock().await;
        let brought = workspaces.get(&root).map(|it| it.brought().map(str::to_owned).collect());
        Ok((root, brought.unwrap_or_default()))
    }
}
