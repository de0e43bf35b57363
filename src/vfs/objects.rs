//! One new object, and what each way of writing it needs.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use bytes::Bytes;
use gix::{
    ObjectId,
    hash::Kind as Hash,
    objs::{Kind, compute_hash},
    zlib::{Compression, stream::deflate},
};
use tempfile::NamedTempFile;

use super::error::VfsError;

/// One new object.
pub(super) struct Object {
    pub kind: Kind,
    pub data: Bytes,
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
