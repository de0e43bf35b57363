//! A preview's log: the newest lines in memory, with places that a reader can come back to.
//!
//! A reader costs a position, never a copy: it takes what is there, a batch at a time, and learns how much it missed.
//! Nothing is kept beyond [`MAX_LINES`] and [`MAX_BYTES`], however much an app writes, nor beyond what all logs may have
//! together.

mod memory;

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::SystemTime,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use self::memory::Giving;
pub use self::memory::LogMemory;
use crate::{
    domain::{
        failure::MAX_EXCERPT_LINES,
        limits::MAX_LOG_LINE_BYTES,
        logs::{LogLine, LogSource},
    },
    preview::api::LogCursor,
};

/// The most lines that are kept.
pub const MAX_LINES: usize = 10_000;
/// The most bytes of lines that are kept.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// What a line costs beyond its text.
const LINE_OVERHEAD: usize = 64;
/// How lines begin that npm prints for each package that it fetches.
const PROGRESS: &str = "npm http fetch ";

/// A log that is written by whoever does something for one preview, and read by anyone.
#[derive(Debug, Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    number: u64,
    memory: LogMemory,
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Stored>,
    bytes: usize,
    // The number of the newest line ever written.
    last: u64,
    // Lines that never came here, said at the next line.
    lost: u64,
}

#[derive(Debug, Clone)]
struct Stored {
    number: u64,
    lost_before: u64,
    line: LogLine,
}

/// What a reader takes at once.
#[derive(Debug)]
pub struct Batch {
    /// The lines with their places, and how many are missing before each.
    pub lines: Vec<(LogCursor, u64, LogLine)>,
    /// Where to go on.
    pub position: u64,
    /// How many lines are no longer kept, between the position asked for and the first line.
    pub missed: u64,
}

impl Log {
    /// Returns an empty log that shares nothing with others.
    pub fn new() -> Self {
        Self::sharing(&LogMemory::new(usize::MAX))
    }

    /// Returns an empty log, whose lines count in that memory.
    pub fn sharing(memory: &LogMemory) -> Self {
        // Cursors of an earlier life of the service must not be taken for ours.
        let number = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        let (newest, _) = watch::channel(0);
        let inner = Arc::new(Inner { number, memory: memory.clone(), kept: Mutex::default(), newest });
        let weak: Weak<Inner> = Arc::downgrade(&inner);
        memory.join(weak);
        Self { inner }
    }

    /// Returns the log's own number, which its cursors carry.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// Writes what previewd did.
    pub fn lifecycle(&self, text: impl AsRef<str>) {
        self.text(LogSource::Lifecycle, text.as_ref());
    }

    /// Writes text of any length as lines read now.
    pub fn text(&self, source: LogSource, text: &str) {
        let timestamp = SystemTime::now();
        for line in text.lines() {
            for (text, partial) in split(line) {
                self.push(LogLine { timestamp, source, text: text.to_owned(), partial });
            }
        }
    }

    /// Writes one line.
    pub fn push(&self, line: LogLine) {
        let last = {
            let mut kept = self.kept();
            kept.last += 1;
            let number = kept.last;
            let lost_before = std::mem::take(&mut kept.lost);
            let bytes = line.text.len() + LINE_OVERHEAD;
            kept.bytes += bytes;
            kept.lines.push_back(Stored { number, lost_before, line });
            self.inner.memory.took(bytes);
            self.inner.shorten(&mut kept, |kept| kept.lines.len() > MAX_LINES || kept.bytes > MAX_BYTES);
            number
        };
        self.inner.memory.settle();
        self.inner.newest.send_replace(last);
    }

    /// Keeps the newest lines alone, at most so many.
    pub fn keep_last(&self, lines: usize) {
        let mut kept = self.kept();
        self.inner.shorten(&mut kept, |kept| kept.lines.len() > lines);
        kept.lines.shrink_to_fit();
    }

    /// Notes that lines were lost before they came here.
    pub fn lost(&self, lines: u64) {
        let mut kept = self.kept();
        kept.lost = kept.lost.saturating_add(lines);
    }

    /// Returns the number of the newest line; 0 for none.
    pub fn last(&self) -> u64 {
        self.kept().last
    }

    /// Returns the place after which the newest `tail` lines that `select` takes begin.
    pub fn tail(&self, tail: usize, select: impl Fn(&LogLine) -> bool) -> u64 {
        let kept = self.kept();
        if tail == 0 {
            return kept.last;
        }
        let chosen = kept.lines.iter().rev().filter(|stored| select(&stored.line)).take(tail).last();
        chosen.map_or(kept.last, |stored| stored.number - 1)
    }

    /// Returns at most `limit` lines after a place.
    pub fn read(&self, after: u64, limit: usize) -> Batch {
        let kept = self.kept();
        let first = kept.lines.front().map_or(kept.last + 1, |stored| stored.number);
        let missed = first.saturating_sub(after + 1);
        let start = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let lines: Vec<_> = kept
            .lines
            .iter()
            .skip(start)
            .take(limit)
            .map(|stored| {
                (LogCursor { log: self.inner.number, line: stored.number }, stored.lost_before, stored.line.clone())
            })
            .collect();
        let position = lines.last().map_or(after.max(first.saturating_sub(1)), |(cursor, ..)| cursor.line);
        Batch { lines, position, missed }
    }

    /// Follows the number of the newest line.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.inner.newest.subscribe()
    }

    /// Returns the newest lines of some sources written after a place, for a failure, without those that only tell of
    /// progress.
    pub fn excerpt(&self, after: u64, sources: &[LogSource]) -> Vec<String> {
        self.since(after, sources, MAX_EXCERPT_LINES)
    }

    /// Returns at most so many of the newest lines of some sources written after a place, without those that only tell of
    /// progress.
    pub fn since(&self, after: u64, sources: &[LogSource], most: usize) -> Vec<String> {
        let kept = self.kept();
        let mut lines: Vec<String> = kept
            .lines
            .iter()
            .rev()
            .take_while(|stored| stored.number > after)
            .filter(|stored| sources.contains(&stored.line.source) && !stored.line.text.starts_with(PROGRESS))
            .take(most)
            .map(|stored| stored.line.text.clone())
            .collect();
        lines.reverse();
        lines
    }

    /// Returns every kept line of a source, to find the cause of a failure in them.
    pub fn all(&self, source: LogSource) -> Vec<String> {
        let kept = self.kept();
        kept.lines.iter().filter(|stored| stored.line.source == source).map(|stored| stored.line.text.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept()
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock()
    }

    /// Drops the oldest lines for as long as there are too many.
    fn shorten(&self, kept: &mut Kept, too_many: impl Fn(&Kept) -> bool) {
        let before = kept.bytes;
        while too_many(kept) {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.line.text.len() + LINE_OVERHEAD;
        }
        self.memory.gave(before - kept.bytes);
    }
}

impl Giving for Inner {
    fn bytes(&self) -> usize {
        self.kept().bytes
    }

    fn give(&self, bytes: usize) {
        let mut kept = self.kept();
        let left = kept.bytes.saturating_sub(bytes);
        self.shorten(&mut kept, |kept| kept.bytes > left);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.memory.gave(self.kept().bytes);
    }
}

/// Splits a line at [`MAX_LOG_LINE_BYTES`], never inside a character; says of each part whether it goes on.
fn split(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= MAX_LOG_LINE_BYTES {
            return Some((text, false));
        }
        let at = (0..=MAX_LOG_LINE_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (part, more) = text.split_at(at);
        rest = Some(more);
        Some((part, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_on_from_a_place_gives_every_later_line_once() {
        let log = Log::new();
        log.text(LogSource::Stdout, "one\ntwo\nthree");
        let first = log.read(0, 2);
        assert_eq!(texts(&first), ["one", "two"]);
        log.text(LogSource::Stdout, "four");
        let second = log.read(first.position, 10);
        assert_eq!(texts(&second), ["three", "four"]);
        assert_eq!((first.missed, second.missed), (0, 0));
        assert!(log.read(second.position, 10).lines.is_empty());
    }

    #[test]
    fn lines_that_are_no_longer_kept_are_counted() {
        let log = Log::new();
        for number in 0..MAX_LINES + 5 {
            log.text(LogSource::Stdout, &format!("{number}"));
        }
        let batch = log.read(0, 1);
        assert_eq!(batch.missed, 5);
        assert_eq!(texts(&batch), ["5"]);
    }

    #[test]
    fn memory_is_bounded_by_bytes_too() {
        let log = Log::new();
        let long = "x".repeat(MAX_LOG_LINE_BYTES);
        for _ in 0..2 * MAX_BYTES / MAX_LOG_LINE_BYTES {
            log.text(LogSource::Stdout, &long);
        }
        assert!(log.kept().bytes <= MAX_BYTES);
    }

    #[test]
    fn a_long_line_is_split_between_characters_and_marked() {
        let line = format!("{}é", "x".repeat(MAX_LOG_LINE_BYTES - 1));
        let parts: Vec<_> = split(&line).collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].0.len(), MAX_LOG_LINE_BYTES - 1);
        assert_eq!((parts[0].1, parts[1]), (true, ("é", false)));
    }

    #[test]
    fn tail_counts_only_the_lines_that_are_selected() {
        let log = Log::new();
        log.text(LogSource::Stdout, "a\nb");
        log.text(LogSource::Stderr, "e");
        let after = log.tail(1, |line| line.source == LogSource::Stdout);
        assert_eq!(texts(&log.read(after, 10)), ["b", "e"]);
        assert_eq!(log.tail(0, |_| true), log.last());
    }

    #[test]
    fn all_logs_together_keep_no_more_than_they_may_and_the_longest_gives_first() {
        let memory = LogMemory::new(100_000);
        let logs: Vec<Log> = (0..3).map(|_| Log::sharing(&memory)).collect();
        logs[0].text(LogSource::Stdout, "short");
        for _ in 0..5_000 {
            logs[1].text(LogSource::Stdout, &"x".repeat(100));
            assert!(memory.used_bytes() <= 100_000, "{}", memory.used_bytes());
        }
        logs[2].text(LogSource::Stdout, "short");
        assert_eq!(texts(&logs[0].read(0, 10)), ["short"]);
        assert_eq!(texts(&logs[2].read(0, 10)), ["short"]);
        let left = logs[1].read(0, 1);
        assert!(left.missed > 4_000 && left.missed < 5_000, "{}", left.missed);
        drop(logs);
        assert_eq!(memory.used_bytes(), 0);
    }

    #[test]
    fn a_log_that_is_shortened_keeps_its_newest_lines_and_gives_the_rest_back() {
        let memory = LogMemory::new(MAX_BYTES);
        let log = Log::sharing(&memory);
        log.text(LogSource::Stdout, "one\ntwo\nthree");
        log.keep_last(2);
        let batch = log.read(0, 10);
        assert_eq!((texts(&batch), batch.missed), (vec!["two", "three"], 1));
        assert_eq!(memory.used_bytes(), 2 * LINE_OVERHEAD + "twothree".len());
    }

    fn texts(batch: &Batch) -> Vec<&str> {
        batch.lines.iter().map(|(_, _, line)| line.text.as_str()).collect()
    }
}
