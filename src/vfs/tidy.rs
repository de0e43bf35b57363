//! What a repository gathers that nobody needs: three loose objects for each commit, and files that a process which was
//! killed has left half written. Loose objects are packed once nobody has committed for a while.
//!
//! Other processes may read and write meanwhile, as with `git gc`: an object is in a pack that is on the disk before its
//! file goes, and who does not find a file looks for a pack.

use std::{
    collections::BTreeMap,
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use gix::{ObjectId, Repository};
use tokio_util::sync::CancellationToken;

use super::{
    Vfs,
    error::VfsError,
    objects::{Object, hash},
    pack,
};
use crate::domain::ids::ProjectId;

/// From so many loose objects on they are packed.
const LOOSE_FROM: usize = 256;
/// The content of one pack, which is in memory while it is made. A larger object stays loose.
const MAX_PACK_BYTES: u64 = 32 * 1024 * 1024;
/// A file of this age that is not at its name belongs to a process that died: who writes one changes it all the time.
const ABANDONED: Duration = Duration::from_secs(3600);
/// The beginnings of the names of such files, as git has them too.
const TEMPORARY: [&str; 3] = ["tmp_obj_", "tmp_pack_", "tmp_idx_"];
/// How long nobody may have committed to a project before it is tidied.
const REST: Duration = Duration::from_secs(60);
/// The time between two looks for projects that have had their rest, and between two projects.
const INTERVAL: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

impl Vfs {
    /// Tidies projects some time after the last commit to each, and all that there are once, until the token is cancelled.
    pub async fn run_tidy(self, token: CancellationToken) {
        let tidying = async {
            let mut due = self.projects().await;
            loop {
                for project in due {
                    match self.tidy(&project).await {
                        Ok(0) => {}
                        Ok(packed) => tracing::debug!(%project, packed, "loose objects were packed"),
                        Err(VfsError::ProjectNotFound(_)) => {}
                        Err(error) => tracing::warn!(%project, %error, "a repository could not be tidied"),
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                tokio::time::sleep(INTERVAL).await;
                due = self.rested();
            }
        };
        let _ = token.run_until_cancelled(tidying).await;
    }

    /// Removes what was left half written in a project's repository, and packs its loose objects where there are many.
    /// Returns how many were packed.
    ///
    /// # Errors
    /// `ProjectNotFound`; `Failed`, with what was done until then done.
    pub async fn tidy(&self, project: &ProjectId) -> Result<usize, VfsError> {
        self.reading(project, move |repository, _| {
            let objects = repository.git_dir().join("objects");
            sweep(&objects).map_err(VfsError::failed("remove what was left half written"))?;
            pack_loose(repository, &objects)
        })
        .await
    }

    /// Notes a commit to a project.
    pub(super) fn note_commit(&self, project: &ProjectId) {
        self.inner.committed.lock().insert(project.clone(), Instant::now());
    }

    /// Returns the projects to which nobody has committed for a while, each once.
    fn rested(&self) -> Vec<ProjectId> {
        let mut rested = Vec::new();
        self.inner.committed.lock().retain(|project, at| {
            let rests = at.elapsed() >= REST;
            if rests {
                rested.push(project.clone());
            }
            !rests
        });
        rested
    }

    async fn projects(&self) -> Vec<ProjectId> {
        let root = self.inner.options.root.clone();
        let listed = self.blocking(move |_| {
            let entries = fs::read_dir(root).map_err(VfsError::failed("list the projects"))?;
            let name = |entry: DirEntry| entry.file_name().to_str()?.strip_suffix(".git")?.parse().ok();
            Ok(entries.flatten().filter_map(name).collect())
        });
        listed.await.unwrap_or_default()
    }
}

/// Removes files that are not at their names and that nobody has written to for an hour.
fn sweep(objects: &Path) -> io::Result<()> {
    let is_temporary = |entry: &DirEntry| {
        let name = entry.file_name();
        TEMPORARY.iter().any(|beginning| name.as_encoded_bytes().starts_with(beginning.as_bytes()))
    };
    let folders = [objects.to_owned(), objects.join("pack")].into_iter().chain(fan_out(objects)?);
    // Others may be faster, with a file or a folder.
    for entry in folders.flat_map(fs::read_dir).flatten().flatten().filter(is_temporary) {
        let Ok(changed) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        if changed + ABANDONED < SystemTime::now() {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Returns the folders of loose objects.
fn fan_out(objects: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
    let is_one = |entry: &DirEntry| entry.file_name().len() == 2;
    Ok(fs::read_dir(objects)?.flatten().filter(is_one).map(|entry| entry.path()))
}

/// Packs the loose objects, if there are many, and returns how many.
fn pack_loose(repository: &Repository, objects: &Path) -> Result<usize, VfsError> {
    let failed = || VfsError::failed("pack loose objects");
    let loose = loose(objects).map_err(failed())?;
    if loose.len() < LOOSE_FROM {
        return Ok(0);
    }
    let (mut batch, mut files, mut size, mut packed) = (BTreeMap::new(), Vec::new(), 0, 0);
    let mut write = |batch: &mut BTreeMap<ObjectId, Object>, files: &mut Vec<PathBuf>| {
        if !batch.is_empty() {
            pack::write(&objects.join("pack"), batch)?;
            packed += batch.len();
            batch.clear();
            // One that somebody has packed as well is gone already.
            files.drain(..).for_each(|file| drop(fs::remove_file(file)));
        }
        io::Result::Ok(())
    };
    for (id, file) in loose {
        let Some(object) = read(repository, id) else { continue };
        if size + object.data.len() as u64 > MAX_PACK_BYTES {
            write(&mut batch, &mut files).map_err(failed())?;
            size = 0;
        }
        size += object.data.len() as u64;
        batch.insert(id, object);
        files.push(file);
    }
    write(&mut batch, &mut files).map_err(failed())?;
    Ok(packed)
}

/// Returns an object that is whole and not too large; of another the file stays as it is.
fn read(repository: &Repository, id: ObjectId) -> Option<Object> {
    repository.try_find_header(id).ok()?.filter(|header| header.size() <= MAX_PACK_BYTES)?;
    let mut object = repository.find_object(id).ok()?;
    let (kind, data) = (object.kind, std::mem::take(&mut object.data));
    (hash(kind, &data).ok()? == id).then(|| Object { kind, data: data.into() })
}

/// Lists the loose objects and their files.
fn loose(objects: &Path) -> io::Result<Vec<(ObjectId, PathBuf)>> {
    let mut found = Vec::new();
    for folder in fan_out(objects)? {
        let Some(beginning) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        // Somebody may have removed it as empty.
        for file in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = file.file_name();
            let id = name.to_str().and_then(|rest| ObjectId::from_hex(format!("{beginning}{rest}").as_bytes()).ok());
            found.extend(id.map(|id| (id, file.path())));
        }
    }
    Ok(found)
}
