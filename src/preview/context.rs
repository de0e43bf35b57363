//! What a project's own Dockerfile is built from: the folder that it is in, without what its `.dockerignore` leaves out.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::{FilePath, ProjectId},
        tree::{EntryKind, within},
    },
    preview::files::{Content, FileSet, MAX_CONTENT_BYTES},
    vfs::Vfs,
};

/// The files of one build, still in the VFS.
#[derive(Clone)]
pub struct Context {
    vfs: Vfs,
    project: ProjectId,
    files: Vec<File>,
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
}

#[derive(Clone)]
struct File {
    path: String,
    kind: EntryKind,
    blob: String,
    size_bytes: u64,
}

impl Context {
    /// Returns the context of a Dockerfile at a path, in a folder of the project.
    pub fn new(vfs: &Vfs, project: &ProjectId, files: &FileSet, root: &str, dockerfile: &str) -> Self {
        let file = |(path, kind, content): (&FilePath, EntryKind, &Content)| {
            let Content::Blob { id, size_bytes } = content else { return None };
            let path = within(path.as_str(), root)?.to_owned();
            Some(File { path, kind, blob: id.clone(), size_bytes: *size_bytes })
        };
        Self {
            vfs: vfs.clone(),
            project: project.clone(),
            files: files.iter().filter_map(file).collect(),
            dockerfile: within(dockerfile, root).unwrap_or(dockerfile).to_owned(),
        }
    }

    /// Returns what names the image that is built from it: 32 hexadecimal digits.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.dockerfile.as_bytes());
        for file in &self.files {
            hash.update([0, file.kind as u8]);
            hash.update(file.path.as_bytes());
            hash.update([0]);
            hash.update(file.blob.as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Returns it as a tar archive.
    pub async fn archive(&self) -> Result<Bytes, Failure> {
        let failed = |reason, message: String| Failure::new(FailureStage::Build, reason, message);
        let size: u64 = self.files.iter().map(|file| file.size_bytes).sum();
        if size > MAX_CONTENT_BYTES {
            let message = format!("the files have {size} bytes, and at most {MAX_CONTENT_BYTES} are built from");
            return Err(failed("TOO_LARGE", message));
        }
        let blobs = self.files.iter().map(|file| file.blob.clone()).collect();
        let contents = self.vfs.read(&self.project, blobs).await;
        let contents = contents.map_err(|error| failed("UNREADABLE", error.to_string()))?;
        self.pack(contents).map_err(|error| failed("UNREADABLE", error.to_string()))
    }

    fn pack(&self, contents: Vec<Bytes>) -> std::io::Result<Bytes> {
        let mut archive = tar::Builder::new(Vec::new());
        for (File { path, kind, .. }, content) in self.files.iter().zip(contents) {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if *kind == EntryKind::Executable { 0o755 } else { 0o644 });
            header.set_mtime(0);
            if *kind == EntryKind::Symlink {
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
}
