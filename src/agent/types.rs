//! What is asked of the agent and what it says, in types that are checked.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use bytes::Bytes;
use tokio_stream::Stream;

use super::error::AgentError;
use crate::domain::{
    ids::FilePath,
    logs::LogLine,
    ports::{AppPort, ExpectedPort},
    tree::EntryKind,
};

/// What the agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Names this life of the agent. In another one, generations and sequence numbers begin again.
    pub instance: String,
    /// The revision whose files are in place, or `None` if that is not known: before the first sync, after one that
    /// failed half-way, and after the container was restarted.
    pub revision: Option<String>,
    /// The revision that this service, or an earlier life of it, marked as what the app shows.
    pub marked: Option<String>,
    /// The process that was started last.
    pub process: Option<ProcessState>,
    /// The CPU time that the app's processes have used.
    pub cpu: Duration,
    /// The ports that they listen on, ascending.
    pub listening_ports: Vec<u16>,
}

/// The process that was started last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessState {
    /// Counts the starts in this life of the agent, from 1.
    pub generation: u64,
    /// Whether it runs.
    pub running: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Which one.
    pub generation: u64,
    /// The exit status, or 128 plus the signal's number.
    pub code: i32,
    /// The signal, 0 for none.
    pub signal: i32,
    /// Whether the out-of-memory killer struck in the container since it was started.
    pub out_of_memory: bool,
}

/// How much memory a container has in use. The limit that is in force is not the agent's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes in use, without the page cache.
    pub used_bytes: u64,
    /// The most that was seen in use.
    pub peak_bytes: u64,
    /// How many processes the out-of-memory killer has ended.
    pub kills: u64,
}

/// What a revision changes.
#[derive(Debug, Clone, Default)]
pub struct SyncPlan {
    /// Whether `writes` is all there is: what earlier revisions brought and is not named goes. `deletes` can be empty.
    pub full: bool,
    /// The files to write, in the order in which they come into place.
    pub writes: Vec<SyncFile>,
    /// The paths to delete, after that. One that is not there is fine; none may be among the writes.
    pub deletes: Vec<FilePath>,
}

/// One file to write.
#[derive(Debug, Clone)]
pub struct SyncFile {
    /// The path below the root.
    pub path: FilePath,
    /// What it is.
    pub kind: EntryKind,
    /// Its content; a symbolic link's target.
    pub content: Bytes,
}

/// What a revision changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncCount {
    /// Files written, not counting those that had the content already.
    pub written: u32,
    /// Files deleted.
    pub deleted: u32,
}

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct StartSpec {
    /// The program and its arguments; the program is looked up in PATH.
    pub argv: Vec<String>,
    /// The working folder, absolute.
    pub cwd: String,
    /// Variables on top of the container's own.
    pub environment: BTreeMap<String, String>,
    /// How long a process that is there has between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Whether the app speaks the control protocol.
    pub control: bool,
    /// Whether output is labelled as that of an installation.
    pub install: bool,
}

/// What to wait for.
#[derive(Debug, Clone)]
pub struct ReadyRequest {
    /// The process.
    pub generation: u64,
    /// The port that is expected.
    pub port: ExpectedPort,
    /// Whether it is the one that was found before.
    pub held: bool,
    /// Whether what opens it surely has a page.
    pub has_page: bool,
    /// Whether the app has answered before, so that it is asked where it did, and its ports are not looked at.
    pub again: bool,
    /// What to try where the path is 404.
    pub alternatives: Vec<String>,
    /// The path to ask for.
    pub path: String,
    /// How long, at most 1 h.
    pub timeout: Duration,
    /// How long its processes may do nothing at all.
    pub still: Duration,
    /// The time between two tries.
    pub interval: Duration,
}

/// Where an app answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The port to reach it at from outside the container.
    pub upstream_port: u16,
    /// The port that it listens on.
    pub app_port: u16,
    /// Whether it listens on the loopback interface only, so that the agent relays.
    pub loopback_only: bool,
    /// What it answers.
    pub page: Page,
    /// The ports that it listens on, ascending; none if they were not looked at.
    pub ports: Vec<AppPort>,
    /// The first of the alternatives that answers well, where the path is 404.
    pub alternative: Option<String>,
}

/// What an app answers a navigation with. All of it is the app's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The path, after redirects within the app.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// The beginning of the body of an error, at most 64 KiB.
    pub body: Bytes,
    /// The end of the body of a page that came at once, at most 512 bytes.
    pub end: Bytes,
    /// Whether the body of a page was broken off.
    pub broken_off: bool,
}

/// What waiting came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyOutcome {
    /// The app answers HTTP.
    Ready(Ready),
    /// The process ended. All of its output has been sent to watchers.
    Exited(Exit),
    /// The time passed.
    TimedOut {
        /// The ports that the app's processes listen on, ascending.
        listening_ports: Vec<u16>,
        /// The last error: one line of at most 1 KiB.
        message: String,
    },
    /// A newer process was started.
    Superseded,
    /// The app speaks TLS, at this port.
    Tls(u16),
}

/// What happens in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// A line of output. Its time is by the container's clock, and never in the future.
    Output(LogLine),
    /// A process ended. All of its output came before.
    Exit(Exit),
    /// The container comes near its memory limit, or something was killed for it.
    Memory(MemoryUse),
    /// So many events are missing here.
    Dropped(u64),
}

/// What happens, each with its sequence number, until the stream is gone: then an error, and the end.
pub type AgentEvents = Pin<Box<dyn Stream<Item = Result<(u64, AgentEvent), AgentError>> + Send>>;
