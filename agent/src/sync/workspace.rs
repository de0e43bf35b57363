//! What is known of one root folder, and how a revision changes it.

use std::{
    collections::BTreeSet,
    fs::DirBuilder,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use super::{
    Summary, SyncError,
    incoming::{Content, Entry},
    path::SyncPath,
    store::Store,
    tree::Tree,
};

/// One root folder.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    store: Store,
    /// What revisions brought and did not take away again.
    brought: BTreeSet<SyncPath>,
    /// The newest modification time of all that was deleted, in seconds: what comes in its place must be newer.
    newest_deleted: i64,
}

impl Workspace {
    /// Opens a root, making it if it is not there.
    pub fn open(root: &Path) -> Result<Self, SyncError> {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(root);
        made.map_err(SyncError::io("make", root.display().to_string()))?;
        let store = Store::open(root)?;
        let brought = store.load();
        Ok(Self { root: root.to_owned(), store, brought, newest_deleted: i64::MIN })
    }

    /// Returns the folder in which a new revision's files wait, emptied.
    pub fn begin(&self) -> Result<OwnedFd, SyncError> {
        let cleared = self.store.clear().and_then(|()| self.store.staging());
        cleared.map_err(SyncError::io("clear", "the staging folder"))
    }

    /// Puts the entries into place in their order, then deletes.
    ///
    /// The list on disk is at no time without a path that was brought: it grows first and shrinks last.
    pub fn apply(&mut self, entries: &[Entry], deletions: &[SyncPath], full: bool) -> Result<Summary, SyncError> {
        let save = |store: &Store, brought: &BTreeSet<SyncPath>| {
            store.save(brought).map_err(SyncError::io("keep", "the list of paths"))
        };
        let before = self.brought.len();
        self.brought.extend(entries.iter().map(|entry| entry.path.clone()));
        if self.brought.len() != before {
            save(&self.store, &self.brought)?;
        }
        let mut tree = Tree::open(&self.root, self.staging()?, self.newest_deleted)
            .map_err(SyncError::io("open", self.root.display().to_string()))?;
        let mut summary = Summary::default();
        for Entry { path, content } in entries {
            summary.written += u32::from(put(&mut tree, path, content)?);
        }
        let mut gone: BTreeSet<SyncPath> = deletions.iter().cloned().collect();
        if full {
            let named: BTreeSet<&SyncPath> = entries.iter().map(|entry| &entry.path).collect();
            gone.extend(self.brought.iter().filter(|path| !named.contains(path)).cloned());
        }
        let known = self.brought.len();
        // Deepest first, so that folders are empty when they are looked at.
        for path in gone.iter().rev() {
            summary.deleted += u32::from(tree.delete(path).map_err(SyncError::io("delete", path.as_str()))?);
            self.newest_deleted = tree.newest_deleted();
            self.brought.remove(path);
        }
        if self.brought.len() != known {
            save(&self.store, &self.brought)?;
        }
        Ok(summary)
    }

    /// Returns the paths that were brought.
    pub fn brought(&self) -> impl Iterator<Item = &str> {
        self.brought.iter().map(SyncPath::as_str)
    }

    /// Puts what an app has made into place, but for what would come over a path that was brought, or over a folder on
    /// the way to one.
    pub fn add_made(&mut self, entries: &[Entry]) -> Result<Summary, SyncError> {
        let mut tree = Tree::open(&self.root, self.staging()?, self.newest_deleted)
            .map_err(SyncError::io("open", self.root.display().to_string()))?;
        let brought: BTreeSet<&str> = self.brought().collect();
        let mut summary = Summary::default();
        for Entry { path, content } in entries.iter().filter(|entry| !is_in_the_way(&brought, entry.path.as_str())) {
            summary.written += u32::from(put(&mut tree, path, content)?);
        }
        Ok(summary)
    }

    fn staging(&self) -> Result<OwnedFd, SyncError> {
        self.store.staging().map_err(SyncError::io("open", "the staging folder"))
    }
}

/// Puts one entry into place, and returns whether that made a difference.
fn put(tree: &mut Tree, path: &SyncPath, content: &Content) -> Result<bool, SyncError> {
    let put = match content {
        Content::File { staged, size, executable } => tree.put_file(path, staged, *size, *executable),
        Content::Symlink(target) => tree.put_symlink(path, target),
    };
    put.map_err(SyncError::io("write", path.as_str()))
}

/// Returns whether what is put at a path would come over one that was brought, or over a folder on the way to one.
fn is_in_the_way(brought: &BTreeSet<&str>, path: &str) -> bool {
    let below = format!("{path}/");
    brought.contains(path)
        || path.match_indices('/').any(|(end, _)| brought.contains(&path[..end]))
        || brought.range(below.as_str()..).next().is_some_and(|next| next.starts_with(&below))
}
