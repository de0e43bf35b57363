//! The accept loop: connections of HTTP/1.1 and HTTP/2 without TLS, and their end.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::layers::trace::Caller;
use crate::net;

/// The most connections at once; more wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 4096;
/// How often a quiet HTTP/2 connection is pinged, so that dead peers and forgetful proxies are noticed.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long the answer to a ping may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to begin to speak, and to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait after an accept that failed, which is mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How much of one request may be on its way. Large ones may have to wait to be read, and are not to keep others of their
/// connection from it: that has room for as many as are served at once by default.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * STREAM_WINDOW_BYTES;
/// The most bytes of a request's metadata.
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Serves connections until the token is cancelled; then tells each to end, and closes those that have not in time.
pub async fn accept(
    listener: TcpListener,
    router: Router,
    most_streams: usize,
    drain: Duration,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let http = http(most_streams);
    let graceful = GracefulShutdown::new();
    // Cancelled when this returns, however it does: no connection outlives the server.
    let closed = CancellationToken::new();
    let _close = closed.clone().drop_guard();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            next = next => next,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                }
            }
        };
        let service = router.clone().map_request(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Caller(address));
            request
        });
        let (http, watcher, closed, shutdown) = (http.clone(), graceful.watcher(), closed.clone(), shutdown.clone());
        let connection = async move {
            let _place = place;
            if shutdown.run_until_cancelled(has_begun(&stream)).await != Some(true) {
                return debug!(%address, "connection said nothing");
            }
            let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                debug!(%address, error, "connection ended");
            }
        };
        // One per connection, ended by `closed` at the latest.
        tokio::spawn(async move { closed.run_until_cancelled(connection).await });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        warn!("connections did not end in time and are closed");
    }
}

/// Returns whether the client says anything within the time it has; a connection that says nothing holds a place.
async fn has_begun(stream: &TcpStream) -> bool {
    // Answers are small and wanted at once. Over HTTP/1 nothing else tells of a client that has vanished.
    net::keep_client(stream);
    matches!(tokio::time::timeout(HEADER_TIMEOUT, stream.peek(&mut [0])).await, Ok(Ok(1..)))
}

fn http(most_streams: usize) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(u32::try_from(most_streams).unwrap_or(u32::MAX))
        .max_header_list_size(MAX_HEADER_BYTES);
    http
}
