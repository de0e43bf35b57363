//! New objects on their way to the disk, where they must be before a ref names them.
//!
//! A few become loose objects, as git's own do. Many become one pack, because every file that is synced by itself costs
//! as much as a whole pack. Either way nothing is at its final name before its content is on the disk, so a power cut
//! leaves no empty object behind; and an object that the repository has already is written again, which mends a broken
//! one and keeps `git gc` from taking one away that was not in use until now.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use bytes::Bytes;
use gix::{
    ObjectId,
    hash::Kind as Hash,
    objs::{Kind, WriteTo, compute_hash},
    zlib::{Compression, stream::deflate},
};
use tempfile::NamedTempFile;

use super::{error::VfsError, pack, repository::sync_together};

/// From this many objects on they are packed.
const PACK_FROM: usize = 24;

/// How often the folder of an object is made, should `git gc` remove it each time as empty.
const PERSIST_TRIES: usize = 5;

/// One new object.
pub(super) struct Object {
    pub kind: Kind,
    pub data: Bytes,
}

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
            write_loose(&objects, &self.0)
        } else {
            pack::write(&objects.join("pack"), &self.0)
        };
        written.map_err(VfsError::failed("write objects"))
    }
}

/// Returns the id of an object.
pub(super) fn hash(kind: Kind, data: &[u8]) -> Result<ObjectId, VfsError> {
    compute_hash(Hash::Sha1, kind, data).map_err(VfsError::failed("hash an object"))
}

/// Returns data as a zlib stream, at the level that git takes for loose objects.
pub(super) fn compress(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut stream = deflate::Write::new(Vec::new(), Compression::BEST_SPEED);
    for part in parts {
        stream.write_all(part)?;
    }
    stream.flush()?;
    Ok(stream.into_inner())
}

/// Makes a file that is read-only once it has its name, as git's objects are.
pub(super) fn temporary(folder: &Path, prefix: &str, content: &[u8]) -> io::Result<NamedTempFile> {
    let permissions = fs::Permissions::from_mode(0o444);
    let mut file = tempfile::Builder::new().prefix(prefix).permissions(permissions).tempfile_in(folder)?;
    file.write_all(content)?;
    Ok(file)
}

fn write_loose(objects: &Path, batch: &BTreeMap<ObjectId, Object>) -> io::Result<()> {
    let mut files = Vec::with_capacity(batch.len());
    for (id, object) in batch {
        let header = gix::objs::encode::loose_header(object.kind, object.data.len() as u64);
        files.push((id, temporary(objects, "tmp_obj_", &compress(&[&header, &object.data])?)?));
    }
    // All are written before the first is synced, so that the disk gets them in one go.
    sync_together(&files.iter().map(|(_, file)| file.as_file()).collect::<Vec<_>>())?;
    let mut folders = BTreeSet::new();
    for (id, file) in files {
        let hex = id.to_string();
        let (folder, name) = hex.split_at(2);
        let folder = objects.join(folder);
        if persist(file, &folder, name)? {
            folders.insert(objects.to_owned());
        }
        folders.insert(folder);
    }
    let folders = folders.iter().map(File::open).collect::<io::Result<Vec<_>>>()?;
    sync_together(&folders.iter().collect::<Vec<_>>())
}

/// Moves a file to its name and returns whether its folder had to be made.
fn persist(mut file: NamedTempFile, folder: &Path, name: &str) -> io::Result<bool> {
    let mut made = false;
    for _ in 0..PERSIST_TRIES {
        match file.persist(folder.join(name)) {
            Ok(_) => return Ok(made),
            Err(error) if error.error.kind() == ErrorKind::NotFound => file = error.file,
            Err(error) => return Err(error.error),
        }
        match fs::create_dir(folder) {
            Ok(()) => made = true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::NotFound, "a new object was removed while it was written"))
}
