//! The control socket: how the running app is told which paths changed.
//!
//! The app connects to the path in `PREVIEWD_CONTROL` and keeps the connection. Each way goes one JSON object per line:
//! a line from the agent is answered by one line from the app. If the app connects anew, the newest connection counts.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// The longest line, each way.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

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

/// The socket that one process was started with.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
    /// Taken out while it is used and put back only after a whole answer, so that an answer that comes too late is never
    /// taken for the next one's.
    connection: Mutex<Option<BufReader<UnixStream>>>,
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
        Ok(Self { path, listener, connection: Mutex::default() })
    }

    /// Returns where the app connects to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sends one line and returns the app's one line. One at a time: a second call waits.
    ///
    /// # Cancel safety
    /// A call that is dropped, or that runs out of time, closes the connection. The app is expected to connect again.
    pub async fn ask(&self, line: &str, within: Duration) -> Result<String, ControlError> {
        let deadline = Instant::now() + within;
        let mut slot = timeout_at(deadline, self.connection.lock()).await.map_err(|_| ControlError::Silent)?;
        let mut kept = slot.take();
        loop {
            let mut connection = match self.newest().or_else(|| kept.take()) {
                Some(connection) => connection,
                None => {
                    let accepted = timeout_at(deadline, self.listener.accept()).await;
                    let first = BufReader::new(accepted.map_err(|_| ControlError::NotConnected)??.0);
                    self.newest().unwrap_or(first)
                }
            };
            if has_ended(&mut connection) {
                continue;
            }
            let answer = timeout_at(deadline, exchange(&mut connection, line)).await;
            let answer = answer.map_err(|_| ControlError::Silent)??;
            *slot = Some(connection);
            return Ok(answer);
        }
    }

    /// Returns the newest of the connections that wait to be accepted.
    fn newest(&self) -> Option<BufReader<UnixStream>> {
        let mut newest = None;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Ok((stream, _))) = self.listener.poll_accept(&mut context) {
            newest = Some(BufReader::new(stream));
        }
        newest
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
