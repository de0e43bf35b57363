//! Accepting, the life of a client's connection, and which site each of its requests is for.

use std::{convert::Infallible, future::poll_fn, io, net::SocketAddr, sync::Arc, task::Poll, time::Duration};

use http::{HeaderValue, Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    body::ResponseBody,
    forward::Client,
    options::GatewayOptions,
    pages::{Format, Page},
    service::{self, Caller},
    site::Site,
    stream::Begun,
};
use crate::net;

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
/// The name in answers where there is no preview.
const NOBODY: HeaderValue = HeaderValue::from_static("-");

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
        drop(self.0.lock().take());
    }

    /// Returns the next connection, or `None` once the listener is closed; whoever closes it has to wake the task.
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|cx| match &*self.0.lock() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Which site a request is for.
pub(super) trait Sites: Send + Sync + 'static {
    /// Returns the site that a request is for, if there is one.
    fn resolve(&self, request: &Request<Incoming>) -> Option<Arc<Site>>;
}

/// A listener of one site, whatever host its requests name.
impl Sites for Arc<Site> {
    fn resolve(&self, _: &Request<Incoming>) -> Option<Arc<Site>> {
        Some(self.clone())
    }
}

/// Takes connections, and finds the site of each request that comes in by them.
pub(super) struct Listener {
    sites: Box<dyn Sites>,
    options: Arc<GatewayOptions>,
    /// Cancelled when the listener is closed.
    token: CancellationToken,
    tasks: TaskTracker,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
}

impl Listener {
    /// Returns a listener for some sites. Its connections are among the tasks.
    pub(super) fn new(
        sites: impl Sites,
        options: Arc<GatewayOptions>,
        token: CancellationToken,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
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
        let (http1, http2) = (builder.clone().http1_only(), builder.http2_only());
        Arc::new(Self { sites: Box::new(sites), options, token, tasks, http1, http2 })
    }

    /// Accepts connections until the listener is closed.
    pub(super) async fn accept(self: Arc<Self>, slot: Arc<ListenerSlot>) {
        let connections = Arc::new(Semaphore::new(self.options.connections));
        let mut out_of_room = false;
        let mut permit = None;
        loop {
            let accepted = tokio::select! {
                () = self.token.cancelled() => break,
                Ok(free) = connections.clone().acquire_owned(), if permit.is_none() => { permit = Some(free); continue }
                accepted = slot.accept(), if permit.is_some() => accepted,
            };
            match accepted {
                None => break,
                Some(Ok((stream, peer))) => {
                    out_of_room = false;
                    if let Some(permit) = permit.take() {
                        self.tasks.spawn(self.clone().connection(stream, peer, permit));
                    }
                }
                // The client went away before it was accepted.
                Some(Err(error)) if is_of_connection(&error) => {}
                // Mostly no file descriptor is left; accepting at once again would only burn the processor.
                Some(Err(error)) => {
                    if !std::mem::replace(&mut out_of_room, true) {
                        tracing::error!(%error, "failed to accept a connection");
                    }
                    tokio::select! {
                        () = self.token.cancelled() => break,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        net::keep_client(&stream);
        let Ok(local) = stream.local_addr() else { return };
        let client = Client { peer: peer.ip().to_canonical(), local, scheme: "http" };
        self.serve(stream, Caller { client, permit: Arc::new(permit) }).await;
    }

    /// Serves one connection until either side ends it, whatever it goes through. When the listener is closed, what has
    /// begun may end within the grace time.
    async fn serve<S>(self: Arc<Self>, stream: S, caller: Caller)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = tokio::select! {
            () = self.token.cancelled() => return,
            begun = timeout(self.options.header_timeout, Begun::read(stream)) => begun,
        };
        let Ok(Ok(stream)) = begun else { return };
        let builder = if stream.is_http2() { &self.http2 } else { &self.http1 };
        let (listener, peer) = (self.clone(), caller.client.peer);
        let caller = Arc::new(caller);
        let service = service_fn(move |request| {
            let (listener, caller) = (listener.clone(), caller.clone());
            async move { Ok::<_, Infallible>(listener.answer(&caller, request).await) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = self.token.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout_at(Instant::now() + self.options.grace, connection).await.ok()
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    async fn answer(&self, caller: &Caller, request: Request<Incoming>) -> Response<ResponseBody> {
        match self.sites.resolve(&request) {
            Some(site) => service::answer(&site, caller, request).await,
            None => Page::nobody().into_response(Format::preferred(request.headers()), &NOBODY),
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
