//! Branches on disk: read, listed, and moved by compare-and-swap under git's own locks.
//!
//! Git's protocol is kept to the letter, because other processes use it at the same time: `<ref>.lock` is made
//! exclusively, the old value is read under it, and it is renamed over the ref. gix would do that too, but its new value
//! is not on the disk when it is renamed, so that a power cut could leave an empty ref and lose the branch.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use gix::{
    ObjectId,
    hash::Kind,
    refs::{FullNameRef, Target, file::Store},
};

use super::{error::VfsError, repository::sync_together};
use crate::domain::{ids::BranchName, path::above, pause::Pause};

/// How long to wait for another process that holds the lock of a branch.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The age at which a lock belongs to a process that died: locks are held for milliseconds.
const LOCK_DEAD: Duration = Duration::from_secs(60);
/// How many symbolic refs are followed, as in git.
const MAX_SYMBOLIC: usize = 5;

const HEADS: &str = "refs/heads/";

/// What a branch resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The ref that holds the id: the branch's own, unless that is symbolic.
    pub name: String,
    /// The id, absent where the branch is.
    pub id: Option<ObjectId>,
}

/// The outcome of a compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Swap {
    /// The branch is at the new commit, and stays there through a power cut.
    Done,
    /// The branch was not where it should have been, or its lock stayed held. Nothing changed.
    Lost,
    /// Git cannot keep the name beside this branch, at this commit: one would be a file and a folder at once.
    Conflict(BranchName, ObjectId),
}

/// Returns where a branch is.
pub(super) fn head(git_dir: &Path, branch: &BranchName) -> Result<Head, VfsError> {
    resolve(git_dir, branch.reference())
}

fn resolve(git_dir: &Path, mut name: String) -> Result<Head, VfsError> {
    for _ in 0..=MAX_SYMBOLIC {
        // A ref that `git pack-refs` moves between the two places while we look from one to the other is in neither;
        // it is found when one looks again.
        let target = match lookup(git_dir, &name)? {
            Some(target) => Some(target),
            None => lookup(git_dir, &name)?,
        };
        match target {
            Some(Target::Object(id)) => return Ok(Head { name, id: Some(id) }),
            Some(Target::Symbolic(next)) => name = next.as_bstr().to_string(),
            None => return Ok(Head { name, id: None }),
        }
    }
    Err(VfsError::failed("resolve the branch")(format!("more than {MAX_SYMBOLIC} symbolic refs")))
}

fn lookup(git_dir: &Path, name: &str) -> Result<Option<Target>, VfsError> {
    let full: &FullNameRef = name.try_into().map_err(VfsError::failed("read the branch"))?;
    let found = Store::at(git_dir.to_owned(), Kind::Sha1)
        .try_find(full.as_partial_name())
        .map_err(VfsError::failed("read the branch"))?;
    // A partial name is looked up in other places as well.
    Ok(found.filter(|reference| reference.name.as_ref() == full).map(|reference| reference.target))
}

/// Returns all branches that have names we can speak of, ordered bytewise by name.
pub(super) fn list(git_dir: &Path) -> Result<Vec<(BranchName, ObjectId)>, VfsError> {
    let list = "list the branches";
    let store = Store::at(git_dir.to_owned(), Kind::Sha1);
    let platform = store.iter().map_err(VfsError::failed(list))?;
    let prefix = HEADS.as_bytes().try_into().map_err(VfsError::failed(list))?;
    let mut branches = Vec::new();
    for reference in platform.prefixed(prefix).map_err(VfsError::failed(list))? {
        let Ok(reference) = reference.inspect_err(|error| tracing::debug!(%error, "a ref cannot be read")) else {
            continue;
        };
        let name = reference.name.as_bstr().to_string();
        let Some(Ok(branch)) = name.strip_prefix(HEADS).map(str::parse::<BranchName>) else { continue };
        if let Some(id) = head(git_dir, &branch)?.id {
            branches.push((branch, id));
        }
    }
    branches.sort();
    branches.dedup_by(|a, b| a.0 == b.0);
    Ok(branches)
}

/// Moves a ref from `expected` (`None`: it must not exist) to `new`.
pub(super) fn swap(git_dir: &Path, name: &str, expected: Option<ObjectId>, new: ObjectId) -> Result<Swap, VfsError> {
    if expected.is_none()
        && let Some((branch, id)) = conflict(git_dir, name)?
    {
        return Ok(Swap::Conflict(branch, id));
    }
    let failed = || VfsError::failed("move the branch");
    let path = git_dir.join(name);
    let lock_path = git_dir.join(format!("{name}.lock"));
    // Written and synced before the lock is taken, so that the lock is held for microseconds. It lies where `git gc`
    // removes it, should this process die.
    let mut value = tempfile::Builder::new()
        .prefix("tmp_obj_ref_")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(git_dir.join("objects"))
        .map_err(failed())?;
    writeln!(value, "{new}").and_then(|()| value.as_file().sync_all()).map_err(failed())?;

    let Some(lock) = Lock::acquire(&path, lock_path, value.path()).map_err(failed())? else { return Ok(Swap::Lost) };
    let current = resolve(git_dir, name.to_owned())?;
    if current.name != name || current.id != expected {
        return Ok(Swap::Lost);
    }
    lock.rename(&path).map_err(failed())?;
    sync_up(git_dir, &path).map_err(failed())?;
    Ok(Swap::Done)
}

/// Returns a branch that git cannot keep beside a new one of this name.
fn conflict(git_dir: &Path, name: &str) -> Result<Option<(BranchName, ObjectId)>, VfsError> {
    let Some(short) = name.strip_prefix(HEADS) else { return Ok(None) };
    for branch in above(short).filter_map(|name| name.parse::<BranchName>().ok()) {
        if let Some(id) = head(git_dir, &branch)?.id {
            return Ok(Some((branch, id)));
        }
    }
    let below = format!("{short}/");
    Ok(list(git_dir)?.into_iter().find(|(branch, _)| branch.as_str().starts_with(&below)))
}

/// The lock of one ref; dropped without a rename it leaves the ref as it was.
struct Lock {
    path: PathBuf,
    held: bool,
}

impl Lock {
    /// Makes `value` the lock of a ref, or returns `None` where another process holds it all the while.
    fn acquire(reference: &Path, lock: PathBuf, value: &Path) -> io::Result<Option<Self>> {
        let deadline = Instant::now() + LOCK_WAIT;
        let mut pause = Pause::new(Duration::from_millis(1), Duration::from_millis(20));
        loop {
            if let Some(folder) = reference.parent() {
                fs::create_dir_all(folder)?;
            }
            match fs::hard_link(value, &lock) {
                Ok(()) => return Ok(Some(Self { path: lock, held: true })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if dead(&lock) {
                        tracing::warn!(lock = %lock.display(), "a dead process's lock is removed");
                        fs::remove_file(&lock)?;
                        continue;
                    }
                }
                // Git removed the empty folder meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(pause.longer());
        }
    }

    fn rename(mut self, reference: &Path) -> io::Result<()> {
        if let Err(error) = fs::rename(&self.path, reference) {
            if !reference.is_dir() {
                return Err(error);
            }
            // Deleted branches below this name left empty folders behind.
            remove_empty(reference)?;
            fs::rename(&self.path, reference)?;
        }
        self.held = false;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.held {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn dead(lock: &Path) -> bool {
    let modified = fs::metadata(lock).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > LOCK_DEAD))
}

fn remove_empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// Syncs the folders of a ref up to `refs`, since some of them may be new.
fn sync_up(git_dir: &Path, reference: &Path) -> io::Result<()> {
    let refs = git_dir.join("refs");
    let folders = reference.ancestors().skip(1).take_while(|path| path.starts_with(&refs));
    let folders = folders.map(File::open).collect::<io::Result<Vec<_>>>()?;
    sync_together(&folders.iter().collect::<Vec<_>>())
}
