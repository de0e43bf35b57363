//! What the read-only runtime volume is to hold: the agent and what the stacks need. It is named by the hash of that.

use std::{collections::HashMap, io::Read};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{domain::runtime::RuntimeFile, engine::EngineError};

/// What the volume is to hold.
#[derive(Debug)]
pub(super) struct Runtime {
    volume: String,
    archive: Bytes,
    files: HashMap<String, Bytes>,
}

/// The volume as it was when its content was last found right.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VolumeState {
    /// The daemon's time of creation, in seconds: another volume of that name hardly ever has the same, and if it does,
    /// a container does not start on it, and the content is checked again.
    pub(super) checked: Option<String>,
}

/// Returns the mode of a file. A program that only the kernel reads can be traced by nobody, from its first moment on:
/// ptrace(2), "Ptrace access mode checking", and what proc(5) says of `PR_SET_DUMPABLE`.
fn mode_of(file: &RuntimeFile) -> u32 {
    match (file.executable, file.content.starts_with(b"\x7fELF")) {
        (true, true) => 0o111,
        (true, false) => 0o555,
        (false, _) => 0o444,
    }
}

impl Runtime {
    /// Returns what the files amount to.
    pub(super) fn new(files: &[RuntimeFile]) -> Result<Self, EngineError> {
        let mut files: Vec<&RuntimeFile> = files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut hash = Sha256::new();
        let mut archive = tar::Builder::new(Vec::new());
        for file in &files {
            let mode = mode_of(file);
            for part in [file.path.as_bytes(), &mode.to_le_bytes(), &file.content] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            let mut header = tar::Header::new_gnu();
            header.set_size(file.content.len() as u64);
            header.set_mode(mode);
            header.set_mtime(1);
            archive.append_data(&mut header, &file.path, &file.content[..]).map_err(unfit)?;
        }
        let name = data_encoding::HEXLOWER.encode(&hash.finalize()[..8]);
        Ok(Self {
            volume: format!("previewd-runtime-{name}"),
            archive: archive.into_inner().map_err(unfit)?.into(),
            files: files.into_iter().map(|it| (it.path.clone(), it.content.clone())).collect(),
        })
    }

    /// Returns the volume's name.
    pub(super) fn volume(&self) -> &str {
        &self.volume
    }

    /// Returns the name of the container through which the volume is filled.
    pub(super) fn keeper(&self) -> String {
        format!("{}-fill", self.volume)
    }

    /// Returns the files as a tar archive.
    pub(super) fn archive(&self) -> &Bytes {
        &self.archive
    }

    /// Reports whether a tar archive of the volume holds our files. Its entries are below one folder.
    pub(super) fn is_in(&self, archive: &[u8]) -> std::io::Result<bool> {
        let mut right = 0;
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            let Some(path) = path.to_str().and_then(|it| it.split_once('/')).map(|(_, below)| below) else { continue };
            let Some(wanted) = self.files.get(path) else { continue };
            let mut content = Vec::with_capacity(wanted.len());
            entry.read_to_end(&mut content)?;
            right += usize::from(content == *wanted);
        }
        Ok(right == self.files.len())
    }
}

fn unfit(err: std::io::Error) -> EngineError {
    EngineError::Refused { action: "pack the runtime files", message: err.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &'static str, executable: bool) -> RuntimeFile {
        RuntimeFile { path: path.into(), content: content.into(), executable }
    }

    #[test]
    fn the_volume_is_named_by_its_content() {
        let name = |files: &[RuntimeFile]| Runtime::new(files).unwrap().volume;
        let one = name(&[file("agent", "a", true), file("python/zygote.py", "b", false)]);
        assert_eq!(one, name(&[file("python/zygote.py", "b", false), file("agent", "a", true)]));
        assert_ne!(one, name(&[file("agent", "a", false), file("python/zygote.py", "b", false)]));
        assert_ne!(name(&[file("a", "bc", true)]), name(&[file("ab", "c", true)]));
    }

    #[test]
    fn a_half_filled_volume_is_not_taken_for_good() {
        let runtime = Runtime::new(&[file("agent", "content", true), file("vite/wrapper.js", "x", false)]).unwrap();
        let packed = |files: &[(&str, &str)]| {
            let mut archive = tar::Builder::new(Vec::new());
            for (path, content) in files {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, format!("previewd/{path}"), content.as_bytes()).unwrap();
            }
            archive.into_inner().unwrap()
        };
        assert!(runtime.is_in(&packed(&[("agent", "content"), ("vite/wrapper.js", "x"), ("more", "")])).unwrap());
        assert!(!runtime.is_in(&packed(&[("agent", "content")])).unwrap());
        assert!(!runtime.is_in(&packed(&[("agent", "conten\0"), ("vite/wrapper.js", "x")])).unwrap());
        assert!(!runtime.is_in(&packed(&[])).unwrap());
    }
}
