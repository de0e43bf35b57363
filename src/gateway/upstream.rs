//! Connections to the app, kept for reuse.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use super::outgoing::RequestBody;
use crate::{domain::decide::SiteState, net::KeepAlive};

/// How many idle connections are kept for one preview.
const MAX_IDLE: usize = 32;
/// How long a connection is kept: less than the 5 s after which Node and uvicorn close it from their side.
const IDLE: Duration = Duration::from_secs(3);
/// How long a connection may take after the end of an answer to be ready for the next request.
const SETTLE: Duration = Duration::from_secs(1);
/// The kernel finds out within seconds that the app's machine has gone without a word, as when a network is taken away
/// from a container.
const KEEP_ALIVE: KeepAlive = KeepAlive { after: Duration::from_secs(5), every: Duration::from_secs(2), probes: 3 };
/// The largest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// One HTTP/1.1 connection to the app.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    address: SocketAddr,
    /// The state under which it was made: a later one may mean another process.
    state: watch::Receiver<SiteState>,
    idle_since: Instant,
    /// Whether it has carried a request before, so that the app may have closed it just now.
    pub(super) reused: bool,
}

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("nothing listens there")]
    Refused(#[source] io::Error),
    #[error("no answer to the connection within the time")]
    TimedOut,
    #[error("the connection broke at once")]
    Broke(#[source] hyper::Error),
    /// The state changed before it was made; the caller has to read it again.
    #[error("the preview changed meanwhile")]
    Overtaken,
}

impl ConnectError {
    /// Returns whether there may be no way to the container. Others say nothing of it, or were said by it.
    pub(super) fn is_of_the_way(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Refused(error) => {
                matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
            }
            Self::Broke(_) | Self::Overtaken => false,
        }
    }
}

impl Connection {
    /// Connects within a time, unless the state changes first. The connection is driven by one of the tasks.
    pub(super) async fn open(
        address: SocketAddr,
        within: Duration,
        state: watch::Receiver<SiteState>,
        tasks: &TaskTracker,
    ) -> Result<Self, ConnectError> {
        let mut change = state.clone();
        let stream = tokio::select! {
            biased;
            _ = change.changed() => return Err(ConnectError::Overtaken),
            stream = timeout(within, TcpStream::connect(address)) => match stream {
                Ok(stream) => stream.map_err(ConnectError::Refused)?,
                Err(_) => return Err(ConnectError::TimedOut),
            },
        };
        KEEP_ALIVE.set(&stream);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ConnectError::Broke)?;
        // It ends with the sender and the last body. Its errors reach whoever waits for the answer or reads the body.
        tasks.spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Ok(Self { sender, address, state, idle_since: Instant::now(), reused: false })
    }

    /// Sends a request. The error has the request back if not a byte of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<> {
        self.sender.try_send_request(request)
    }

    /// Keeps the connection for the next request, once it is ready for one.
    pub(super) fn give_back(mut self, pool: &Arc<Pool>) {
        if self.sender.is_ready() {
            pool.put(self);
            return;
        }
        if self.sender.is_closed() {
            return;
        }
        let pool = pool.clone();
        // The task of the connection has to run first, or a request's body is still on its way.
        pool.tasks.clone().spawn(async move {
            if let Ok(Ok(())) = timeout(SETTLE, self.sender.ready()).await {
                pool.put(self);
            }
        });
    }

    fn is_usable(&self) -> bool {
        self.sender.is_ready()
            && self.idle_since.elapsed() < IDLE
            && self.state.has_changed().is_ok_and(|changed| !changed)
    }
}

/// The idle connections of one preview, at most [`MAX_IDLE`]; the one used last is used next.
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    tasks: TaskTracker,
}

impl Pool {
    /// Returns one without connections. What it waits for is among the tasks.
    pub(super) fn new(tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), tasks })
    }

    /// Takes a connection to that address which has not ended, as far as can be seen.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop() {
            if connection.address == address && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Closes the connections that are too old, and those to a process that may be gone.
    pub(super) fn expire(&self) {
        self.idle.lock().retain(Connection::is_usable);
    }

    /// Closes every idle connection.
    pub(super) fn clear(&self) {
        self.idle.lock().clear();
    }

    fn put(&self, mut connection: Connection) {
        connection.idle_since = Instant::now();
        connection.reused = true;
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE && connection.is_usable() {
            idle.push(connection);
        }
    }
}
