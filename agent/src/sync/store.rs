//! The agent's own folder: where files wait until they are renamed into the root, and where the list of the paths that
//! were brought is kept, so that it outlives the container's restart and goes into the images that are made of it.
//!
//! It is outside the root if it can be (watchers and servers of files would see it there), on the same file system.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, DirBuilder},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, unlinkat};

use super::{SyncError, path::SyncPath, tree};

const FOLDER: &str = ".previewd";
/// More than the list of the longest revision takes.
const MAX_LIST_BYTES: u64 = 128 * 1024 * 1024;

/// The agent's own folder, as far as one root is concerned.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    staging: OwnedFd,
    key: String,
}

impl Store {
    /// Opens the first folder from which files can be renamed into the root: below the home folder, the temporary folder,
    /// the root itself.
    pub fn open(root: &Path) -> Result<Self, SyncError> {
        let key = format!("{:016x}", fnv1a(root.as_os_str().as_encoded_bytes()));
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for parent in home.into_iter().chain([env::temp_dir(), root.to_path_buf()]) {
            match Self::open_in(&parent.join(FOLDER), root, &key) {
                Ok(store) => return Ok(store),
                Err(error) => last = error,
            }
        }
        Err(SyncError::io("make a folder for staging beside", root.display().to_string())(last))
    }

    fn open_in(folder: &Path, root: &Path, key: &str) -> io::Result<Self> {
        let staging = folder.join(format!("staging-{key}"));
        DirBuilder::new().recursive(true).mode(0o700).create(&staging)?;
        let staging = openat(CWD, &staging, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let store = Self { folder: folder.to_owned(), staging, key: key.to_owned() };
        store.clear()?;
        // Whether a rename works is only known by trying: two mounts can be of one file system.
        let probe = ".previewd-probe";
        store.create(probe)?;
        let root = openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        renameat(&store.staging, probe, &root, probe)?;
        unlinkat(&root, probe, AtFlags::empty())?;
        Ok(store)
    }

    /// Returns the folder in which files wait.
    pub fn staging(&self) -> io::Result<OwnedFd> {
        self.staging.try_clone()
    }

    /// Removes what an earlier revision left waiting.
    pub fn clear(&self) -> io::Result<()> {
        tree::remove_contents(&self.staging, 0)
    }

    /// Returns the paths that were brought into the root. None if that is not known: then nothing counts as brought.
    pub fn load(&self) -> BTreeSet<SyncPath> {
        let path = self.list();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() <= MAX_LIST_BYTES => {}
            _ => return BTreeSet::new(),
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| SyncPath::parse(line.to_owned()).ok()).collect()
    }

    /// Keeps the paths that were brought into the root.
    pub fn save(&self, paths: &BTreeSet<SyncPath>) -> io::Result<()> {
        let mut text = String::new();
        for path in paths {
            text.push_str(path.as_str());
            text.push('\n');
        }
        let list = self.list();
        let new = list.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, list)
    }

    fn list(&self) -> PathBuf {
        self.folder.join(format!("paths-{}", self.key))
    }

    fn create(&self, name: &str) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&self.staging, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(())
    }
}

/// FNV-1a: one file name for each root.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
