//! A tree that is being changed: folders are read from the repository when a path leads through them, and only what
//! changed is written.

use std::collections::{BTreeMap, HashSet};

use gix::{
    ObjectId, Repository,
    bstr::BString,
    objs::{
        Tree,
        tree::{Entry, EntryKind, EntryMode},
    },
};

use super::{
    batch::Batch,
    cache::{Cache, Count},
    error::VfsError,
    repository::{decode_tree, find_tree},
};
use crate::domain::ids::MAX_PATH_BYTES;

/// The most folders in one tree. Real projects have fewer folders than files.
pub(super) const MAX_TREE_FOLDERS: usize = 20_000;
/// The deepest folder that a path can name.
const MAX_DEPTH: u32 = MAX_PATH_BYTES as u32 / 2;

/// Where stored trees are read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The repository; `None` while the project does not exist, and then nothing is stored.
    pub repository: Option<&'a Repository>,
    /// What is known about its trees.
    pub cache: &'a Cache,
}

impl Source<'_> {
    fn data(&self, tree: ObjectId) -> Result<Vec<u8>, VfsError> {
        match self.repository {
            Some(repository) => find_tree(repository, tree),
            None => Err(VfsError::UnusableTree { message: format!("tree {tree} is in no repository") }),
        }
    }

    fn children(&self, tree: ObjectId) -> Result<BTreeMap<BString, Node>, VfsError> {
        let data = self.data(tree)?;
        let entries = decode_tree(&data)?.entries.into_iter();
        Ok(entries
            .map(|entry| {
                let id = entry.oid.to_owned();
                let folder = entry.mode.is_tree();
                let node = if folder { Node::Folder(Folder::stored(id)) } else { Node::Leaf(entry.mode, id) };
                (entry.filename.to_owned(), node)
            })
            .collect())
    }

    /// Returns how much is in and below a stored tree. Equal trees are read once, however often they occur.
    pub fn count(&self, tree: ObjectId) -> Result<Count, VfsError> {
        self.count_below(tree, 0, &mut 0)
    }

    fn count_below(&self, tree: ObjectId, depth: u32, reads: &mut usize) -> Result<Count, VfsError> {
        if let Some(count) = self.cache.counts.get(&tree) {
            return Ok(count);
        }
        *reads += 1;
        if *reads > MAX_TREE_FOLDERS || depth > MAX_DEPTH {
            return Err(too_many_folders());
        }
        let data = self.data(tree)?;
        let mut total = Count::default();
        for entry in decode_tree(&data)?.entries {
            match entry.mode.kind() {
                EntryKind::Commit => {}
                EntryKind::Tree => total.add_folder(self.count_below(entry.oid.to_owned(), depth + 1, reads)?),
                _ => total.files = total.files.saturating_add(1),
            }
        }
        self.cache.counts.put(tree, total);
        Ok(total)
    }

    /// Returns the ids of everything in and below a stored tree, each tree read once.
    pub fn collect(&self, tree: ObjectId) -> Result<HashSet<ObjectId>, VfsError> {
        let mut known = HashSet::from([tree]);
        let mut rest = vec![tree];
        while let Some(tree) = rest.pop() {
            let data = self.data(tree)?;
            for entry in decode_tree(&data)?.entries {
                let id = entry.oid.to_owned();
                if known.insert(id) && entry.mode.is_tree() {
                    rest.push(id);
                }
            }
        }
        Ok(known)
    }
}

/// A folder of the tree.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The tree in the repository, while nothing in or below it has changed.
    stored: Option<ObjectId>,
    /// What is in it, once it was read.
    children: Option<BTreeMap<BString, Node>>,
}

#[derive(Debug)]
enum Node {
    Leaf(EntryMode, ObjectId),
    Folder(Folder),
}

impl Node {
    fn is_leaf(&self, mode: EntryMode, id: ObjectId) -> bool {
        matches!(self, Self::Leaf(own_mode, own_id) if own_mode.kind() == mode.kind() && *own_id == id)
    }
}

/// Why a path cannot be written or deleted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// There is nothing at the path.
    Missing,
    /// The path is that of a folder that has files.
    IsFolder,
    /// This part of the path is a file.
    BelowFile(String),
}

impl Folder {
    /// Returns the folder that the repository has as a tree.
    pub fn stored(tree: ObjectId) -> Self {
        Self { stored: Some(tree), children: None }
    }

    /// Returns a folder with nothing in it.
    pub fn empty() -> Self {
        Self { stored: None, children: Some(BTreeMap::new()) }
    }

    fn is_empty(&mut self, source: Source<'_>) -> Result<bool, VfsError> {
        Ok(self.children(source)?.is_empty())
    }

    fn children(&mut self, source: Source<'_>) -> Result<&mut BTreeMap<BString, Node>, VfsError> {
        if self.children.is_none() {
            self.children = Some(match self.stored {
                Some(tree) => source.children(tree)?,
                None => BTreeMap::new(),
            });
        }
        Ok(self.children.get_or_insert_default())
    }

    /// Returns whether the path can be deleted.
    pub fn find(&mut self, source: Source<'_>, path: &str) -> Result<Result<(), Obstacle>, VfsError> {
        let mut folder = self;
        let mut rest = path;
        while let Some((name, below)) = rest.split_once('/') {
            match folder.children(source)?.get_mut(name.as_bytes()) {
                None => return Ok(Err(Obstacle::Missing)),
                Some(Node::Leaf(..)) => return Ok(Err(Obstacle::Missing)),
                Some(Node::Folder(next)) => folder = next,
            }
            rest = below;
        }
        Ok(match folder.children(source)?.get(rest.as_bytes()) {
            None => Err(Obstacle::Missing),
            Some(Node::Leaf(..)) => Ok(()),
            Some(Node::Folder(_)) => Err(Obstacle::IsFolder),
        })
    }

    /// Takes a file away, and folders that have nothing left.
    pub fn delete(&mut self, source: Source<'_>, path: &str) -> Result<Result<(), Obstacle>, VfsError> {
        if let Err(obstacle) = self.find(source, path)? {
            return Ok(Err(obstacle));
        }
        self.remove(source, path)?;
        Ok(Ok(()))
    }

    fn remove(&mut self, source: Source<'_>, path: &str) -> Result<(), VfsError> {
        let children = self.children(source)?;
        match path.split_once('/') {
            None => {
                children.remove(path.as_bytes());
            }
            Some((name, below)) => {
                if let Some(Node::Folder(folder)) = children.get_mut(name.as_bytes()) {
                    folder.remove(source, below)?;
                    if folder.is_empty(source)? {
                        children.remove(name.as_bytes());
                    }
                }
            }
        }
        self.stored = None;
        Ok(())
    }

    /// Puts a file at a path and returns whether that changed anything.
    pub fn write(
        &mut self,
        source: Source<'_>,
        path: &str,
        executable: bool,
        blob: ObjectId,
    ) -> Result<Result<bool, Obstacle>, VfsError> {
        let mode = if executable { EntryKind::BlobExecutable } else { EntryKind::Blob };
        self.put(source, path, 0, Node::Leaf(mode.into(), blob))
    }

    fn put(
        &mut self,
        source: Source<'_>,
        path: &str,
        at: usize,
        node: Node,
    ) -> Result<Result<bool, Obstacle>, VfsError> {
        let children = self.children(source)?;
        let changed = match path[at..].find('/') {
            None => {
                let name = BString::from(&path[at..]);
                let folder_is_full = match children.get_mut(&name) {
                    Some(Node::Leaf(mode, id)) if node.is_leaf(*mode, *id) => return Ok(Ok(false)),
                    Some(Node::Folder(folder)) => !folder.is_empty(source)?,
                    _ => false,
                };
                if folder_is_full {
                    return Ok(Err(Obstacle::IsFolder));
                }
                children.insert(name, node);
                true
            }
            Some(length) => {
                let name = BString::from(&path[at..at + length]);
                match children.entry(name).or_insert_with(|| Node::Folder(Self::empty())) {
                    Node::Leaf(..) => return Ok(Err(Obstacle::BelowFile(path[..at + length].to_owned()))),
                    Node::Folder(folder) => match folder.put(source, path, at + length + 1, node)? {
                        Ok(changed) => changed,
                        Err(obstacle) => return Ok(Err(obstacle)),
                    },
                }
            }
        };
        if changed {
            self.stored = None;
        }
        Ok(Ok(changed))
    }

    /// Adds the trees that changed to the batch and returns the id of this one.
    pub fn encode(&self, batch: &mut Batch) -> Result<ObjectId, VfsError> {
        if let Some(stored) = self.stored {
            return Ok(stored);
        }
        let mut entries = Vec::new();
        for (name, node) in self.children.iter().flatten() {
            let (mode, oid) = match node {
                Node::Leaf(mode, id) => (*mode, *id),
                Node::Folder(folder) => (EntryKind::Tree.into(), folder.encode(batch)?),
            };
            entries.push(Entry { mode, filename: name.clone(), oid });
        }
        entries.sort();
        batch.add_encoded(&Tree { entries })
    }

    /// Returns how much is in and below the folder.
    pub fn count(&self, source: Source<'_>) -> Result<Count, VfsError> {
        if let Some(stored) = self.stored {
            return source.count(stored);
        }
        let mut total = Count::default();
        for node in self.children.iter().flat_map(BTreeMap::values) {
            match node {
                Node::Leaf(mode, _) if mode.is_commit() => {}
                Node::Leaf(..) => total.files = total.files.saturating_add(1),
                Node::Folder(folder) => total.add_folder(folder.count(source)?),
            }
        }
        Ok(total)
    }
}

/// Returns the error of a tree that nobody makes in earnest.
pub(super) fn too_many_folders() -> VfsError {
    VfsError::UnusableTree {
        message: format!("it has more than {MAX_TREE_FOLDERS} folders, or folders more than {MAX_DEPTH} deep"),
    }
}
