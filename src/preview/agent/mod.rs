//! The service's one client of the agent in a container.
//!
//! What comes back is untrusted: the agent lives with the project's code. Every call has a deadline, every message a
//! bound, and what passes through here is text of bounded length, valid ports and times that can be. Nothing outside
//! this folder sees a type of the contract.

mod convert;
mod made;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, error::Error, io, pin::Pin, time::Duration};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::transport::{Channel, Endpoint};

pub use self::made::{MadePart, MadeParts, MadeRequest, MadeSummary};
use crate::{
    domain::{
        ids::FilePath,
        logs::LogLine,
        ports::{AppPort, ExpectedPort},
        tree::EntryKind,
    },
    engine::AgentIo,
    proto::agent::v1::{
        AwaitReadyRequest, MarkRequest, NotifyRequest, PortsRequest, StartRequest, StatusRequest, StopRequest,
        WatchRequest, agent_service_client::AgentServiceClient,
    },
};

/// How long a call may take beside what it was asked to wait for.
const MARGIN: Duration = Duration::from_secs(10);
/// How long the agent needs at most to end what was killed.
const KILL: Duration = Duration::from_secs(10);
/// The slowest that files come in, beside [`MARGIN`].
const SYNC_BYTES_PER_SECOND: u64 = 1024 * 1024;
const SYNC_FILES_PER_SECOND: u64 = 500;
/// The largest message that is taken.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// A stream whose other end is gone without a word is noticed within the sum of these. The agent shares its container's
/// CPU with an app that may use all of it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The stream is gone, and nothing is known of what was asked. Dial again. A container that is paused for more than
    /// half a minute looks the same.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// It says why not, or that the app which it asked did not answer: one line of at most 1 KiB.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("the agent did not answer in time")]
    Timeout,
    /// Its answer makes no sense.
    #[error("the agent's answer makes no sense: {0}")]
    Protocol(&'static str),
}

impl AgentError {
    /// Returns whether the container is as good as gone.
    pub fn is_lost(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// What the agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Its version.
    pub version: String,
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

/// A connection to the agent of one container. Clones share it. Once a call returns [`AgentError::Unreachable`] it is
/// of no more use: dial again.
#[derive(Debug, Clone)]
pub struct AgentClient {
    client: AgentServiceClient<Channel>,
}

impl AgentClient {
    /// Speaks to the agent over a stream from [`crate::engine::Engine::dial`], and makes sure that it answers.
    pub async fn connect(io: Box<dyn AgentIo>) -> Result<Self, AgentError> {
        let mut stream = Some(TokioIo::new(io));
        // A second connection would need a second dial: then the client is of no more use.
        let connector = tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| io::Error::other("the stream is closed"));
            async move { stream }
        });
        let endpoint = Endpoint::from_static("http://agent")
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(STREAM_WINDOW_BYTES * 2)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let connected = timeout(MARGIN, endpoint.connect_with_connector(connector)).await;
        let channel =
            connected.map_err(|_| AgentError::Timeout)?.map_err(|error| AgentError::Unreachable(error.into()))?;
        let client = AgentServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let connected = Self { client };
        connected.status().await?;
        Ok(connected)
    }

    /// Returns what the agent says of itself.
    pub async fn status(&self) -> Result<AgentStatus, AgentError> {
        let mut client = self.client.clone();
        convert::status(call(MARGIN, client.status(StatusRequest {})).await?)
    }

    /// Brings a revision's files into a folder: all of them or, on an error before the end, none.
    ///
    /// # Cancel safety
    /// Dropped before the agent has everything, it changes nothing; after that, the agent goes on to the end.
    pub async fn sync(&self, root: &str, revision: &str, plan: SyncPlan) -> Result<SyncCount, AgentError> {
        let bytes: u64 = plan.writes.iter().map(|file| file.content.len() as u64).sum();
        let files = plan.writes.len() as u64 + plan.deletes.len() as u64;
        let within = MARGIN + Duration::from_secs(bytes / SYNC_BYTES_PER_SECOND + files / SYNC_FILES_PER_SECOND);
        let requests = tokio_stream::iter(convert::sync_requests(root, revision, plan));
        let mut client = self.client.clone();
        let answer = call(within, client.sync(requests)).await?;
        Ok(SyncCount { written: answer.written, deleted: answer.deleted })
    }

    /// Ends the process that is there, starts another, and returns its generation. What can be seen to be wrong with the
    /// command is refused before anything is ended.
    ///
    /// # Cancel safety
    /// Once the agent has heard of it, it goes on to the end.
    pub async fn start(&self, spec: StartSpec) -> Result<u64, AgentError> {
        let request = StartRequest {
            argv: spec.argv,
            cwd: spec.cwd,
            environment: spec.environment.into_iter().collect(),
            grace: Some(convert::duration(spec.grace)),
            control: spec.control,
            install: spec.install,
        };
        let mut client = self.client.clone();
        let answer = call(spec.grace + KILL + MARGIN, client.start(request)).await?;
        convert::generation(answer.generation)
    }

    /// Ends the app and everything it started. Returns how it ended if it was running.
    pub async fn stop(&self, grace: Duration) -> Result<Option<Exit>, AgentError> {
        let request = StopRequest { grace: Some(convert::duration(grace)) };
        let mut client = self.client.clone();
        let answer = call(grace + KILL + MARGIN, client.stop(request)).await?;
        answer.exit.map(convert::exit).transpose()
    }

    /// Waits until the app answers HTTP, has ended, was replaced, or the time has passed.
    pub async fn await_ready(&self, request: ReadyRequest) -> Result<ReadyOutcome, AgentError> {
        let ReadyRequest { generation, port, held, has_page, again, alternatives, path, timeout, still, interval } =
            request;
        let request = AwaitReadyRequest {
            generation,
            port: port.number.into(),
            path,
            timeout: Some(convert::duration(timeout)),
            still: Some(convert::duration(still)),
            interval: Some(convert::duration(interval)),
            exit_only: false,
            named: port.named,
            held,
            has_page,
            again,
            alternatives,
        };
        let mut client = self.client.clone();
        let answer = call(timeout + MARGIN, client.await_ready(request)).await?;
        convert::outcome(answer, generation)
    }

    /// Returns the ports that the app listens on, ascending, and what answers there at a path.
    pub async fn ports(&self, path: &str) -> Result<Vec<AppPort>, AgentError> {
        let mut client = self.client.clone();
        let answer = call(MARGIN, client.ports(PortsRequest { path: path.to_owned() })).await?;
        convert::ports(answer.ports)
    }

    /// Sends the running app one line of JSON through its control socket and returns its answer: one line of at most
    /// 1 MiB, from the app, so unchecked. One at a time: a second call waits.
    ///
    /// # Errors
    /// `Refused` if the app is silent, has ended, or has no control socket.
    pub async fn notify(&self, payload: String, within: Duration) -> Result<String, AgentError> {
        let request = NotifyRequest { payload, timeout: Some(convert::duration(within)) };
        let mut client = self.client.clone();
        Ok(call(within + MARGIN, client.notify(request)).await?.payload)
    }

    /// Notes which revision the app shows, for whoever takes the container over later.
    pub async fn mark(&self, revision: &str) -> Result<(), AgentError> {
        let mut client = self.client.clone();
        call(MARGIN, client.mark(MarkRequest { revision: revision.to_owned() })).await?;
        Ok(())
    }

    /// Returns what happened in this life of the agent after a sequence number, as far as it is kept (4 MiB), and
    /// everything new.
    pub async fn watch(&self, after_sequence: u64) -> Result<AgentEvents, AgentError> {
        let mut client = self.client.clone();
        let request = WatchRequest { after_sequence };
        Ok(convert::events(call(MARGIN, client.watch(request)).await?))
    }
}

/// Awaits a call's answer, for as long as it may take.
async fn call<T>(
    within: Duration,
    answer: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, AgentError> {
    match timeout(within, answer).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(convert::error(status)),
        Err(_) => Err(AgentError::Timeout),
    }
}
