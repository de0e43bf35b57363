//! Reading a commit: its files, their contents, and what differs from another commit.
//!
//! Trees that other processes committed are untrusted: names are checked, and the work is bounded, whatever a tree says
//! of itself.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Display,
};

use bytes::Bytes;
use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
    objs::{Kind, tree::EntryKind as Mode},
};

use super::{
    cache::Cache,
    edit::{MAX_TREE_FOLDERS, too_many_folders},
    error::VfsError,
    repository::{decode_tree, find, find_tree, tree_of},
};
use crate::domain::{
    ids::{CommitId, FilePath, MAX_PATH_BYTES},
    limits::{MAX_FILE_BYTES, MAX_TREE_FILES},
    tree::{ChangeKind, ChangedPath, Entry, EntryKind, Tree},
};

/// How many characters of a path a message shows.
const MAX_SHOWN: usize = 120;

/// Returns every file of a commit.
pub(super) fn tree(repository: &Repository, cache: &Cache, commit: &CommitId) -> Result<Tree, VfsError> {
    let mut tree = Tree::new();
    let mut folders = vec![(String::new(), tree_of(repository, commit)?)];
    let mut seen = 0;
    while let Some((prefix, id)) = folders.pop() {
        seen += 1;
        if seen > MAX_TREE_FOLDERS + 1 {
            return Err(too_many_folders());
        }
        for (name, node) in children(repository, id)? {
            match node.kind {
                None => folders.push((folder_below(&prefix, name.as_bstr())?, node.id)),
                Some(kind) => {
                    let path = file_below(&prefix, name.as_bstr())?;
                    let size_bytes = size(repository, cache, node.id, &path)?;
                    tree.insert(path, Entry { kind, blob: node.id.to_string(), size_bytes });
                    if tree.len() > MAX_TREE_FILES {
                        return Err(too_many_files());
                    }
                }
            }
        }
    }
    Ok(tree)
}

/// Returns contents in the order of their ids.
pub(super) fn blobs(repository: &Repository, ids: &[String]) -> Result<Vec<Bytes>, VfsError> {
    let missing = |id: &String| VfsError::BlobNotFound(id.clone());
    ids.iter()
        .map(|text| {
            let id = ObjectId::from_hex(text.as_bytes()).map_err(|_| missing(text))?;
            find(repository, id, Kind::Blob, MAX_FILE_BYTES)?.map(Bytes::from).ok_or_else(|| missing(text))
        })
        .collect()
}

/// Returns the files that differ, ordered bytewise. Without `from` every file is new.
pub(super) fn diff(
    repository: &Repository,
    from: Option<&CommitId>,
    to: &CommitId,
) -> Result<Vec<ChangedPath>, VfsError> {
    let from = from.map(|commit| tree_of(repository, commit)).transpose()?;
    let mut work = Diff { repository, changed: Vec::new(), seen: 0 };
    let mut rest = vec![(String::new(), from, Some(tree_of(repository, to)?))];
    while let Some((prefix, old, new)) = rest.pop() {
        work.folder(&prefix, old, new, &mut rest)?;
    }
    work.changed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(work.changed)
}

/// A folder in two versions, either of which may be absent.
type Pair = (String, Option<ObjectId>, Option<ObjectId>);

struct Diff<'a> {
    repository: &'a Repository,
    changed: Vec<ChangedPath>,
    seen: usize,
}

impl Diff<'_> {
    fn folder(
        &mut self,
        prefix: &str,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        rest: &mut Vec<Pair>,
    ) -> Result<(), VfsError> {
        if old == new {
            return Ok(());
        }
        self.seen += 1;
        if self.seen > 2 * MAX_TREE_FOLDERS + 1 {
            return Err(too_many_folders());
        }
        let mut old = self.children(old)?;
        for (name, new) in self.children(new)? {
            self.entry(prefix, name.as_bstr(), old.remove(&name), Some(new), rest)?;
        }
        for (name, old) in old {
            self.entry(prefix, name.as_bstr(), Some(old), None, rest)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        prefix: &str,
        name: &BStr,
        old: Option<Node>,
        new: Option<Node>,
        rest: &mut Vec<Pair>,
    ) -> Result<(), VfsError> {
        if old == new {
            return Ok(());
        }
        let folder = |node: Option<Node>| node.filter(|node| node.kind.is_none()).map(|node| node.id);
        if folder(old).is_some() || folder(new).is_some() {
            rest.push((folder_below(prefix, name)?, folder(old), folder(new)));
        }
        let file = |node: Option<Node>| node.is_some_and(|node| node.kind.is_some());
        let kind = match (file(old), file(new)) {
            (true, true) => ChangeKind::Modified,
            (true, false) => ChangeKind::Deleted,
            (false, true) => ChangeKind::Added,
            (false, false) => return Ok(()),
        };
        self.changed.push(ChangedPath { path: file_below(prefix, name)?, kind });
        if self.changed.len() > 2 * MAX_TREE_FILES {
            return Err(too_many_files());
        }
        Ok(())
    }

    fn children(&self, tree: Option<ObjectId>) -> Result<BTreeMap<BString, Node>, VfsError> {
        tree.map_or_else(|| Ok(BTreeMap::new()), |tree| children(self.repository, tree))
    }
}

/// A file, or a folder, which has no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    kind: Option<EntryKind>,
    id: ObjectId,
}

/// Returns what is in a stored tree, without submodules.
fn children(repository: &Repository, tree: ObjectId) -> Result<BTreeMap<BString, Node>, VfsError> {
    let data = find_tree(repository, tree)?;
    let mut children = BTreeMap::new();
    let mut names = HashSet::new();
    for entry in decode_tree(&data)?.entries {
        let unusable = |what| VfsError::UnusableTree { message: format!("{} {what}", shown("", entry.filename)) };
        if !names.insert(entry.filename) {
            return Err(unusable("is there twice"));
        }
        let kind = match entry.mode.kind() {
            Mode::Tree => None,
            Mode::Blob => Some(EntryKind::File),
            Mode::BlobExecutable => Some(EntryKind::Executable),
            Mode::Link => Some(EntryKind::Symlink),
            Mode::Commit if entry.mode.is_commit() => continue,
            Mode::Commit => return Err(unusable("has a mode that git does not know")),
        };
        children.insert(entry.filename.to_owned(), Node { kind, id: entry.oid.to_owned() });
    }
    Ok(children)
}

fn size(repository: &Repository, cache: &Cache, id: ObjectId, path: &FilePath) -> Result<u64, VfsError> {
    if let Some(size) = cache.sizes.get(&id) {
        return Ok(size);
    }
    let unusable = |what| VfsError::UnusableTree { message: format!("{} {what}", shown("", path.as_str().into())) };
    let header = repository.try_find_header(id).map_err(VfsError::failed("read an object"))?;
    match header {
        Some(header) if header.kind() == Kind::Blob => {
            let size = header.size();
            if size > MAX_FILE_BYTES {
                return Err(unusable(format!("has {size} bytes, more than {MAX_FILE_BYTES}")));
            }
            cache.sizes.put(id, size);
            Ok(size)
        }
        _ => Err(unusable("has no content".to_owned())),
    }
}

fn file_below(prefix: &str, name: &BStr) -> Result<FilePath, VfsError> {
    let refuse = |why: &dyn Display| VfsError::UnusableTree { message: format!("{} {why}", shown(prefix, name)) };
    let name = name.to_str().map_err(|_| refuse(&"must be UTF-8"))?;
    format!("{prefix}{name}").parse().map_err(|error| refuse(&error))
}

/// Returns as much of a path as fits into a message, in quotes and with nothing in it that a terminal obeys.
fn shown(prefix: &str, name: &BStr) -> String {
    let path = format!("{prefix}{name}");
    let start: String = path.chars().take(MAX_SHOWN).collect();
    if start.len() < path.len() { format!("{start:?}...") } else { format!("{start:?}") }
}

fn folder_below(prefix: &str, name: &BStr) -> Result<String, VfsError> {
    // The folder's own name is checked like that of a file, so that work ends here and not at the files below it.
    let path: String = file_below(prefix, name)?.into();
    if path.len() + 1 >= MAX_PATH_BYTES {
        return Err(VfsError::UnusableTree {
            message: format!("a folder's path has {} bytes and leaves no room for a file's name", path.len()),
        });
    }
    Ok(path + "/")
}

fn too_many_files() -> VfsError {
    VfsError::UnusableTree { message: format!("it has more than {MAX_TREE_FILES} files") }
}
