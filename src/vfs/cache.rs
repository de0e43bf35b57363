//! What is known about objects: it can never be wrong, since an id stands for one content for ever.

use std::collections::HashMap;

use gix::ObjectId;
use parking_lot::Mutex;

/// How many entries one table keeps; about 6 MB.
const MAX_ENTRIES: usize = 100_000;

/// Facts about objects of all projects, shared by all.
#[derive(Default)]
pub(super) struct Cache {
    /// The size of a blob in bytes.
    pub sizes: Table<u64>,
    /// What is in and below a tree.
    pub counts: Table<Count>,
}

/// What is in and below a tree, saturating.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Files, executables and symbolic links.
    pub files: u32,
    /// Folders, without the tree itself.
    pub folders: u32,
    /// Folders one below the other.
    pub depth: u32,
}

impl Count {
    /// Adds what is in a subfolder, and the subfolder.
    pub fn add_folder(&mut self, below: Self) {
        self.files = self.files.saturating_add(below.files);
        self.folders = self.folders.saturating_add(below.folders).saturating_add(1);
        self.depth = self.depth.max(below.depth.saturating_add(1));
    }
}

/// A bounded table, emptied when it is full.
#[derive(Default)]
pub(super) struct Table<T>(Mutex<HashMap<ObjectId, T>>);

impl<T: Copy> Table<T> {
    /// Returns what is known about an object.
    pub fn get(&self, id: &ObjectId) -> Option<T> {
        self.0.lock().get(id).copied()
    }

    /// Remembers something about an object.
    pub fn put(&self, id: ObjectId, value: T) {
        let mut table = self.0.lock();
        if table.len() >= MAX_ENTRIES {
            table.clear();
        }
        table.insert(id, value);
    }
}
