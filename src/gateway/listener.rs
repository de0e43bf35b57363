//! Ports, accepting, and the life of a client's connection.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::service::{self, Client, Port};

/// How many connections the kernel keeps for us before they are accepted.
const BACKLOG: u32 = 1024;
/// The largest head of a request, and the most of a request's body that is read ahead, in bytes.
const MAX_HEAD_BYTES: u32 = 64 * 1024;
/// How many requests an HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 100;
/// How much of all request bodies on one HTTP/2 connection is read ahead, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// How long to wait when the process or the machine has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);
/// How often connections to the app that nobody uses are looked for.
const SWEEP: Duration = Duration::from_secs(5);
/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Listens at an address, also when connections of an earlier listener there are still in TIME_WAIT.
///
/// # Errors
/// `AddrInUse` if somebody listens there or at the same port of every address. `SO_REUSEADDR` does not change that on
/// Linux: it looks over connections that linger, never over a socket that listens.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A listener that can be closed by somebody else than who accepts from it, at once.
#[derive(Debug)]
pub(super) struct ListenerSlot(Mutex<Option<TcpListener>>);

impl ListenerSlot {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self(Mutex::new(Some(listener)))
    }

    pub(super) fn close(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Returns the next connection, or `None` once the listener is closed; whoever closes it has to wake the task.
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|cx| match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Accepts connections until the port is closed, and keeps house for its connections to the app.
pub(super) async fn accept(slot: Arc<ListenerSlot>, port: Arc<Port>) {
    let builders = Builders::new(&port);
    let connections = Arc::new(Semaphore::new(port.options.connections));
    let mut sweep = tokio::time::interval(SWEEP);
    let mut state = port.route.state();
    let mut out_of_room = false;
    let mut permit = None;
    loop {
        let accepted = tokio::select! {
            () = port.token.cancelled() => break,
            _ = sweep.tick() => { port.pool.expire(); continue }
            Ok(()) = state.changed() => { port.pool.expire(); continue }
            Ok(free) = connections.clone().acquire_owned(), if permit.is_none() => { permit = Some(free); continue }
            accepted = slot.accept(), if permit.is_some() => accepted,
        };
        match accepted {
            None => break,
            Some(Ok((stream, peer))) => {
                out_of_room = false;
                if let Some(permit) = permit.take() {
                    port.tasks.spawn(connection(stream, peer, permit, port.clone(), builders.clone()));
                }
            }
            // The client went away before it was accepted.
            Some(Err(error)) if is_of_connection(&error) => {}
            // Mostly no file descriptor is left; accepting at once again would only burn the processor.
            Some(Err(error)) => {
                if !std::mem::replace(&mut out_of_room, true) {
                    tracing::error!(preview = %port.route.preview, %error, "failed to accept a connection");
                }
                tokio::select! {
                    () = port.token.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    port.pool.clear();
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How the connections of a port are served, by the version of the protocol.
#[derive(Clone)]
struct Builders {
    http1: Arc<auto::Builder<TokioExecutor>>,
    http2: Arc<auto::Builder<TokioExecutor>>,
}

impl Builders {
    fn new(port: &Port) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(port.options.header_timeout)
            .max_buf_size(MAX_HEAD_BYTES as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEAD_BYTES)
            .max_concurrent_streams(MAX_STREAMS)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(MAX_HEAD_BYTES)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        Self { http1: Arc::new(builder.clone().http1_only()), http2: Arc::new(builder.http2_only()) }
    }
}

/// Serves one connection until either side ends it. When the port is closed, what has begun may end within the grace
/// time.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    port: Arc<Port>,
    builders: Builders,
) {
    keep_alive(&stream);
    let Ok(local) = stream.local_addr() else { return };
    let is_http2 = tokio::select! {
        () = port.token.cancelled() => return,
        is_http2 = timeout(port.options.header_timeout, is_http2(&stream)) => match is_http2 {
            Ok(Ok(is_http2)) => is_http2,
            _ => return,
        },
    };
    let builder = if is_http2 { builders.http2 } else { builders.http1 };
    let client =
        Arc::new(Client { port: port.clone(), peer: peer.ip().to_canonical(), local, permit: Arc::new(permit) });
    let service = service_fn(move |request| {
        let client = client.clone();
        async move { Ok::<_, Infallible>(service::answer(client, request).await) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = port.token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout_at(Instant::now() + port.options.grace, connection).await.ok()
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(preview = %port.route.preview, %peer, %error, "a connection broke");
    }
}

/// Tells the kernel to give up a client that has vanished, or that reads nothing for minutes.
fn keep_alive(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    // A connection without these is as good to the client.
    let _ = stream.set_nodelay(true);
    let _ = socket.set_tcp_keepalive(&probes.with_retries(4));
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(300)));
}

/// Looks at the first bytes without taking them. The caller sets the deadline.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; HTTP2_PREFACE.len()];
    let mut pause = Duration::from_millis(10);
    loop {
        let read = stream.peek(&mut first).await?;
        if read == 0 || !HTTP2_PREFACE.starts_with(&first[..read]) {
            return Ok(false);
        }
        if read == HTTP2_PREFACE.len() {
            return Ok(true);
        }
        // The preface came in pieces, which no client does; the socket stays readable, so there is nothing to wait for.
        // Whoever holds on to the rest costs ever less.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
