//! A copy of the app's output on the agent's own streams, for the engine's log.
//!
//! A thread of its own writes it, because the engine may stop reading: then lines are left out of the copy, and the app
//! goes on.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

/// The most lines and bytes that wait to be written.
const MAX_LINES: usize = 2048;
const MAX_BYTES: usize = 512 * 1024;

/// Which of the agent's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

struct Line {
    stream: Stream,
    text: Bytes,
    partial: bool,
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub struct Echo {
    lines: SyncSender<Line>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
}

impl Echo {
    /// Starts the writing thread, which lives as long as the process.
    pub fn start() -> io::Result<Self> {
        let (lines, receiver) = sync_channel(MAX_LINES);
        let echo = Self { lines, waiting: Arc::default(), lost: Arc::default() };
        let (waiting, lost) = (Arc::clone(&echo.waiting), Arc::clone(&echo.lost));
        thread::Builder::new()
            .name("echo".into())
            .stack_size(64 * 1024)
            .spawn(move || write_all(&receiver, &waiting, &lost))?;
        Ok(echo)
    }

    /// Hands over a line, or leaves it out if the writer is too far behind. Never waits.
    pub fn write(&self, stream: Stream, text: Bytes, partial: bool) {
        let size = text.len() + 1;
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > MAX_BYTES
            || self.lines.try_send(Line { stream, text, partial }).is_err()
        {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is written, for as long as is given.
    pub fn flush(&self, at_most: Duration) {
        let begun = Instant::now();
        while self.waiting.load(Ordering::Relaxed) > 0 && begun.elapsed() < at_most {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Writes until nobody is left to send. A stream that is closed is written to in vain, which is fine.
fn write_all(lines: &Receiver<Line>, waiting: &AtomicUsize, lost: &AtomicUsize) {
    let mut buffer = Vec::new();
    while let Ok(line) = lines.recv() {
        buffer.clear();
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            buffer.extend_from_slice(format!("[agent: {count} lines left out]\n").as_bytes());
        }
        buffer.extend_from_slice(&line.text);
        if !line.partial {
            buffer.push(b'\n');
        }
        // Straight to the descriptors: the buffers of the standard library would hold back part of a line.
        let _ = match line.stream {
            Stream::Stdout => write_to(io::stdout(), &buffer),
            Stream::Stderr => io::stderr().write_all(&buffer),
        };
        waiting.fetch_sub(line.text.len() + 1, Ordering::Relaxed);
    }
}

fn write_to(stream: impl std::os::fd::AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&stream, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
