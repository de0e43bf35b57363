//! The stream to a container's agent: the input and output of a command that is run in the container.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bollard::{
    container::LogOutput,
    errors::Error,
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio_util::io::StreamReader;

use super::{
    Inner,
    api::{Api, SHORT, claim},
    convert::user,
    seen::Seen,
};
use crate::{
    domain::runtime::RUNTIME_MOUNT,
    engine::{AgentIo, ContainerState, EngineError},
};

const DIAL: &str = "dial the agent";
/// How much of what the command says on its error output is kept, and written to the log at a time.
const LOGGED: usize = 1024;
/// How long the daemon may take to say how the command ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What comes out of the command.
struct Output {
    api: Api,
    container: String,
    seen: Arc<Seen>,
    exec: String,
    frames: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    /// Whether something has come out.
    begun: bool,
    /// Whether it has said where it is, which it does first on its error output, or has said something else.
    located: bool,
    /// The beginning of what it has said there.
    complaint: Vec<u8>,
}

impl Inner {
    pub(super) async fn dial(&self, id: &str) -> Result<Box<dyn AgentIo>, EngineError> {
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            cmd: Some(vec![format!("{RUNTIME_MOUNT}/agent"), "dial".into()]),
            user: Some(user()),
            working_dir: Some("/".into()),
            ..Default::default()
        };
        let exec = match claim(DIAL, ("container", id), SHORT, self.api.docker.create_exec(id, config)).await {
            Ok(exec) => exec.id,
            Err(err) => return Err(self.not_dialed(id, err).await),
        };
        let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(64 * 1024) };
        let started = claim(DIAL, ("exec", &exec), SHORT, self.api.docker.start_exec(&exec, Some(options))).await;
        let started = match started {
            Ok(started) => started,
            Err(err) => return Err(self.not_dialed(id, err).await),
        };
        match started {
            StartExecResults::Attached { output, input } => {
                let output = Output {
                    api: self.api.clone(),
                    container: id.to_owned(),
                    seen: self.seen.clone(),
                    exec,
                    frames: output,
                    begun: false,
                    located: false,
                    complaint: Vec::new(),
                };
                Ok(Box::new(tokio::io::join(StreamReader::new(Box::pin(output.bytes())), input)))
            }
            StartExecResults::Detached => {
                Err(EngineError::Refused { action: DIAL, message: "the daemon attached nothing".into() })
            }
        }
    }
}

impl Inner {
    /// Returns what it means that a container takes no command: it is frozen, or as good as gone.
    async fn not_dialed(&self, id: &str, why: EngineError) -> EngineError {
        if !matches!(why, EngineError::Conflict { .. } | EngineError::NotFound { .. }) {
            return why;
        }
        match self.container(id).await {
            Ok(Some(it)) if matches!(it.state, ContainerState::Running | ContainerState::Paused) => {
                EngineError::Conflict { what: "container", name: id.to_owned() }
            }
            Ok(_) => EngineError::NotFound { what: "running container", name: id.to_owned() },
            Err(err) => err,
        }
    }
}

impl Output {
    /// Returns the command's standard output. Its error output goes to the log; an end that is a failure is an error.
    fn bytes(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(Some(self), |output| async move {
            let mut output = output?;
            match output.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(output))),
                Ok(None) => None,
                Err(err) => Some((Err(err), None)),
            }
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.frames.next().await {
                Some(Ok(LogOutput::StdErr { message })) => {
                    // A line may come in pieces.
                    self.complaint.extend_from_slice(&message[..message.len().min(LOGGED - self.complaint.len())]);
                    if !self.located && self.complaint.ends_with(b"\n") {
                        self.located = true;
                        if let Some(address) = address(&self.complaint) {
                            self.seen.note_address(&self.container, address);
                            self.complaint.clear();
                            continue;
                        }
                    }
                    tracing::debug!(exec = self.exec, text = text(&message), "agent dial");
                }
                Some(Ok(frame)) => {
                    let bytes = frame.into_bytes();
                    // A command that cannot be started is told of in its own output, in words. The agent's first byte is 0,
                    // that of the length of a frame of HTTP/2.
                    if !std::mem::replace(&mut self.begun, true)
                        && bytes.first().is_some_and(|byte| *byte != 0)
                        && let Some(code @ 126..=127) = exit_code(&self.api, &self.exec).await
                    {
                        return Err(io::Error::other(format!("agent dial: status {code}: {}", text(&bytes))));
                    }
                    return Ok(Some(bytes));
                }
                Some(Err(err)) => return Err(io::Error::other(err)),
                None => {
                    return match exit_code(&self.api, &self.exec).await {
                        Some(code) if code != 0 => {
                            Err(io::Error::other(format!("agent dial: status {code}: {}", text(&self.complaint))))
                        }
                        _ => Ok(None),
                    };
                }
            }
        }
    }
}

/// Reads what `agent dial` says first: the one address that its container has. It may be believed, whatever else runs in the
/// container: the program comes from a volume that nothing there can write to, nobody there may trace it, from its first
/// moment on, and what it says comes from the kernel.
fn address(said: &[u8]) -> Option<IpAddr> {
    let line = std::str::from_utf8(said).ok()?.strip_suffix('\n')?;
    let address: Ipv4Addr = line.strip_prefix("address ")?.parse().ok()?;
    let odd = address.is_loopback() || address.is_unspecified() || address.is_multicast() || address.is_link_local();
    (!odd).then_some(IpAddr::V4(address))
}

/// Returns the beginning of what a command said.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(LOGGED)]).trim().to_owned()
}

/// Returns how a command ended; `None` while it runs, or if nobody knows.
async fn exit_code(api: &Api, exec: &str) -> Option<i64> {
    let asked = tokio::time::timeout(LAST_WORDS, api.docker.inspect_exec(exec)).await;
    asked.ok()?.ok().filter(|it| it.running != Some(true))?.exit_code
}
