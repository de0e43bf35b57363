//! The control socket: how the running app is told which paths changed.
//!
//! The app connects to the path in `PREVIEWD_CONTROL` and keeps the connection. Each way goes one JSON object per line:
//! a line from the agent is answered by one line from the app. An app of several processes has a connection for each of them
//! that wants to be told; all are asked at once.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// The longest line, each way.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// How long somebody is waited for where nobody is connected: whoever wants to be told has connected before it serves.
const CONNECT_FOR: Duration = Duration::from_secs(2);
/// The most connections; of more, the newest.
const MAX_CONNECTIONS: usize = 16;

/// Why the app did not answer. Fits after "failed to notify the app:".
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody connected.
    #[error("it did not connect to its control socket in time")]
    NotConnected,
    /// It connected and is silent.
    #[error("it did not answer in time")]
    Silent,
    /// It went away after it was told.
    #[error("it closed its control connection without an answer")]
    Closed,
    /// Its answer is too long, or no text.
    #[error("its answer is not one line of UTF-8 of at most {MAX_LINE_BYTES} bytes")]
    Malformed,
    /// The socket failed.
    #[error("the control socket failed: {0}")]
    Io(#[from] io::Error),
}

type Connection = BufReader<UnixStream>;

/// The socket that one process was started with.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
    /// Taken out while they are used and put back only after a whole answer, so that an answer that comes too late is never
    /// taken for the next one's.
    connections: Mutex<Vec<Connection>>,
}

impl Control {
    /// Listens, before the process is started.
    pub fn listen(generation: u64) -> io::Result<Self> {
        let folder = env::temp_dir().join(".previewd");
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = folder.join(format!("control-{generation}.sock"));
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { path, listener, connections: Mutex::default() })
    }

    /// Returns where the app connects to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sends one line to everybody who is connected, or connects before the last has answered, and returns their lines, one
    /// below the other. One at a time: a second call waits. Who ends meanwhile has no say, unless nobody else has.
    ///
    /// # Cancel safety
    /// A call that is dropped, or that runs out of time, closes the connections. The app is expected to connect again.
    pub async fn ask(&self, line: &str, within: Duration) -> Result<String, ControlError> {
        let deadline = Instant::now() + within;
        let mut slot = timeout_at(deadline, self.connections.lock()).await.map_err(|_| ControlError::Silent)?;
        let mut asked = self.connected(std::mem::take(&mut *slot), deadline).await?;
        let (mut answers, mut room) = (Vec::new(), MAX_CONNECTIONS);
        while !asked.is_empty() {
            room = room.saturating_sub(asked.len());
            let exchanges = asked.drain(..).map(|mut connection| async move {
                let answer = timeout_at(deadline, exchange(&mut connection, line)).await;
                answer.unwrap_or(Err(ControlError::Silent)).map(|answer| (connection, answer))
            });
            for exchanged in join_all(exchanges).await {
                match exchanged {
                    Ok((connection, answer)) => {
                        slot.push(connection);
                        answers.push(answer);
                    }
                    Err(ControlError::Closed) => {}
                    Err(error) => return Err(error),
                }
            }
            // Counted by who was asked: one that connects and hangs up again and again ends as well.
            if room > 0 {
                self.accept_waiting(&mut asked);
                asked.truncate(room);
            }
        }
        match answers.join("\n") {
            none if none.is_empty() => Err(ControlError::Closed),
            long if long.len() > MAX_LINE_BYTES => Err(ControlError::Malformed),
            answers => Ok(answers),
        }
    }

    /// Returns who is connected, of those who were and those who have come since; waits for the first.
    async fn connected(
        &self,
        mut connected: Vec<Connection>,
        deadline: Instant,
    ) -> Result<Vec<Connection>, ControlError> {
        let first_until = deadline.min(Instant::now() + CONNECT_FOR);
        loop {
            self.accept_waiting(&mut connected);
            connected.retain_mut(|connection| !has_ended(connection));
            if !connected.is_empty() {
                let surplus = connected.len().saturating_sub(MAX_CONNECTIONS);
                connected.drain(..surplus);
                return Ok(connected);
            }
            let accepted = timeout_at(first_until, self.listener.accept()).await;
            connected.push(BufReader::new(accepted.map_err(|_| ControlError::NotConnected)??.0));
        }
    }

    /// Takes the connections that wait to be accepted.
    fn accept_waiting(&self, connected: &mut Vec<Connection>) {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Ok((stream, _))) = self.listener.poll_accept(&mut context) {
            connected.push(BufReader::new(stream));
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns whether the other side has hung up. Asks the kernel: tokio's own readiness lags behind.
fn has_ended(connection: &mut BufReader<UnixStream>) -> bool {
    let mut byte = [0];
    let peeked = rustix::net::recv(connection.get_ref(), &mut byte[..], rustix::net::RecvFlags::PEEK);
    matches!(peeked, Ok((_, 0))) || matches!(peeked, Err(error) if error != rustix::io::Errno::AGAIN)
}

async fn exchange(connection: &mut BufReader<UnixStream>, line: &str) -> Result<String, ControlError> {
    connection.write_all(line.as_bytes()).await?;
    connection.write_all(b"\n").await?;
    let mut answer = Vec::new();
    connection.take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut answer).await?;
    match answer.pop() {
        Some(b'\n') => String::from_utf8(answer).map_err(|_| ControlError::Malformed),
        Some(_) if answer.len() >= MAX_LINE_BYTES => Err(ControlError::Malformed),
        _ => Err(ControlError::Closed),
    }
}
