//! The connection to the daemon: one per request, over a Unix socket or TCP.
//!
//! It replaces the client's own transport, which refuses a socket that is not there yet, sends no keep-alives, and keeps
//! a connection open after the reader of its stream has gone away, so that a dropped build would go on.

use std::{future::Future, io, path::PathBuf, time::Duration};

use bollard::{BollardRequest, errors::Error};
use http::{HeaderValue, Response, Uri, header::HOST};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::net::KeepAlive;

/// The socket that is used without a setting.
pub(super) const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PLAIN_PORT: u16 = 2375;
const KEEP_ALIVE: KeepAlive = KeepAlive { after: Duration::from_secs(15), every: Duration::from_secs(5), probes: 3 };

/// Where the daemon listens.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl Address {
    /// Parses the value of `DOCKER_HOST`; `None` for a scheme that is not spoken.
    pub(super) fn parse(host: &str) -> Option<Self> {
        if let Some(path) = host.strip_prefix("unix://") {
            return path.starts_with('/').then(|| Self::Unix(path.into()));
        }
        let authority = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://"))?.trim_end_matches('/');
        let parsed: http::uri::Authority = authority.parse().ok()?;
        Some(Self::Tcp(if parsed.port().is_some() { authority.into() } else { format!("{authority}:{PLAIN_PORT}") }))
    }

    fn host_header(&self) -> HeaderValue {
        let name = match self {
            Self::Unix(_) => "docker",
            Self::Tcp(authority) => authority,
        };
        HeaderValue::from_str(name).unwrap_or(HeaderValue::from_static("docker"))
    }
}

/// Sends requests, each over a connection of its own. Connections end with the scope at the latest.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    address: Address,
    scope: CancellationToken,
}

impl Transport {
    pub(super) fn new(address: Address) -> Self {
        Self { address, scope: CancellationToken::new() }
    }

    /// Returns a transport whose connections are closed when the token is cancelled.
    pub(super) fn scoped(&self, scope: CancellationToken) -> Self {
        Self { address: self.address.clone(), scope }
    }

    /// Sends a request and returns the answer, once its headers are there.
    pub(super) async fn send(self, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        request.headers_mut().insert(HOST, self.address.host_header());
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        *request.uri_mut() = path.parse::<Uri>()?;
        match &self.address {
            Address::Unix(path) => {
                let stream = within(UnixStream::connect(path)).await?;
                exchange(stream, request, self.scope).await
            }
            Address::Tcp(authority) => {
                let stream = within(TcpStream::connect(authority)).await?;
                KEEP_ALIVE.set(&stream);
                exchange(stream, request, self.scope).await
            }
        }
    }
}

async fn within<T>(connect: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT_TIMEOUT, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn exchange<S>(stream: S, request: BollardRequest, scope: CancellationToken) -> Result<Response<Incoming>, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Drives the connection, and ends with it: when the response was read, its reader went away, or the scope ended.
    tokio::spawn(async move {
        tokio::select! {
            _ = connection.with_upgrades() => {}
            () = scope.cancelled() => {}
        }
    });
    Ok(sender.send_request(request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_of_docker_host_are_understood() {
        assert!(matches!(Address::parse(DEFAULT_HOST), Some(Address::Unix(path)) if path.ends_with("docker.sock")));
        assert!(matches!(Address::parse("tcp://10.0.0.1"), Some(Address::Tcp(it)) if it == "10.0.0.1:2375"));
        assert!(matches!(Address::parse("http://build.test:99/"), Some(Address::Tcp(it)) if it == "build.test:99"));
        assert!(matches!(Address::parse("tcp://[::1]:2375"), Some(Address::Tcp(it)) if it == "[::1]:2375"));
        for wrong in ["ssh://somewhere", "unix://relative", "/var/run/docker.sock", "tcp://", ""] {
            assert!(Address::parse(wrong).is_none(), "{wrong}");
        }
    }
}
