//! What a project's own Dockerfile is built from: the folder that it is in, without what its `.dockerignore` leaves out.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::{FilePath, ProjectId},
        path::within,
        reason::Reason,
        text::unix_script,
        tree::EntryKind,
    },
    preview::unit::files::{Content, FileSet, MAX_CONTENT_BYTES},
    stack,
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
    // The variables that name the operator's certificate authorities.
    authorities: BTreeMap<String, String>,
}

#[derive(Clone)]
struct File {
    path: String,
    kind: EntryKind,
    blob: String,
    size_bytes: u64,
}

impl Context {
    /// Returns the context of a Dockerfile at a path, in a folder of the project. `authorities` are the variables that
    /// name the operator's certificate authorities, if it has any.
    pub fn new(
        vfs: &Vfs,
        project: &ProjectId,
        files: &FileSet,
        root: &str,
        dockerfile: &str,
        authorities: &BTreeMap<String, String>,
    ) -> Self {
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
            authorities: authorities.clone(),
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
        for (name, value) in &self.authorities {
            hash.update([1]);
            hash.update(format!("{name}={value}"));
        }
        data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Returns it as a tar archive, and whether its Dockerfile needs an image of that name with the runtime files: from
    /// there its steps have the operator's certificate authorities, if it has any.
    pub async fn archive(&self, runtime_image: &str) -> Result<(Bytes, bool), Failure> {
        let failed = |reason, message: String| Failure::new(FailureStage::Build, reason, message);
        let size: u64 = self.files.iter().map(|file| file.size_bytes).sum();
        if size > MAX_CONTENT_BYTES {
            let message = format!("the files have {size} bytes, and at most {MAX_CONTENT_BYTES} are built from");
            return Err(failed(Reason::TooLarge, message));
        }
        let blobs = self.files.iter().map(|file| file.blob.clone()).collect();
        let contents = self.vfs.read(&self.project, blobs).await;
        let mut contents = contents.map_err(|error| failed(Reason::Unreadable, error.to_string()))?;
        let dockerfile = self.files.iter().position(|file| file.path == self.dockerfile);
        let dockerfile = dockerfile.and_then(|index| contents.get_mut(index));
        let edited = dockerfile.and_then(|content| {
            let text = std::str::from_utf8(content).ok()?;
            *content = stack::with_authorities(text, runtime_image, &self.authorities)?.into();
            Some(())
        });
        let archive = self.pack(contents).map_err(|error| failed(Reason::Unreadable, error.to_string()))?;
        Ok((archive, edited.is_some()))
    }

    /// Returns the text of its Dockerfile; `None` where it cannot be read.
    pub async fn dockerfile_text(&self) -> Option<String> {
        let file = self.files.iter().find(|file| file.path == self.dockerfile)?;
        let contents = self.vfs.read(&self.project, vec![file.blob.clone()]).await.ok()?;
        Some(String::from_utf8_lossy(contents.first()?).into_owned())
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
                // An entry point with Windows' line ends cannot be run.
                let content = unix_script(path, &content).map_or(content, Bytes::from);
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, path, content.as_ref())?;
            }
        }
        Ok(Bytes::from(archive.into_inner()?))
    }
}
