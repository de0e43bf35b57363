//! What the app has made: the files below a folder that no revision brought and that were not there when the container
//! was made. They are sent as they were at one moment: the app's processes are stopped while they are read.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    process::{Pid, Signal, getpid, kill_process},
};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};
use tonic::Status;

use crate::{
    processes,
    proto::{self, export_response::Message},
    sync,
};

/// The most files that are sent, and the most folders in one another that are looked into.
const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 64;
/// The most bytes that are asked for.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The bytes of one chunk.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long the app may be stopped, and how long a message may wait for whoever reads.
const STOPPED_FOR: Duration = Duration::from_secs(10);
const SEND: Duration = Duration::from_secs(30);
/// Folders of dependencies, caches and what is built, wherever they are: each start makes them anew.
const FOLDERS: [&str; 37] = [
    "node_modules",
    "bower_components",
    ".git",
    ".hg",
    ".venv",
    "venv",
    "__pycache__",
    "__pypackages__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".next",
    ".nuxt",
    ".output",
    ".nitro",
    ".svelte-kit",
    ".astro",
    ".angular",
    ".docusaurus",
    ".react-router",
    ".tanstack",
    ".cache",
    ".parcel-cache",
    ".turbo",
    ".vite",
    ".vinxi",
    ".npm",
    ".yarn",
    ".pnpm-store",
    ".previewd",
    ".temp",
    ".tmp",
    "coverage",
    "dist",
    "build",
    "target",
];
/// Ends of names of files that are made anew.
const ENDS: [&str; 4] = [".pyc", ".tsbuildinfo", "next-env.d.ts", ".gen.ts"];

/// When a file was changed last, as the file system counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64, i64);

impl Moment {
    /// Returns when a file was changed last, in content, name or owner: nobody can set that.
    fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.ctime(), metadata.ctime_nsec())
    }
}

/// Knows when the container was made.
#[derive(Debug, Clone)]
pub struct Born(PathBuf);

impl Born {
    /// Notes that this container was made. The first agent in it does that beside its staging folder, with the name of
    /// the container: an image that is made of one has that of another.
    pub fn note() -> io::Result<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let container = fs::read("/proc/sys/kernel/hostname")?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for parent in home.into_iter().chain([std::env::temp_dir()]) {
            match Self::note_in(&parent.join(".previewd"), &container) {
                Ok(born) => return Ok(born),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn note_in(folder: &Path, container: &[u8]) -> io::Result<Self> {
        let file = folder.join("born");
        if fs::read(&file).ok().as_deref() != Some(container) {
            fs::create_dir_all(folder)?;
            // Another file, and so another time, than the one of an image.
            let new = folder.join("born.new");
            fs::write(&new, container)?;
            fs::rename(&new, &file)?;
        }
        Ok(Self(file))
    }

    /// Returns when that was. It moves on where what was installed, and that note with it, is brought in after the agent
    /// has started.
    pub fn moment(&self) -> io::Result<Moment> {
        Ok(Moment::of(&fs::symlink_metadata(&self.0)?))
    }
}

/// What is wanted.
#[derive(Debug)]
pub struct Wanted {
    /// The folder.
    pub root: PathBuf,
    /// Files and folders below it that alone are wanted, whenever they were made; none for all that the app has made.
    pub only: Vec<String>,
    /// Paths that are not wanted: what revisions brought.
    pub except: BTreeSet<String>,
    /// The most bytes in all.
    pub max_bytes: u64,
    /// When the container was made; `None` if that is not known: then nothing counts as made.
    pub born: Option<Moment>,
}

/// Sends what is wanted. Blocks, and ends when nobody reads any more.
pub fn send(wanted: &Wanted, sender: &mpsc::Sender<Result<proto::ExportResponse, Status>>, runtime: &Handle) {
    let mut stopped = Stopped::begin();
    let (found, summary) = look(wanted);
    let give = |message| {
        let sent = sender.send(Ok(proto::ExportResponse { message: Some(message) }));
        runtime.block_on(async { timeout(SEND, sent).await.is_ok_and(|sent| sent.is_ok()) })
    };
    if !give(Message::Summary(summary)) {
        return;
    }
    for file in found {
        stopped.end_if_long();
        // One that is gone or cannot be read is none that can be kept.
        let Ok(content) = content(&wanted.root, &file) else { continue };
        let head = proto::SyncFile {
            path: file.path,
            size_bytes: file.size,
            executable: file.executable,
            symlink: matches!(content, Content::Target(_)),
        };
        if !give(Message::File(head)) || !send_content(content, file.size, &give) {
            return;
        }
    }
}

enum Content {
    Target(Vec<u8>),
    File(File),
}

fn content(root: &Path, file: &Found) -> io::Result<Content> {
    let path = root.join(&file.path);
    if file.symlink {
        let target = fs::read_link(path)?.as_os_str().as_bytes().to_vec();
        if u64::try_from(target.len()) != Ok(file.size) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        return Ok(Content::Target(target));
    }
    // Neither a link nor what blocks, such as a pipe, that stands there now.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, &path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(Content::File(file)) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Sends so many bytes of a file, with zeros where it has become shorter: its length was said.
fn send_content(content: Content, size: u64, give: &impl Fn(Message) -> bool) -> bool {
    let mut file = match content {
        Content::Target(target) => return give(Message::Chunk(target.into())),
        Content::File(file) => file,
    };
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let mut chunk = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match chunk.get_mut(filled..).map(|rest| file.read(rest)) {
                Some(Ok(count)) if count > 0 => filled += count,
                _ => break,
            }
        }
        if !give(Message::Chunk(Bytes::from(chunk))) {
            return false;
        }
        left -= length as u64;
    }
    true
}

#[derive(Debug)]
struct Found {
    path: String,
    size: u64,
    executable: bool,
    symlink: bool,
}

/// Returns the files that are wanted, in the order of their paths, and what there is. Where they are too much, the
/// largest are left.
fn look(wanted: &Wanted) -> (Vec<Found>, proto::ExportSummary) {
    let mut found = Vec::new();
    let mut skipped = 0;
    if wanted.only.is_empty() {
        walk(wanted, String::new(), 0, &mut found, &mut skipped);
    }
    for path in &wanted.only {
        match fs::symlink_metadata(wanted.root.join(path)) {
            Ok(metadata) if metadata.is_dir() => walk(wanted, path.clone(), 0, &mut found, &mut skipped),
            Ok(metadata) => take(wanted, path.clone(), &metadata, &mut found, &mut skipped),
            Err(_) => {}
        }
    }
    found.sort_by_key(|file| file.size);
    let (mut bytes, mut count) = (0_u64, 0);
    for file in &found {
        if bytes.saturating_add(file.size) > wanted.max_bytes {
            break;
        }
        bytes += file.size;
        count += 1;
    }
    let left = found.split_off(count);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    let summary = proto::ExportSummary {
        files: found.len() as u64,
        bytes,
        left_files: left.len() as u64 + skipped,
        left_bytes: left.iter().map(|file| file.size).sum(),
    };
    (found, summary)
}

fn walk(wanted: &Wanted, folder: String, depth: usize, found: &mut Vec<Found>, skipped: &mut u64) {
    let Ok(entries) = fs::read_dir(wanted.root.join(&folder)) else { return };
    for entry in entries.flatten() {
        let (name, Ok(metadata)) = (entry.file_name(), entry.metadata()) else { continue };
        let Some(name) = name.to_str() else {
            *skipped += 1;
            continue;
        };
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if !metadata.is_dir() {
            take(wanted, path, &metadata, found, skipped);
        } else if depth < MAX_DEPTH && (!wanted.only.is_empty() || !FOLDERS.contains(&name)) {
            walk(wanted, path, depth + 1, found, skipped);
        }
    }
}

fn take(wanted: &Wanted, path: String, metadata: &fs::Metadata, found: &mut Vec<Found>, skipped: &mut u64) {
    let symlink = metadata.is_symlink();
    let made = !wanted.only.is_empty() || wanted.born.is_some_and(|born| Moment::of(metadata) >= born);
    let made_anew = wanted.only.is_empty() && ENDS.iter().any(|end| path.ends_with(end));
    if !(metadata.is_file() || symlink) || !made || made_anew || wanted.except.contains(&path) {
        return;
    }
    if found.len() >= MAX_FILES || !sync::is_path(&path) {
        *skipped += 1;
        return;
    }
    let executable = metadata.mode() & 0o100 != 0;
    found.push(Found { path, size: metadata.len(), executable, symlink });
}

/// The app's processes, stopped for as long as this is kept.
struct Stopped {
    processes: Vec<Pid>,
    since: Instant,
}

impl Stopped {
    fn begin() -> Self {
        let mut stopped = Self { processes: Vec::new(), since: Instant::now() };
        // Again for those that were started meanwhile.
        for _ in 0..2 {
            for process in processes::descendants(getpid().as_raw_pid()).into_iter().filter_map(Pid::from_raw) {
                if !stopped.processes.contains(&process) && kill_process(process, Signal::STOP).is_ok() {
                    stopped.processes.push(process);
                }
            }
        }
        stopped
    }

    fn end_if_long(&mut self) {
        if self.since.elapsed() > STOPPED_FOR {
            self.end();
        }
    }

    fn end(&mut self) {
        for process in self.processes.drain(..) {
            // One that is gone has no need.
            let _ = kill_process(process, Signal::CONT);
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.end();
    }
}
