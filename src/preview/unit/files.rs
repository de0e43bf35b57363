//! What is to be in a container at one commit: the project's files and those that its stack supplies beside them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::{
    ids::FilePath,
    path::within,
    runtime::{ImagePlan, RunPlan},
    tree::{ChangeKind, ChangedPath, EntryKind, Tree},
};

/// The most bytes of files that are brought into one container.
pub const MAX_CONTENT_BYTES: u64 = 256 * 1024 * 1024;

/// Where a file's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A blob of the VFS, of so many bytes.
    Blob {
        /// Its id.
        id: String,
        /// Its size.
        size_bytes: u64,
    },
    /// The stack.
    Supplied(Bytes),
}

/// Every file that is to be in a container, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSet(BTreeMap<FilePath, (EntryKind, Content)>);

/// What turns one set into another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Files to write.
    pub writes: Vec<(FilePath, EntryKind, Content)>,
    /// Files to delete.
    pub deletes: Vec<FilePath>,
    /// Both, for people.
    pub changed: Vec<ChangedPath>,
}

impl FileSet {
    /// Returns the files of a tree, and those supplied where the tree has none of that path.
    pub fn new(tree: &Tree, plan: &RunPlan) -> Self {
        let is_wanted = wanted(plan);
        let mut files: BTreeMap<_, _> = tree
            .iter()
            .filter(|(path, _)| is_wanted(path.as_str()))
            .map(|(path, entry)| {
                let content = Content::Blob { id: entry.blob.clone(), size_bytes: entry.size_bytes };
                (path.clone(), (entry.kind, content))
            })
            .collect();
        for (path, text) in &plan.supplied {
            files
                .entry(path.clone())
                .or_insert_with(|| (EntryKind::File, Content::Supplied(Bytes::from(text.clone()))));
        }
        Self(files)
    }

    /// Returns every file, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&FilePath, EntryKind, &Content)> {
        self.0.iter().map(|(path, (kind, content))| (path, *kind, content))
    }

    /// Returns what turns `self` into `next`.
    pub fn difference(&self, next: &Self) -> Difference {
        let mut difference = Difference::default();
        for (path, (kind, content)) in &next.0 {
            let change = match self.0.get(path) {
                None => ChangeKind::Added,
                Some(old) if *old != (*kind, content.clone()) => ChangeKind::Modified,
                Some(_) => continue,
            };
            difference.writes.push((path.clone(), *kind, content.clone()));
            difference.changed.push(ChangedPath { path: path.clone(), kind: change });
        }
        for path in self.0.keys().filter(|path| !next.0.contains_key(*path)) {
            difference.deletes.push(path.clone());
            difference.changed.push(ChangedPath { path: path.clone(), kind: ChangeKind::Deleted });
        }
        difference.changed.sort_by(|a, b| a.path.cmp(&b.path));
        difference
    }
}

/// Returns what says whether a file is to be in the container. What is beside the folder of a Dockerfile, or is left out
/// of its build, is in no image and changes none.
fn wanted(plan: &RunPlan) -> Box<dyn Fn(&str) -> bool + '_> {
    let ImagePlan::Build { dockerfile, ignore } = &plan.image else { return Box::new(|_| true) };
    let left_out = ignore.matcher();
    Box::new(move |path| path == dockerfile || within(path, &plan.root).is_some_and(|inside| !left_out(inside)))
}

impl Content {
    /// Returns the size in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Blob { size_bytes, .. } => *size_bytes,
            Self::Supplied(bytes) => bytes.len() as u64,
        }
    }
}

impl Difference {
    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str)]) -> FileSet {
        FileSet(
            files
                .iter()
                .map(|(path, text)| {
                    let content = Content::Supplied(Bytes::copy_from_slice(text.as_bytes()));
                    (path.parse().expect("a path"), (EntryKind::File, content))
                })
                .collect(),
        )
    }

    #[test]
    fn a_difference_names_what_is_new_what_changed_and_what_is_gone() {
        let difference =
            set(&[("a", "1"), ("b", "1"), ("c", "1")]).difference(&set(&[("b", "2"), ("c", "1"), ("d", "1")]));
        let changed: Vec<_> = difference.changed.iter().map(|c| (c.path.as_str(), c.kind)).collect();
        assert_eq!(changed, [("a", ChangeKind::Deleted), ("b", ChangeKind::Modified), ("d", ChangeKind::Added)]);
        assert_eq!(difference.writes.len(), 2);
        assert_eq!(difference.deletes.len(), 1);
    }

    #[test]
    fn equal_sets_differ_in_nothing() {
        assert!(set(&[("a", "1")]).difference(&set(&[("a", "1")])).is_empty());
    }
}
