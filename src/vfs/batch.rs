//! New objects on their way to the disk, where they must be before a ref names them.
//!
//! A few become loose objects, as git's own do. Many become one pack, because every file that is synced by itself costs
//! as much as a whole pack. Either way nothing is at its final name before its content is on the disk, so a power cut
//! leaves no empty object behind; and an object that the repository has already is written again, which mends a broken
//! one and keeps `git gc` from taking one away that was not in use until now.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use bytes::Bytes;
use gix::{
    ObjectId,
    objs::{Kind, WriteTo},
};

use super::{
    error::VfsError,
    loose,
    objects::{Object, hash},
    pack,
};

/// From this many objects on they are packed.
const PACK_FROM: usize = 24;

/// The new objects of one commit.
#[derive(Default)]
pub(super) struct Batch(BTreeMap<ObjectId, Object>);

impl Batch {
    /// Adds a file's content, whose id is known.
    pub fn add_blob(&mut self, id: ObjectId, data: Bytes) {
        self.0.insert(id, Object { kind: Kind::Blob, data });
    }

    /// Adds a commit or a tree and returns its id.
    pub fn add_encoded(&mut self, object: &dyn WriteTo) -> Result<ObjectId, VfsError> {
        let mut data = Vec::new();
        object.write_to(&mut data).map_err(VfsError::failed("encode an object"))?;
        let id = hash(object.kind(), &data)?;
        self.0.insert(id, Object { kind: object.kind(), data: data.into() });
        Ok(id)
    }

    /// Writes all objects but those in `known`; when it returns they survive a power cut.
    pub fn write(mut self, git_dir: &Path, known: &HashSet<ObjectId>) -> Result<(), VfsError> {
        self.0.retain(|id, _| !known.contains(id));
        let objects = git_dir.join("objects");
        let written = if self.0.len() < PACK_FROM {
            loose::write(&objects, &self.0)
        } else {
            pack::write(&objects.join("pack"), &self.0)
        };
        written.map_err(VfsError::failed("write objects"))
    }
}
