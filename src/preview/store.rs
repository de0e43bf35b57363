//! The specs on disk: one small file for each preview, written whole and synced before anything is made.
//!
//! Git holds the files and their history; there is no other database. A spec is kept for a day after the preview's end,
//! so that its `request_id` goes on meaning the same preview, and a late caller learns that it ended.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use crate::domain::{ids::PreviewId, spec::PreviewSpec};

/// How long a spec is kept after the preview's end.
pub const KEEP_ENDED: Duration = Duration::from_secs(24 * 3600);
/// More than any spec that this service writes: its variables have 1 MiB.
const MAX_SPEC_BYTES: u64 = 8 * 1024 * 1024;
/// How long the directory may be in use by what is on its way out. A lock outlives its holder for some milliseconds
/// where that was starting a process: the child has the file until its program begins.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Why the data directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("failed to {action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process uses the directory.
    #[error("{0} is in use by another previewd")]
    InUse(PathBuf),
}

/// The specs that are on disk.
pub struct Loaded {
    /// Those that can be read, the oldest first.
    pub specs: Vec<PreviewSpec>,
    /// Whether there are others: their previews may be all that is wrong with them.
    pub unread: bool,
}

/// The folder of specs. Its files are read once, at the start; afterwards it is only written.
#[derive(Debug)]
pub struct SpecStore {
    folder: PathBuf,
    instance: String,
    // Held for as long as the store lives, so that two services never share a directory.
    _lock: fs::File,
}

impl SpecStore {
    /// Opens the data directory, making it and its instance id on first use.
    ///
    /// # Errors
    /// When it cannot be written, or another process uses it and does so for a second more, for which this waits.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let folder = data.join("previews");
        fs::create_dir_all(&folder).map_err(|source| failed("make", &folder, source))?;
        let lock_path = data.join("lock");
        let lock = fs::File::create(&lock_path).map_err(|source| failed("open", &lock_path, source))?;
        let until = Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
                Err(fs::TryLockError::WouldBlock) => return Err(StoreError::InUse(data.to_owned())),
                Err(fs::TryLockError::Error(source)) => return Err(failed("lock", &lock_path, source)),
            }
        }
        let instance = instance_id(data)?;
        Ok(Self { folder, instance, _lock: lock })
    }

    /// Returns the id of this data directory: what labels on containers say whose they are.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns every spec that is kept. A file that cannot be read is logged and left where it is.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let entries = fs::read_dir(&self.folder).map_err(|source| failed("list", &self.folder, source))?;
        let mut specs = Vec::new();
        let mut unread = false;
        for entry in entries {
            let path = entry.map_err(|source| failed("list", &self.folder, source))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read_spec(&path) {
                Ok(spec) => specs.push(spec),
                Err(error) => {
                    tracing::error!(path = %path.display(), error = %error, "a spec cannot be read");
                    unread = true;
                }
            }
        }
        specs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(Loaded { specs, unread })
    }

    /// Writes a spec; when this returns, it survives a power cut.
    pub async fn save(&self, spec: &PreviewSpec) -> Result<(), StoreError> {
        let path = self.path(&spec.id);
        let bytes = serde_json::to_vec_pretty(spec).map_err(|error| failed("encode", &path, error.into()))?;
        run(move || write_whole(&path, &bytes)).await
    }

    /// Forgets a spec. One that is gone is fine.
    pub async fn forget(&self, id: &PreviewId) -> Result<(), StoreError> {
        let path = self.path(id);
        run(move || match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, source)),
            _ => Ok(()),
        })
        .await
    }

    fn path(&self, id: &PreviewId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// Returns whether a spec has been kept long enough.
pub fn is_forgotten(spec: &PreviewSpec, now: SystemTime) -> bool {
    spec.ended.as_ref().is_some_and(|ended| now.duration_since(ended.at).is_ok_and(|age| age > KEEP_ENDED))
}

fn instance_id(data: &Path) -> Result<String, StoreError> {
    let path = data.join("instance");
    match fs::read_to_string(&path) {
        Ok(text) if Uuid::try_parse(text.trim()).is_ok() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(failed("read", &path, source)),
    }
    let id = Uuid::new_v4().simple().to_string();
    write_whole(&path, id.as_bytes())?;
    Ok(id)
}

fn read_spec(path: &Path) -> io::Result<PreviewSpec> {
    if fs::metadata(path)?.len() > MAX_SPEC_BYTES {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| failed("write", path, source))
}

async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(failed("finish writing", Path::new("a spec"), io::Error::other(error))),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}
