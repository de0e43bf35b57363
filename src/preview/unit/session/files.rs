//! The files of a commit, on their way into a container.

use tokio::sync::Semaphore;

use super::{Session, SessionError};
use crate::{
    agent::{SyncFile, SyncPlan},
    domain::{
        ids::{CommitId, FilePath, ProjectId},
        runtime::APP_ROOT,
        text::unix_script,
        tree::EntryKind,
    },
    preview::unit::files::{Content, Difference, FileSet, MAX_CONTENT_BYTES},
    vfs::{Vfs, VfsError},
};

const MEBIBYTE: u64 = 1024 * 1024;
/// Files of at most so much in all are brought in at once.
const SMALL_BYTES: u64 = 4 * MEBIBYTE;
/// How much of larger ones all sessions of the process hold in memory together.
const ROOM_MEBIBYTES: u32 = 512;
static ROOM: Semaphore = Semaphore::const_new(ROOM_MEBIBYTES as usize);

impl Session {
    /// Brings all files in; whatever an earlier life brought and these do not name goes.
    pub async fn sync_all(&mut self, vfs: &Vfs, project: &ProjectId, files: FileSet) -> Result<u32, SessionError> {
        let difference = FileSet::default().difference(&files);
        let written = self.send(vfs, project, difference, true).await?;
        self.files = files;
        Ok(written)
    }

    /// Brings in what differs.
    pub async fn sync(
        &mut self,
        vfs: &Vfs,
        project: &ProjectId,
        commit: CommitId,
        files: FileSet,
        difference: Difference,
    ) -> Result<(), SessionError> {
        self.commit = commit;
        if !self.files_are_known {
            self.sync_all(vfs, project, files).await?;
        } else if difference.is_empty() {
            self.files = files;
        } else {
            self.files_are_known = false;
            self.send(vfs, project, difference, false).await?;
            self.files = files;
        }
        self.files_are_known = true;
        Ok(())
    }

    async fn send(
        &self,
        vfs: &Vfs,
        project: &ProjectId,
        difference: Difference,
        full: bool,
    ) -> Result<u32, SessionError> {
        let size_bytes = difference.writes.iter().map(|(_, _, content)| content.size_bytes()).sum();
        if size_bytes > MAX_CONTENT_BYTES {
            return Err(SessionError::TooLarge { size_bytes });
        }
        // The contents are in memory until the agent has them.
        let room = u32::try_from(size_bytes.div_ceil(MEBIBYTE)).unwrap_or(u32::MAX).min(ROOM_MEBIBYTES);
        let _room = if size_bytes > SMALL_BYTES { ROOM.acquire_many(room).await.ok() } else { None };
        let mut writes = read_contents(vfs, project, difference.writes).await?;
        self.mend_scripts(&mut writes);
        let plan = SyncPlan { full, writes, deletes: difference.deletes };
        Ok(self.agent.sync(APP_ROOT, self.commit.as_str(), plan).await?.written)
    }

    /// Takes Windows' line ends out of scripts, and says so.
    fn mend_scripts(&self, writes: &mut [SyncFile]) {
        for file in writes.iter_mut().filter(|file| file.kind != EntryKind::Symlink) {
            if let Some(script) = unix_script(file.path.as_str(), &file.content) {
                file.content = script.into();
                self.bounds
                    .log()
                    .lifecycle(format!("{} has Windows line ends; in the container it has none", file.path));
            }
        }
    }
}

async fn read_contents(
    vfs: &Vfs,
    project: &ProjectId,
    writes: Vec<(FilePath, EntryKind, Content)>,
) -> Result<Vec<SyncFile>, VfsError> {
    let ids = writes
        .iter()
        .filter_map(|(_, _, content)| match content {
            Content::Blob { id, .. } => Some(id.clone()),
            Content::Supplied(_) => None,
        })
        .collect();
    let mut blobs = vfs.read(project, ids).await?.into_iter();
    Ok(writes
        .into_iter()
        .map(|(path, kind, content)| {
            let content = match content {
                Content::Blob { .. } => blobs.next().unwrap_or_default(),
                Content::Supplied(bytes) => bytes,
            };
            SyncFile { path, kind, content }
        })
        .collect())
}
