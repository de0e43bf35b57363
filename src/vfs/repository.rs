//! Where a project's repository is, how it is made, and how its objects are read.
//!
//! A repository is opened anew for each piece of work (0.07 ms): what `git gc` or a push has repacked meanwhile is then
//! always seen.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use gix::{
    ObjectId, Repository,
    hash::Kind as Hash,
    objs::{Kind, TreeRef},
};

use super::error::VfsError;
use crate::domain::ids::{CommitId, ProjectId};

/// Commits and trees beyond this are not read: 20,000 files in one folder take less than half.
const MAX_META_BYTES: u64 = 16 * 1024 * 1024;
/// The names of repositories that are being made begin with this, which no project id does.
const UNFINISHED: &str = ".new-";
/// After this time a repository that is still being made belongs to a process that died.
const UNFINISHED_FOR: Duration = Duration::from_secs(3600);

/// How many files are synced at the same time.
const SYNC_THREADS: usize = 8;

/// Pushes by other processes are checked for hostile trees, and survive a power cut like our own commits.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tfsync = all\n\
                      [receive]\n\tfsckObjects = true\n";

/// Returns where a project's repository is, whether it exists or not.
pub(super) fn git_dir(root: &Path, project: &ProjectId) -> PathBuf {
    root.join(format!("{project}.git"))
}

/// Returns whether the project exists. One that is being made does not.
pub(super) fn exists(git_dir: &Path) -> bool {
    git_dir.join("HEAD").is_file()
}

/// Opens a project's repository, deaf to the user's and the system's configuration.
pub(super) fn open(root: &Path, project: &ProjectId) -> Result<Repository, VfsError> {
    let git_dir = git_dir(root, project);
    if !exists(&git_dir) {
        return Err(VfsError::ProjectNotFound(project.clone()));
    }
    gix::open::Options::isolated()
        .open_path_as_is(true)
        .with(gix::sec::Trust::Full)
        .open(git_dir)
        .map(|repository| repository.to_thread_local())
        .map_err(VfsError::failed("open the repository"))
}

/// Opens a project's repository and makes it first where there is none.
///
/// It is made under another name and renamed once it is whole and synced, so nobody ever sees half of one.
pub(super) fn open_or_create(root: &Path, project: &ProjectId) -> Result<Repository, VfsError> {
    let git_dir = git_dir(root, project);
    if !exists(&git_dir) {
        create(root, &git_dir).map_err(VfsError::failed("make the repository"))?;
    }
    open(root, project)
}

fn create(root: &Path, git_dir: &Path) -> io::Result<()> {
    let permissions = fs::Permissions::from_mode(0o777);
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED).permissions(permissions).tempdir_in(root)?;
    let path = unfinished.path();
    for folder in ["objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"] {
        fs::create_dir(path.join(folder))?;
    }
    for (name, text) in [("HEAD", "ref: refs/heads/main\n"), ("config", CONFIG)] {
        let mut file = File::create_new(path.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    for folder in ["objects", "refs", "."] {
        sync_folder(&path.join(folder))?;
    }
    match fs::rename(path, git_dir) {
        Ok(()) => {
            // It has another name now: there is nothing left to remove.
            let _ = unfinished.keep();
        }
        // Another process was faster.
        Err(_) if exists(git_dir) => {}
        Err(error) => return Err(error),
    }
    sync_folder(root)
}

/// Removes what processes that died while making a repository left behind.
pub(super) fn remove_unfinished(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(UNFINISHED))
            && let Err(error) = remove_old(&path)
        {
            tracing::warn!(path = %path.display(), %error, "a half-made repository cannot be removed");
        }
    }
    Ok(())
}

fn remove_old(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.modified()? + UNFINISHED_FOR < SystemTime::now() {
        fs::remove_dir_all(path)?;
    }
    Ok(())
}

/// Makes the names in a folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes the contents of files, or the names in folders, survive a power cut.
///
/// They are synced side by side: the disk then gets one flush for several of them, where one after the other each would
/// wait for its own.
pub(super) fn sync_together(files: &[&File]) -> io::Result<()> {
    let share = files.len().div_ceil(SYNC_THREADS).max(1);
    let mut shares = files.chunks(share);
    let Some(own) = shares.next() else { return Ok(()) };
    let sync = |files: &[&File]| files.iter().try_for_each(|file| file.sync_all());
    thread::scope(|scope| {
        let others: Vec<_> = shares.map(|files| scope.spawn(move || sync(files))).collect();
        let panicked = |_| Err(io::Error::other("the thread that synced a file panicked"));
        others.into_iter().map(|other| other.join().unwrap_or_else(panicked)).fold(sync(own), io::Result::and)
    })
}

/// Returns git's form of a commit id.
pub(super) fn object_id(commit: &CommitId) -> Result<ObjectId, VfsError> {
    ObjectId::from_hex(commit.as_str().as_bytes()).map_err(VfsError::failed("read a commit id"))
}

/// Returns our form of the id of a commit.
pub(super) fn commit_id(id: ObjectId) -> Result<CommitId, VfsError> {
    id.to_string().parse().map_err(VfsError::failed("read a commit id"))
}

/// Returns an object's bytes, or `None` where there is no such object of that kind.
pub(super) fn find(repository: &Repository, id: ObjectId, kind: Kind, limit: u64) -> Result<Option<Vec<u8>>, VfsError> {
    let read = VfsError::failed("read an object");
    match repository.try_find_header(id) {
        Ok(Some(header)) if header.kind() != kind => Ok(None),
        Ok(Some(header)) if header.size() > limit => Err(VfsError::UnusableTree {
            message: format!("{kind} {id} has {} bytes, more than {limit}", header.size()),
        }),
        Ok(Some(_)) => {
            repository.find_object(id).map(|mut object| Some(std::mem::take(&mut object.data))).map_err(read)
        }
        Ok(None) => Ok(None),
        Err(error) => Err(read(error)),
    }
}

/// Returns a commit's bytes, or `None` where there is none.
pub(super) fn find_commit(repository: &Repository, id: ObjectId) -> Result<Option<Vec<u8>>, VfsError> {
    find(repository, id, Kind::Commit, MAX_META_BYTES)
}

/// Decodes a commit.
pub(super) fn decode_commit(data: &[u8]) -> Result<gix::objs::CommitRef<'_>, VfsError> {
    gix::objs::CommitRef::from_bytes(data, Hash::Sha1).map_err(VfsError::failed("decode a commit"))
}

/// Returns the id of a commit's tree.
pub(super) fn tree_of(repository: &Repository, commit: &CommitId) -> Result<ObjectId, VfsError> {
    let data = find_commit(repository, object_id(commit)?)?;
    let data = data.ok_or_else(|| VfsError::CommitNotFound(commit.clone()))?;
    Ok(decode_commit(&data)?.tree())
}

/// Returns a tree's bytes.
pub(super) fn find_tree(repository: &Repository, id: ObjectId) -> Result<Vec<u8>, VfsError> {
    let missing = || VfsError::UnusableTree { message: format!("tree {id} is missing") };
    find(repository, id, Kind::Tree, MAX_META_BYTES)?.ok_or_else(missing)
}

/// Decodes a tree.
pub(super) fn decode_tree(data: &[u8]) -> Result<TreeRef<'_>, VfsError> {
    TreeRef::from_bytes(data, Hash::Sha1).map_err(|error| VfsError::UnusableTree { message: error.to_string() })
}
