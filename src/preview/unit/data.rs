//! What apps write to the paths that their projects name as data, kept on disk between previews: one archive for each
//! branch of a project, written whole, as long as the project.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, task};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};

use crate::{
    agent::{AgentError, MadePart, MadeParts, MadeSummary},
    domain::ids::{BranchName, FilePath, ProjectId},
};

/// The bytes of one piece, and how many wait.
const CHUNK_BYTES: usize = 256 * 1024;
const PARTS: usize = 8;

/// The longest name of a file, without its ending. That of a longer branch is its hash.
const MAX_NAME: usize = 200;

/// The folder of archives.
#[derive(Debug, Clone)]
pub struct DataStore {
    folder: PathBuf,
}

impl DataStore {
    /// Returns the archives below a data directory. Nothing is made before something is kept.
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("app-data") }
    }

    /// Keeps what comes in place of what was kept before; on an error, that stays.
    pub async fn save(&self, project: &ProjectId, branch: &BranchName, mut parts: MadeParts) -> io::Result<()> {
        let path = self.path(project, branch);
        let (sender, receiver) = mpsc::channel(PARTS);
        let written = task::spawn_blocking(move || write(&path, receiver));
        while let Some(part) = parts.next().await {
            let failed = part.is_err();
            // A writer that has ended says why.
            if sender.send(part).await.is_err() || failed {
                break;
            }
        }
        drop(sender);
        written.await.map_err(io::Error::other)?
    }

    /// Returns what is kept of those paths and what is below them; nothing, if there is nothing.
    pub async fn load(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        only: &[FilePath],
    ) -> io::Result<Option<(MadeSummary, MadeParts)>> {
        let (path, only) = (self.path(project, branch), Arc::<[FilePath]>::from(only));
        let counted = {
            let (path, only) = (path.clone(), only.clone());
            task::spawn_blocking(move || count(&path, &only)).await.map_err(io::Error::other)?
        };
        let summary = match counted {
            Ok(summary) => summary,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (sender, receiver) = mpsc::channel(PARTS);
        task::spawn_blocking(move || read(&path, &only, &sender));
        let parts: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(ReceiverStream::new(receiver));
        Ok(Some((summary, parts)))
    }

    fn path(&self, project: &ProjectId, branch: &BranchName) -> PathBuf {
        let mut branch = data_encoding::BASE32_DNSSEC.encode(branch.as_str().as_bytes());
        if branch.len() > MAX_NAME {
            branch = format!("sha256-{}", data_encoding::HEXLOWER.encode(&Sha256::digest(branch)));
        }
        self.folder.join(project.as_str()).join(format!("{branch}.tar"))
    }
}

/// Writes an archive beside the one that is there, and then in its place.
fn write(path: &Path, mut parts: mpsc::Receiver<Result<MadePart, AgentError>>) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut archive = tar::Builder::new(file);
    let mut next = parts.blocking_recv();
    while let Some(part) = next {
        let MadePart::File { path, size_bytes, executable, symlink } = part.map_err(io::Error::other)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut content = Chunks { parts: &mut parts, left: size_bytes, chunk: Bytes::new() };
        let mut header = tar::Header::new_gnu();
        header.set_mode(if executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        if symlink {
            let mut target = String::new();
            content.read_to_string(&mut target)?;
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, path.as_str(), target)?;
        } else {
            header.set_size(size_bytes);
            archive.append_data(&mut header, path.as_str(), &mut content)?;
        }
        if content.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        next = parts.blocking_recv();
    }
    let file = archive.into_inner()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// The content of one file, of the pieces that come.
struct Chunks<'a> {
    parts: &'a mut mpsc::Receiver<Result<MadePart, AgentError>>,
    left: u64,
    chunk: Bytes,
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            if self.left == 0 {
                return Ok(0);
            }
            match self.parts.blocking_recv() {
                Some(Ok(MadePart::Chunk(chunk))) if chunk.len() as u64 <= self.left => self.chunk = chunk,
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(_)) => return Err(io::ErrorKind::InvalidData.into()),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = into.len().min(self.chunk.len());
        let taken = self.chunk.split_to(length);
        if let Some(into) = into.get_mut(..length) {
            into.copy_from_slice(&taken);
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// Returns whether a path is one of some, or below one.
fn is_among(only: &[FilePath], path: &str) -> bool {
    only.iter().any(|it| path.strip_prefix(it.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn count(path: &Path, only: &[FilePath]) -> io::Result<MadeSummary> {
    let mut archive = tar::Archive::new(File::open(path)?);
    let mut summary = MadeSummary::default();
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.path()?.to_str().is_some_and(|path| is_among(only, path)) {
            summary.files += 1;
            summary.bytes = summary.bytes.saturating_add(entry.size());
        }
    }
    Ok(summary)
}

fn read(path: &Path, only: &[FilePath], sender: &mpsc::Sender<Result<MadePart, AgentError>>) {
    if let Err(error) = try_read(path, only, sender) {
        tracing::warn!(path = %path.display(), error = %error, "what an app has written could not be read");
        let _ = sender.blocking_send(Err(AgentError::Protocol("what was kept cannot be read")));
    }
}

fn try_read(path: &Path, only: &[FilePath], sender: &mpsc::Sender<Result<MadePart, AgentError>>) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut archive = tar::Archive::new(File::open(path)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path: Option<FilePath> = entry.path()?.to_str().and_then(|path| path.parse().ok());
        let Some(path) = path.filter(|path| is_among(only, path.as_str())) else { continue };
        let target = entry.link_name()?.and_then(|target| target.to_str().map(str::to_owned));
        let executable = entry.header().mode()? & 0o100 != 0;
        let size_bytes = target.as_ref().map_or(entry.size(), |target| target.len() as u64);
        let head = MadePart::File { path, size_bytes, executable, symlink: target.is_some() };
        sender.blocking_send(Ok(head)).map_err(gone)?;
        if let Some(target) = target {
            sender.blocking_send(Ok(MadePart::Chunk(target.into()))).map_err(gone)?;
            continue;
        }
        let mut left = size_bytes;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let mut chunk = vec![0; length];
            entry.read_exact(&mut chunk)?;
            sender.blocking_send(Ok(MadePart::Chunk(chunk.into()))).map_err(gone)?;
            left -= length as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str, symlink: bool) -> Vec<Result<MadePart, AgentError>> {
        let size_bytes = content.len() as u64;
        let head = MadePart::File { path: path.parse().unwrap(), size_bytes, executable: false, symlink };
        let chunk = MadePart::Chunk(content.to_owned().into());
        if content.is_empty() { vec![Ok(head)] } else { vec![Ok(head), Ok(chunk)] }
    }

    fn parts(files: Vec<Vec<Result<MadePart, AgentError>>>) -> MadeParts {
        Box::pin(tokio_stream::iter(files.into_iter().flatten().collect::<Vec<_>>()))
    }

    async fn loaded(store: &DataStore, only: &[&str]) -> Option<(MadeSummary, Vec<MadePart>)> {
        let only: Vec<FilePath> = only.iter().map(|path| path.parse().unwrap()).collect();
        let (summary, parts) =
            store.load(&"p".parse().unwrap(), &"feature/x".parse().unwrap(), &only).await.unwrap()?;
        Some((summary, parts.map(Result::unwrap).collect().await))
    }

    #[tokio::test]
    async fn what_was_kept_comes_back_as_it_was() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = DataStore::new(folder.path());
        assert!(loaded(&store, &["data"]).await.is_none());
        let (project, branch) = ("p".parse().unwrap(), "feature/x".parse().unwrap());
        let files = || vec![file("app.db", "rows", false), file("data/deep/a", "", false), file("data/l", "a", true)];
        store.save(&project, &branch, parts(files())).await.unwrap();
        let (summary, all) = loaded(&store, &["app.db", "data"]).await.unwrap();
        assert_eq!((summary.files, all), (3, files().into_iter().flatten().map(Result::unwrap).collect()));
        let (summary, some) = loaded(&store, &["data"]).await.unwrap();
        assert_eq!((summary.files, some.len()), (2, 3));
        assert_eq!(loaded(&store, &["dat"]).await.unwrap().1, []);

        let broken = vec![file("app.db", "new", false), vec![Err(AgentError::Timeout)]];
        assert!(store.save(&project, &branch, parts(broken)).await.is_err());
        let short = vec![file("app.db", "new!", false).into_iter().take(1).collect()];
        assert!(store.save(&project, &branch, parts(short)).await.is_err());
        assert_eq!(loaded(&store, &["app.db", "data"]).await.unwrap().0.files, 3, "what was kept before stays");
    }
}
