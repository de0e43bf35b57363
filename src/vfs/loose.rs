//! Writes git's loose objects (`gitformat-loose(5)`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

use gix::ObjectId;
use tempfile::NamedTempFile;

use super::{
    objects::{Object, compress, temporary},
    repository::sync_together,
};

/// How often the folder of an object is made, should `git gc` remove it each time as empty.
const PERSIST_TRIES: usize = 5;

/// Writes each object as a file of its own into `objects` and syncs them.
pub(super) fn write(objects: &Path, batch: &BTreeMap<ObjectId, Object>) -> io::Result<()> {
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
