//! What a project's own Dockerfile is built from: the folder that it is in.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::ProjectId,
        tree::{Entry, EntryKind, Tree, below},
    },
    preview::files::MAX_CONTENT_BYTES,
    vfs::Vfs,
};

/// Returns what is below a folder of a tree as a tar archive. `.dockerignore` is left to the engine's own rules: what it
/// would ignore is in git by the author's own choice.
pub async fn archive(vfs: &Vfs, project: &ProjectId, tree: &Tree, root: &str) -> Result<Bytes, Failure> {
    let failed = |message: String| Failure::new(FailureStage::Build, "UNREADABLE", message);
    let size: u64 = below(tree, root).map(|(_, entry)| entry.size_bytes).sum();
    if size > MAX_CONTENT_BYTES {
        return Err(Failure::new(
            FailureStage::Build,
            "TOO_LARGE",
            format!("the files have {size} bytes, and at most {MAX_CONTENT_BYTES} are built from"),
        ));
    }
    let blobs = below(tree, root).map(|(_, entry)| entry.blob.clone()).collect();
    let contents = vfs.read(project, blobs).await.map_err(|error| failed(error.to_string()))?;
    pack(below(tree, root), contents).map_err(|error| failed(error.to_string()))
}

/// Returns what names the image that is built from a folder of a tree: 32 hexadecimal digits.
pub fn name(tree: &Tree, root: &str, dockerfile: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(dockerfile.as_bytes());
    for (path, entry) in below(tree, root) {
        hash.update([0, entry.kind as u8]);
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(entry.blob.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}

fn pack<'a>(files: impl Iterator<Item = (&'a str, &'a Entry)>, contents: Vec<Bytes>) -> std::io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    for ((path, entry), content) in files.zip(contents) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if entry.kind == EntryKind::Executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        if entry.kind == EntryKind::Symlink {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, path, String::from_utf8_lossy(&content).as_ref())?;
        } else {
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_ref())?;
        }
    }
    Ok(Bytes::from(archive.into_inner()?))
}
