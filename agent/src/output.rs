//! What the app wrote and how it ended: kept in a bounded ring, read by any number of watchers, none of whom can hold
//! up the app or make the agent grow.

use std::{collections::VecDeque, time::SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::memory::Memory;

/// The most bytes that are kept, each record counted with [`RECORD_BYTES`] on top.
const RING_BYTES: usize = 4 * 1024 * 1024;
/// What a record costs beside its text.
const RECORD_BYTES: usize = 128;
/// The most bytes and records that one read takes out of the ring.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_RECORDS: usize = 256;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Either stream of an installation.
    Install,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Which process.
    pub generation: u64,
    /// The exit status, or 128 plus the signal's number.
    pub code: i32,
    /// The signal, 0 for none.
    pub signal: i32,
    /// Whether the out-of-memory killer struck since it was started.
    pub out_of_memory: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A line was written.
    Line {
        /// Where.
        source: Source,
        /// The line, without its line feed.
        text: Bytes,
        /// Whether it goes on in the next line of the same source.
        partial: bool,
        /// By which process.
        generation: u64,
    },
    /// The process ended.
    Exit(Exit),
    /// The container comes near its memory limit, or something was killed for it.
    Memory(Memory),
    /// So many records were dropped before they were read.
    Dropped(u64),
}

/// An event with its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1 without gaps.
    pub sequence: u64,
    /// When it happened.
    pub timestamp: SystemTime,
    /// What happened.
    pub event: Event,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Record>,
    bytes: usize,
    last: u64,
}

/// The ring and the signal that it has grown.
#[derive(Debug)]
pub struct Output {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

impl Default for Output {
    fn default() -> Self {
        Self { ring: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Output {
    /// Appends an event, dropping the oldest beyond the bound.
    pub fn push(&self, event: Event) {
        let mut ring = self.ring.lock();
        ring.last += 1;
        let record = Record { sequence: ring.last, timestamp: SystemTime::now(), event };
        ring.bytes += cost(&record);
        ring.records.push_back(record);
        while ring.bytes > RING_BYTES {
            let Some(oldest) = ring.records.pop_front() else { break };
            ring.bytes -= cost(&oldest);
        }
        self.newest.send_replace(ring.last);
    }

    /// Returns the number of the newest record, now and whenever it changes.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Returns the next records after a number, few enough to be held; [`Event::Dropped`] first if some are gone.
    pub fn read(&self, after: u64) -> Vec<Record> {
        let ring = self.ring.lock();
        let Some(oldest) = ring.records.front() else { return Vec::new() };
        let mut batch = Vec::new();
        let mut next = after + 1;
        if oldest.sequence > next {
            let event = Event::Dropped(oldest.sequence - next);
            batch.push(Record { sequence: oldest.sequence - 1, timestamp: oldest.timestamp, event });
            next = oldest.sequence;
        }
        let skip = usize::try_from(next - oldest.sequence).unwrap_or(usize::MAX);
        let mut bytes = 0;
        for record in ring.records.iter().skip(skip).take(BATCH_RECORDS) {
            batch.push(record.clone());
            bytes += cost(record);
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        batch
    }
}

fn cost(record: &Record) -> usize {
    match &record.event {
        Event::Line { text, .. } => text.len() + RECORD_BYTES,
        Event::Exit(_) | Event::Memory(_) | Event::Dropped(_) => RECORD_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Event {
        Event::Line { source: Source::Stdout, text: text.to_owned().into(), partial: false, generation: 1 }
    }

    fn numbers(records: &[Record]) -> Vec<u64> {
        records.iter().map(|record| record.sequence).collect()
    }

    #[test]
    fn reading_on_from_a_number_gives_every_later_record_once() {
        let output = Output::default();
        assert_eq!(output.read(0), []);
        for text in ["a", "b", "c"] {
            output.push(line(text));
        }
        assert_eq!(numbers(&output.read(0)), [1, 2, 3]);
        assert_eq!(numbers(&output.read(2)), [3]);
        assert_eq!(output.read(3), []);
    }

    #[test]
    fn a_full_ring_drops_the_oldest_and_says_how_many() {
        let output = Output::default();
        let text = "x".repeat(16 * 1024);
        for _ in 0..1000 {
            output.push(line(&text));
        }
        let batch = output.read(10);
        let Event::Dropped(count) = batch[0].event else { panic!("{:?}", batch[0].event) };
        assert_eq!(batch[0].sequence, 10 + count);
        assert_eq!(batch[1].sequence, 11 + count);
        assert!(output.ring.lock().bytes <= RING_BYTES);
        assert!(batch.len() < 10);
    }
}
