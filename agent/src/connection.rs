//! A connection to an app that ends as a polite client's does.
//!
//! A socket that is closed with something unread resets its connection. A server that is no HTTP server may end of that:
//! in Node an `error` that nobody listens to.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

/// How much is read after the end, and for how long, before the connection is given up.
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_FOR: Duration = Duration::from_secs(5);

/// A connection. When it is dropped, it says that nothing more comes, and reads what the app still sends: at most 4 MiB,
/// for at most 5 s.
#[derive(Debug)]
pub struct Connection {
    /// Taken when it is dropped, and not before.
    stream: Option<TcpStream>,
}

impl Connection {
    /// Connects to an address.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Some(TcpStream::connect(address).await?) })
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        self.get_mut().stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (Some(stream), Ok(runtime)) = (self.stream.take(), Handle::try_current()) {
            runtime.spawn(timeout(DRAIN_FOR, drain(stream)));
        }
    }
}

/// Ends a connection, and reads until the other side has ended it too. A failure means that it has.
async fn drain(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut buffer = vec![0; 16 * 1024];
    let mut read = 0;
    while read < DRAIN_BYTES {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connection_with_something_unread_ends_without_a_reset() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut connection = Connection::open(listener.local_addr()?).await?;
        let (mut app, _) = listener.accept().await?;
        app.write_all(b"220 hello\r\n").await?;
        connection.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        drop(connection);
        let mut request = Vec::new();
        app.read_to_end(&mut request).await?;
        assert_eq!(request, b"GET / HTTP/1.1\r\n\r\n");
        // Nor does it end while the app still has something to say.
        app.write_all(&[b'x'; 100_000]).await?;
        app.shutdown().await?;
        assert_eq!(app.read(&mut [0; 1]).await?, 0);
        Ok(())
    }
}
