//! The first bytes of a connection, which say the version of the protocol. They are read and given back, so that whatever
//! gives bytes will do.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How much is read at once, in bytes: mostly a whole head.
const FIRST_BYTES: usize = 2048;

/// A connection of which the first bytes were read.
pub(super) struct Begun<S> {
    first: BytesMut,
    is_http2: bool,
    stream: S,
}

impl<S: AsyncRead + Unpin> Begun<S> {
    /// Reads until it is known which version it is, or the other side has ended. The caller sets the deadline.
    pub(super) async fn read(mut stream: S) -> io::Result<Self> {
        let mut first = BytesMut::with_capacity(FIRST_BYTES);
        loop {
            let ended = stream.read_buf(&mut first).await? == 0;
            let compared = first.len().min(HTTP2_PREFACE.len());
            let same = first[..compared] == HTTP2_PREFACE[..compared];
            if ended || !same || compared == HTTP2_PREFACE.len() {
                let is_http2 = same && compared == HTTP2_PREFACE.len();
                return Ok(Self { first, is_http2, stream });
            }
        }
    }

    /// Returns whether HTTP/2 is spoken.
    pub(super) fn is_http2(&self) -> bool {
        self.is_http2
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..count]);
        self.first.advance(count);
        if self.first.is_empty() {
            // A connection may be open for days.
            self.first = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
