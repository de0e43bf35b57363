//! The project's folder. The app writes there too, under the same uid, while this does: every step from one folder to
//! the next is opened without following symbolic links, so nothing is written or deleted outside of the root.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, mkdirat,
        openat, readlinkat, renameat, statat, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};

use super::path::SyncPath;

/// How often a step is tried again when the app changes what stands in the way at the same time.
const TRIES: usize = 8;
/// The most folders in one another that are removed with what is in them.
const MAX_DEPTH: usize = 256;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Returns the permissions that a file is made with.
pub fn mode(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// The root, open.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    staging: OwnedFd,
    /// The folder that was used last: paths come in order, so it is often the next one too.
    recent: Option<(String, OwnedFd)>,
    newest_deleted: i64,
    now: i64,
}

impl Tree {
    /// Opens the root. Whatever is written gets a modification time after `newest_deleted`.
    pub fn open(root: &Path, staging: OwnedFd, newest_deleted: i64) -> io::Result<Self> {
        let root = openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        Ok(Self { root, staging, recent: None, newest_deleted, now })
    }

    /// Returns the newest modification time of what was deleted, in seconds.
    pub fn newest_deleted(&self) -> i64 {
        self.newest_deleted
    }

    /// Puts a staged file, made with its [`mode`], at a path, over whatever is there, and returns whether that made a
    /// difference.
    pub fn put_file(&mut self, path: &SyncPath, staged: &str, size: u64, executable: bool) -> io::Result<bool> {
        let (folder, name) = path.split();
        let mode = Mode::from_raw_mode(mode(executable));
        let old = self.stat_in(folder, name)?.filter(|old| is(old, FileType::RegularFile));
        let parent = self.recent()?;
        if let Some(old) = &old
            && u64::try_from(old.st_size) == Ok(size)
            && same_content(parent, name, &self.staging, staged)?
        {
            let same_mode = old.st_mode & 0o777 == mode.as_raw_mode();
            if !same_mode {
                chmod(parent, name, mode)?;
            }
            unlinkat(&self.staging, staged, AtFlags::empty())?;
            return Ok(!same_mode);
        }
        let before = old.as_ref().map_or(i64::MIN, modified);
        let seconds = self.now.max(before.saturating_add(1)).max(self.newest_deleted.saturating_add(1));
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 },
        };
        utimensat(&self.staging, staged, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        self.replace(name, staged)?;
        Ok(true)
    }

    /// Puts a symbolic link at a path, over whatever is there, and returns whether that made a difference.
    pub fn put_symlink(&mut self, path: &SyncPath, target: &[u8]) -> io::Result<bool> {
        let (folder, name) = path.split();
        let old = self.stat_in(folder, name)?;
        if old.as_ref().is_some_and(|old| is(old, FileType::Symlink)) {
            let known = readlinkat(self.recent()?, name, Vec::new())?;
            if known.as_bytes() == target {
                return Ok(false);
            }
        }
        symlinkat(target, &self.staging, "link")?;
        self.replace(name, "link")?;
        Ok(true)
    }

    /// Deletes a file or symbolic link, then the folders that this leaves empty, and returns whether it was there. A
    /// folder is left alone: it is not what was brought.
    pub fn delete(&mut self, path: &SyncPath) -> io::Result<bool> {
        let (mut folder, name) = path.split();
        let Some(parent) = self.open_folder(folder)? else { return Ok(false) };
        let Some(old) = stat(&parent, name)? else { return Ok(false) };
        if is(&old, FileType::Directory) {
            return Ok(false);
        }
        match unlinkat(&parent, name, AtFlags::empty()) {
            Err(Errno::NOENT | Errno::ISDIR) => return Ok(false),
            other => other?,
        }
        if is(&old, FileType::RegularFile) {
            self.newest_deleted = self.newest_deleted.max(modified(&old));
        }
        self.recent = None;
        while !folder.is_empty() {
            let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            let Some(parent) = self.open_folder(above)? else { break };
            if unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            folder = above;
        }
        Ok(true)
    }

    /// Renames what is staged to a name in the recent folder. A folder that stands there goes with all that is in it.
    fn replace(&mut self, name: &str, staged: &str) -> io::Result<()> {
        for _ in 0..TRIES {
            match renameat(&self.staging, staged, self.recent()?, name) {
                Ok(()) => return Ok(()),
                Err(Errno::ISDIR) => remove(self.recent()?, name, 0)?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::BUSY.into())
    }

    /// Makes a folder the recent one, making it where it is not there, and returns what a name in it is.
    fn stat_in(&mut self, folder: &str, name: &str) -> io::Result<Option<Stat>> {
        if self.recent.as_ref().is_none_or(|(recent, _)| recent != folder) {
            self.recent = Some((folder.to_owned(), self.make_folder(folder)?));
        }
        stat(self.recent()?, name)
    }

    fn recent(&self) -> io::Result<BorrowedFd<'_>> {
        self.recent.as_ref().map(|(_, folder)| folder.as_fd()).ok_or_else(|| Errno::NOENT.into())
    }

    /// Opens a folder, or returns `None` if it is not there or not a folder.
    fn open_folder(&self, path: &str) -> io::Result<Option<OwnedFd>> {
        let mut folder = self.root.try_clone()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            folder = match openat(&folder, part, FOLDER, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Some(folder))
    }

    /// Opens a folder, making it and those above it. A file or symbolic link that stands in the way goes.
    fn make_folder(&self, path: &str) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            folder = enter(&folder, part)?;
        }
        Ok(folder)
    }
}

fn enter(folder: &OwnedFd, part: &str) -> io::Result<OwnedFd> {
    for _ in 0..TRIES {
        match openat(folder, part, FOLDER, Mode::empty()) {
            Ok(next) => return Ok(next),
            Err(Errno::NOENT) => match mkdirat(folder, part, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            },
            Err(Errno::NOTDIR | Errno::LOOP) => match unlinkat(folder, part, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::BUSY.into())
}

/// Removes a file or a folder with all that is in it. One that is gone is fine.
fn remove(parent: impl AsFd, name: &str, depth: usize) -> io::Result<()> {
    match unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    remove_contents(openat(&parent, name, FOLDER, Mode::empty())?, depth + 1)?;
    match unlinkat(&parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes all that is in a folder.
pub fn remove_contents(folder: impl AsFd, depth: usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(Errno::NAMETOOLONG.into());
    }
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    for name in names {
        match unlinkat(&folder, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => {
                remove_contents(openat(&folder, &name, FOLDER, Mode::empty())?, depth + 1)?;
                unlinkat(&folder, &name, AtFlags::REMOVEDIR)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn stat(parent: impl AsFd, name: &str) -> io::Result<Option<Stat>> {
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

#[allow(clippy::unnecessary_cast, reason = "the field's type differs between architectures")]
fn modified(stat: &Stat) -> i64 {
    stat.st_mtime as i64
}

fn open_regular(parent: impl AsFd, name: &str) -> io::Result<Option<(File, Stat)>> {
    // Not waiting, should it be a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = openat(parent, name, flags, Mode::empty()) else { return Ok(None) };
    let stat = fstat(&file)?;
    Ok(is(&stat, FileType::RegularFile).then(|| (File::from(file), stat)))
}

fn same_content(old: impl AsFd, old_name: &str, new: impl AsFd, new_name: &str) -> io::Result<bool> {
    let Some((mut old, old_stat)) = open_regular(old, old_name)? else { return Ok(false) };
    let Some((mut new, new_stat)) = open_regular(new, new_name)? else { return Ok(false) };
    if old_stat.st_size != new_stat.st_size {
        return Ok(false);
    }
    let (mut ours, mut theirs) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        let count = fill(&mut new, &mut ours)?;
        if fill(&mut old, &mut theirs)? != count || ours.get(..count) != theirs.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn chmod(parent: impl AsFd, name: &str, mode: Mode) -> io::Result<()> {
    match open_regular(parent, name)? {
        Some((file, _)) => Ok(fchmod(file, mode)?),
        None => Err(Errno::NOENT.into()),
    }
}
