//! Asks an address for a page, as plainly as HTTP/1.1 allows.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::sockets::Candidate;

/// How long one try may take. A first answer can be slow (code is compiled at the first request), and breaking it off
/// would make it begin anew.
const ANSWER_FOR: Duration = Duration::from_secs(10);
const CONNECT_FOR: Duration = Duration::from_secs(2);
/// The most bytes in front of the end of the answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How much of a body is read, and for how long, so that the app does not see a broken connection.
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_FOR: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub from: Candidate,
    /// The status.
    pub status: u16,
}

/// Asks the ways to one port one after another; the first that takes the connection has to answer.
pub async fn ask(ways: &[Candidate], path: &str) -> Result<Answer, String> {
    let mut last = "no address to ask".to_owned();
    for way in ways {
        match timeout(CONNECT_FOR, TcpStream::connect(way.address)).await {
            Ok(Ok(stream)) => {
                let port = way.address.port();
                let answered = timeout(ANSWER_FOR, get(stream, port, path)).await;
                return match answered {
                    Ok(Ok(status)) => Ok(Answer { from: *way, status }),
                    Ok(Err(error)) => Err(format!("port {port} does not answer HTTP: {error}")),
                    Err(_) => Err(format!("port {port} did not answer within {} s", ANSWER_FOR.as_secs())),
                };
            }
            Ok(Err(error)) => last = format!("{} does not connect: {error}", way.address),
            Err(_) => last = format!("{} does not connect in time", way.address),
        }
    }
    Err(last)
}

async fn get(mut stream: TcpStream, port: u16, path: &str) -> io::Result<u16> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: previewd\r\nAccept: text/html,*/*;q=0.8\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    loop {
        match status(&head) {
            Parsed::Status(status) => {
                // Nobody waits for the rest.
                tokio::spawn(timeout(DRAIN_FOR, drain(stream)));
                return Ok(status);
            }
            Parsed::Invalid => return Err(io::Error::other("not an answer of HTTP/1")),
            Parsed::Incomplete if head.len() > MAX_HEAD_BYTES => return Err(io::Error::other("a head without end")),
            Parsed::Incomplete => {}
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("closed without an answer"));
        }
    }
}

async fn drain(stream: TcpStream) {
    let _ = tokio::io::copy(&mut stream.take(DRAIN_BYTES as u64), &mut tokio::io::sink()).await;
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Status(u16),
    Incomplete,
    Invalid,
}

/// Reads the status line, past informational answers (1xx).
fn status(mut head: &[u8]) -> Parsed {
    const BEGIN: &[u8] = b"HTTP/1.";
    loop {
        let shown = head.len().min(BEGIN.len());
        if head.get(..shown) != BEGIN.get(..shown) {
            return Parsed::Invalid;
        }
        // "HTTP/1.1 200"
        let Some(digits) = head.get(9..12) else { return Parsed::Incomplete };
        let parsed = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u16>().ok());
        match parsed {
            Some(100..=199) => {}
            Some(status @ 200..=999) => return Parsed::Status(status),
            _ => return Parsed::Invalid,
        }
        match head.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => head = head.get(end + 4..).unwrap_or_default(),
            None => return Parsed::Incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_past_informational_answers() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Parsed::Status(200));
        assert_eq!(status(b"HTTP/1.0 404"), Parsed::Status(404));
        assert_eq!(status(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 "), Parsed::Status(500));
        assert_eq!(status(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n"), Parsed::Incomplete);
    }

    #[test]
    fn what_is_not_http_is_known_from_its_first_bytes() {
        assert_eq!(status(b""), Parsed::Incomplete);
        assert_eq!(status(b"HTT"), Parsed::Incomplete);
        assert_eq!(status(b"SSH-2.0"), Parsed::Invalid);
        assert_eq!(status(b"HTTP/1.1 abc"), Parsed::Invalid);
    }
}
