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

/// Returns what is below a folder, with each path as seen from there; all of it for the root, which is the empty path.
pub fn below<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> + 'a {
    tree.iter().filter_map(move |(path, entry)| Some((within(path.as_str(), folder)?, entry)))
}

/// Returns a path as seen from a folder, or `None` if it is not below it.
pub fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_folder_is_seen_from_there() {
        let entry = Entry { kind: EntryKind::File, blob: "0".repeat(40), size_bytes: 0 };
        let tree: Tree = ["api/a", "api/b/c", "apis", "z"]
            .into_iter()
            .map(|path| (path.parse().expect("a path"), entry.clone()))
            .collect();
        assert_eq!(below(&tree, "api").map(|(path, _)| path).collect::<Vec<_>>(), ["a", "b/c"]);
        assert_eq!(below(&tree, "").count(), 4);
    }
}
