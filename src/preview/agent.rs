//! The service's one client of the agent in a container.
//!
//! What the agent says is untrusted: it lives with the app, under the same uid. Every answer is bounded in size and time,
//! and turned into types that cannot hold nonsense.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use hyper_util::rt::TokioIo;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    domain::{
        ids::FilePath,
        limits::MAX_LOG_LINE_BYTES,
        logs::{LogLine, LogSource},
        tree::EntryKind,
    },
    engine::AgentIo,
    proto::agent::v1 as wire,
};

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// The largest piece of a file in one message.
const CHUNK_BYTES: usize = 1024 * 1024;
/// How many paths one message deletes.
const DELETES: usize = 1_000;
/// How long a call may take that only asks.
const SHORT: Duration = Duration::from_secs(10);
/// The slowest that files are taken to be written, in bytes per second.
const SLOWEST_SYNC: u64 = 1024 * 1024;
/// How much longer a call may take than what it was asked to wait for.
const SLACK: Duration = Duration::from_secs(5);
/// The longest text of an error that is passed on.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// Why the agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The stream to it is broken: the container has ended, or is about to.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It says why not.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("the agent did not answer in time")]
    Timeout,
    /// Its answer makes no sense.
    #[error("the agent's answer has no {0}")]
    Protocol(&'static str),
}

impl AgentError {
    /// Returns whether the container is as good as gone.
    pub fn is_lost(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The process's number in its container.
    pub generation: u64,
    /// The exit status, or 128 plus the signal's number.
    pub code: i32,
    /// The signal, 0 for none.
    pub signal: i32,
    /// Whether the kernel's out-of-memory killer struck.
    pub out_of_memory: bool,
}

/// What the agent is doing.
#[derive(Debug, Clone)]
pub struct AgentStatus {
    /// The revision of the last finished sync.
    pub revision: Option<String>,
    /// The app's process, if one was started.
    pub process: Option<ProcessState>,
}

/// The app's process.
#[derive(Debug, Clone)]
pub struct ProcessState {
    /// Its number in its container.
    pub generation: u64,
    /// Whether it runs.
    pub running: bool,
}

/// What a sync does.
#[derive(Debug, Clone, Default)]
pub struct SyncPlan {
    /// Whether the files are all there is.
    pub full: bool,
    /// Files to write.
    pub writes: Vec<SyncFile>,
    /// Files to delete.
    pub deletes: Vec<FilePath>,
}

/// A file to write.
#[derive(Debug, Clone)]
pub struct SyncFile {
    /// Its path below the root.
    pub path: FilePath,
    /// What it is.
    pub kind: EntryKind,
    /// What it holds.
    pub content: Bytes,
}

/// What a sync did.
#[derive(Debug, Clone, Copy)]
pub struct SyncCount {
    /// How many files were written, not counting those that had the content already.
    pub written: u32,
    /// How many files were deleted.
    pub deleted: u32,
}

/// What is to be started.
#[derive(Debug, Clone)]
pub struct StartSpec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working folder.
    pub cwd: String,
    /// Variables on top of the container's own.
    pub environment: BTreeMap<String, String>,
    /// How long a process that is there has between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Whether the app speaks the control protocol.
    pub control: bool,
    /// Whether its output is that of an installation.
    pub install: bool,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub struct ReadyRequest {
    /// The process.
    pub generation: u64,
    /// The port that is expected.
    pub port: u16,
    /// The path to ask for.
    pub path: String,
    /// How long to wait.
    pub timeout: Duration,
    /// The time between two tries.
    pub interval: Duration,
}

/// Where an app answers.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The port to reach it at from outside the container.
    pub upstream_port: u16,
    /// The port that it listens on.
    pub app_port: u16,
    /// Whether it listens on the loopback interface only.
    pub loopback_only: bool,
}

/// How a wait ended.
#[derive(Debug, Clone)]
pub enum ReadyOutcome {
    /// The app answers.
    Ready(Ready),
    /// The process ended.
    Exited(Exit),
    /// The time passed.
    TimedOut {
        /// The ports that the app listens on.
        listening_ports: Vec<u16>,
        /// The last error.
        message: String,
    },
    /// Another process was started.
    Superseded,
}

/// What happens in the container.
#[derive(Debug, Clone)]
pub enum AgentEvent {
    /// A line of output.
    Output(LogLine),
    /// The process ended; all of its output came before.
    Exit(Exit),
    /// So many messages are missing here.
    Dropped(u64),
}

/// The client. A clone speaks through the same stream.
#[derive(Debug, Clone)]
pub struct AgentClient {
    client: wire::agent_service_client::AgentServiceClient<Channel>,
}

impl AgentClient {
    /// Speaks to the agent at the other end of a stream.
    ///
    /// # Errors
    /// `Unreachable` when nothing answers.
    pub async fn connect(io: Box<dyn AgentIo>) -> Result<Self, AgentError> {
        // The one stream is given to the one connection; a second attempt to connect finds nothing, and fails.
        let stream = Arc::new(Mutex::new(Some(io)));
        let connector = tower::service_fn(move |_| {
            let io = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            async move { io.map(TokioIo::new).ok_or_else(|| std::io::Error::other("the stream is closed")) }
        });
        let endpoint = Endpoint::from_static("http://agent")
            .initial_stream_window_size(8 * 1024 * 1024)
            .initial_connection_window_size(16 * 1024 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(20))
            .keep_alive_while_idle(true);
        let channel = tokio::time::timeout(SHORT, endpoint.connect_with_connector(connector))
            .await
            .map_err(|_| AgentError::Timeout)?
            .map_err(|error| AgentError::Unreachable(error.into()))?;
        let client = wire::agent_service_client::AgentServiceClient::new(channel)
            .max_decoding_message_size(MAX_ANSWER_BYTES)
            .max_encoding_message_size(MAX_ANSWER_BYTES);
        Ok(Self { client })
    }

    /// Returns what the agent is doing.
    pub async fn status(&self) -> Result<AgentStatus, AgentError> {
        let mut client = self.client.clone();
        let answer = within(SHORT, client.status(wire::StatusRequest {})).await?;
        let process =
            answer.process.map(|process| ProcessState { generation: process.generation, running: process.running });
        Ok(AgentStatus { revision: Some(answer.revision).filter(|revision| !revision.is_empty()), process })
    }

    /// Brings files into a folder of the container.
    pub async fn sync(&self, root: &str, revision: &str, plan: SyncPlan) -> Result<SyncCount, AgentError> {
        let bytes: u64 = plan.writes.iter().map(|file| file.content.len() as u64).sum();
        let deadline = SHORT + SLACK + Duration::from_secs(bytes / SLOWEST_SYNC);
        let messages = messages(root, revision, plan);
        let mut client = self.client.clone();
        let answer = within(deadline, client.sync(futures_util::stream::iter(messages))).await?;
        Ok(SyncCount { written: answer.written, deleted: answer.deleted })
    }

    /// Starts the app's process, ending the one that was there, and returns its number.
    pub async fn start(&self, spec: StartSpec) -> Result<u64, AgentError> {
        let deadline = spec.grace + SHORT;
        let request = wire::StartRequest {
            argv: spec.argv,
            cwd: spec.cwd,
            environment: spec.environment.into_iter().collect(),
            grace: duration(spec.grace),
            control: spec.control,
            install: spec.install,
        };
        let mut client = self.client.clone();
        Ok(within(deadline, client.start(request)).await?.generation)
    }

    /// Waits until the app answers HTTP, has ended, or the time has passed.
    pub async fn await_ready(&self, request: ReadyRequest) -> Result<ReadyOutcome, AgentError> {
        let deadline = request.timeout + SHORT + SLACK;
        let request = wire::AwaitReadyRequest {
            generation: request.generation,
            port: request.port.into(),
            path: request.path,
            timeout: duration(request.timeout),
            interval: duration(request.interval),
            exit_only: false,
        };
        let mut client = self.client.clone();
        let answer = within(deadline, client.await_ready(request)).await?;
        match answer.outcome.ok_or(AgentError::Protocol("outcome"))? {
            wire::await_ready_response::Outcome::Ready(ready) => Ok(ReadyOutcome::Ready(Ready {
                upstream_port: port(ready.upstream_port)?,
                app_port: port(ready.app_port)?,
                loopback_only: ready.loopback_only,
            })),
            wire::await_ready_response::Outcome::Exited(exit) => Ok(ReadyOutcome::Exited(exit.into())),
            wire::await_ready_response::Outcome::TimedOut(seen) => Ok(ReadyOutcome::TimedOut {
                listening_ports: seen
                    .listening_ports
                    .into_iter()
                    .filter_map(|port| u16::try_from(port).ok())
                    .take(64)
                    .collect(),
                message: bounded(&seen.message),
            }),
            wire::await_ready_response::Outcome::Superseded(_) => Ok(ReadyOutcome::Superseded),
        }
    }

    /// Sends a line of JSON to the running app, and returns the line that it answers.
    pub async fn notify(&self, payload: String, timeout: Duration) -> Result<String, AgentError> {
        let mut client = self.client.clone();
        let request = wire::NotifyRequest { payload, timeout: duration(timeout) };
        Ok(within(timeout + SLACK, client.notify(request)).await?.payload)
    }

    /// Returns what happens in the container, from the beginning of what is kept.
    pub async fn watch(&self) -> Result<BoxStream<'static, Result<AgentEvent, AgentError>>, AgentError> {
        let mut client = self.client.clone();
        let stream = within(SHORT, client.watch(wire::WatchRequest { after_sequence: 0 })).await?;
        Ok(Box::pin(stream.filter_map(|message| async {
            match message {
                Ok(message) => event(message).map(Ok),
                Err(status) => Some(Err(failed(status))),
            }
        })))
    }
}

impl From<wire::Exit> for Exit {
    fn from(exit: wire::Exit) -> Self {
        Self { generation: exit.generation, code: exit.code, signal: exit.signal, out_of_memory: exit.out_of_memory }
    }
}

fn messages(root: &str, revision: &str, plan: SyncPlan) -> impl Iterator<Item = wire::SyncRequest> + Send + 'static {
    use wire::sync_request::Message;
    let begin = wire::SyncBegin { root: root.to_owned(), revision: revision.to_owned(), full: plan.full };
    let writes = plan.writes.into_iter().flat_map(|file| {
        let head = wire::SyncFile {
            path: file.path.into(),
            size_bytes: file.content.len() as u64,
            executable: file.kind == EntryKind::Executable,
            symlink: file.kind == EntryKind::Symlink,
        };
        let content = file.content;
        let chunks = (0..content.len())
            .step_by(CHUNK_BYTES)
            .map(move |at| Message::Chunk(content.slice(at..(at + CHUNK_BYTES).min(content.len()))));
        std::iter::once(Message::File(head)).chain(chunks)
    });
    let paths: Vec<String> = plan.deletes.into_iter().map(String::from).collect();
    let deletes: Vec<_> =
        paths.chunks(DELETES).map(|paths| Message::Delete(wire::SyncDelete { paths: paths.to_vec() })).collect();
    std::iter::once(Message::Begin(begin))
        .chain(writes)
        .chain(deletes)
        .chain(std::iter::once(Message::Finish(wire::SyncFinish {})))
        .map(|message| wire::SyncRequest { message: Some(message) })
}

fn event(message: wire::WatchResponse) -> Option<AgentEvent> {
    let now = SystemTime::now();
    match message.event? {
        wire::watch_response::Event::Output(output) => {
            let source = match output.source() {
                wire::OutputSource::Stderr => LogSource::Stderr,
                wire::OutputSource::Install => LogSource::Install,
                wire::OutputSource::Unspecified | wire::OutputSource::Stdout => LogSource::Stdout,
            };
            // A clock inside a container is ours; a time from the future is not believed.
            let timestamp = message
                .timestamp
                .and_then(|timestamp| SystemTime::try_from(timestamp).ok())
                .filter(|timestamp| *timestamp <= now)
                .unwrap_or(now);
            let line = &output.line[..output.line.len().min(MAX_LOG_LINE_BYTES)];
            let text = String::from_utf8_lossy(line).into_owned();
            Some(AgentEvent::Output(LogLine { timestamp, source, text, partial: output.partial }))
        }
        wire::watch_response::Event::Exit(exit) => Some(AgentEvent::Exit(exit.into())),
        wire::watch_response::Event::Dropped(count) => Some(AgentEvent::Dropped(count)),
    }
}

async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, AgentError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(failed(status)),
        Err(_) => Err(AgentError::Timeout),
    }
}

fn failed(status: Status) -> AgentError {
    match status.code() {
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::ResourceExhausted
        | Code::Internal
        | Code::NotFound
        | Code::DeadlineExceeded => AgentError::Refused(bounded(status.message())),
        _ => AgentError::Unreachable(status.into()),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

fn port(port: u32) -> Result<u16, AgentError> {
    u16::try_from(port).ok().filter(|port| *port > 0).ok_or(AgentError::Protocol("valid port"))
}

fn duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}
