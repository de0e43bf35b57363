//! Reads what the app writes, line by line.

use std::{
    io::{self, ErrorKind},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::{net::unix::pipe::Receiver, sync::oneshot, task};
use tokio_util::sync::CancellationToken;

use crate::{
    echo::{Echo, Stream},
    output::{Event, Output, Source},
};

/// The longest line; a longer one is split.
pub const MAX_LINE_BYTES: usize = 16 * 1024;
/// How long the rest of the output of a process that has ended is read, when others who hold its pipe go on writing.
pub const DRAIN_FOR: Duration = Duration::from_millis(500);
const BUFFER_BYTES: usize = 32 * 1024;

/// Where lines go.
#[derive(Debug, Clone)]
pub struct Sink {
    /// The ring.
    pub output: Arc<Output>,
    /// The copy for the engine's log.
    pub echo: Echo,
    /// What the lines are labelled as.
    pub source: Source,
    /// Which of the agent's streams the copy goes to.
    pub stream: Stream,
    /// Which process wrote them.
    pub generation: u64,
}

impl Sink {
    fn line(&self, text: &[u8], partial: bool) {
        let text = Bytes::copy_from_slice(text);
        self.echo.write(self.stream, text.clone(), partial);
        self.output.push(Event::Line { source: self.source, text, partial, generation: self.generation });
    }
}

/// One stream of the app.
#[derive(Debug)]
pub struct Pipe {
    pipe: Receiver,
    lines: Lines,
    sink: Sink,
}

impl Pipe {
    /// Takes over the reading end of a pipe.
    pub fn new(descriptor: OwnedFd, sink: Sink) -> io::Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(descriptor)?, lines: Lines::default(), sink })
    }

    /// Reads until nobody holds the other end. Once `ended` says that the process is gone, what it wrote is read to the
    /// last byte, for at most [`DRAIN_FOR`], and then `drained` is sent (or dropped, which means the same).
    pub async fn run(mut self, ended: CancellationToken, drained: oneshot::Sender<()>) {
        let mut drained = Some(drained);
        loop {
            tokio::select! {
                () = ended.cancelled(), if drained.is_some() => {
                    let open = self.drain().await;
                    drop(drained.take());
                    if !open {
                        return;
                    }
                }
                ready = self.pipe.readable() => {
                    let mut buffer = [0; BUFFER_BYTES];
                    match ready.and_then(|()| self.pipe.try_read(&mut buffer)) {
                        Ok(0) => break,
                        Ok(count) => self.feed(buffer.get(..count).unwrap_or_default()),
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                        Err(_) => break,
                    }
                    // An app that writes without end must not keep everything else from running.
                    task::yield_now().await;
                }
            }
        }
        self.lines.flush(|text, partial| self.sink.line(text, partial));
    }

    /// Reads all that is there and returns whether somebody still holds the other end. Asks the kernel each time:
    /// tokio's own readiness lags behind.
    async fn drain(&mut self) -> bool {
        let begun = Instant::now();
        let open = loop {
            let mut buffer = [0; BUFFER_BYTES];
            let read = rustix::io::read(self.pipe.as_fd(), &mut buffer);
            self.feed(buffer.get(..read.unwrap_or_default()).unwrap_or_default());
            match read {
                Ok(0) => break false,
                Ok(_) if begun.elapsed() > DRAIN_FOR => break true,
                Ok(_) | Err(Errno::INTR) => task::yield_now().await,
                Err(Errno::AGAIN) => break true,
                Err(_) => break false,
            }
        };
        self.lines.flush(|text, partial| self.sink.line(text, partial));
        open
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes, |text, partial| self.sink.line(text, partial));
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(&[u8], bool)) {
        while !bytes.is_empty() {
            let room = MAX_LINE_BYTES - self.pending.len();
            let window = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                let (line, rest) = window.split_at(end);
                if self.pending.is_empty() {
                    emit(line, false);
                } else {
                    self.pending.extend_from_slice(line);
                    emit(&self.pending, false);
                    self.pending.clear();
                }
                bytes = bytes.get(end + rest.len().min(1)..).unwrap_or_default();
                continue;
            }
            self.pending.extend_from_slice(window);
            bytes = bytes.get(window.len()..).unwrap_or_default();
            // A full line is cut only once more of it is there: its line feed may be next.
            if self.pending.len() == MAX_LINE_BYTES {
                match bytes.first() {
                    Some(b'\n') => {
                        emit(&self.pending, false);
                        self.pending.clear();
                        bytes = bytes.get(1..).unwrap_or_default();
                    }
                    _ => {
                        let end = boundary(&self.pending);
                        emit(self.pending.get(..end).unwrap_or_default(), true);
                        self.pending.drain(..end);
                    }
                }
            }
        }
    }

    fn flush(&mut self, mut emit: impl FnMut(&[u8], bool)) {
        if !self.pending.is_empty() {
            emit(&self.pending, false);
            self.pending.clear();
        }
    }
}

/// Returns where to cut so that no character of UTF-8 is torn.
fn boundary(bytes: &[u8]) -> usize {
    for back in 1..=4.min(bytes.len()) {
        let at = bytes.len() - back;
        let byte = bytes.get(at).copied().unwrap_or_default();
        // A byte that begins a character says how long that is.
        let length = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return if length > back && at > 0 { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |text, partial| seen.push((text.to_vec(), partial)));
        }
        lines.flush(|text, partial| seen.push((text.to_vec(), partial)));
        seen
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let seen = cut(&[b"a", b"b\n\nc", b"\n", b"end"]);
        let expected: Vec<(Vec<u8>, bool)> = ["ab", "", "c", "end"].map(|text| (text.into(), false)).into();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_long_line_is_split_and_marked() {
        let text = "x".repeat(MAX_LINE_BYTES * 2 + 5) + "\nnext\n";
        let seen = cut(&[text.as_bytes()]);
        let sizes: Vec<_> = seen.iter().map(|(text, partial)| (text.len(), *partial)).collect();
        assert_eq!(sizes, [(MAX_LINE_BYTES, true), (MAX_LINE_BYTES, true), (5, false), (4, false)]);
    }

    #[test]
    fn a_line_of_just_the_longest_size_is_one_line() {
        let text = "x".repeat(MAX_LINE_BYTES) + "\n";
        assert_eq!(cut(&[text.as_bytes()]).len(), 1);
    }

    #[test]
    fn no_character_is_torn() {
        let text = "x".to_owned() + &"\u{1F600}".repeat(MAX_LINE_BYTES);
        let seen = cut(&[text.as_bytes()]);
        assert!(seen.iter().all(|(text, _)| std::str::from_utf8(text).is_ok() && text.len() <= MAX_LINE_BYTES));
        assert_eq!(seen.concat_len(), text.len());
    }

    trait ConcatLen {
        fn concat_len(&self) -> usize;
    }
    impl ConcatLen for Vec<(Vec<u8>, bool)> {
        fn concat_len(&self) -> usize {
            self.iter().map(|(text, _)| text.len()).sum()
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_all_the_same() {
        let seen = cut(&[&[0x80; MAX_LINE_BYTES * 2]]);
        assert_eq!(seen.concat_len(), MAX_LINE_BYTES * 2);
    }
}
