//! The memory that all logs have together.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

/// A log that can give back what it keeps.
pub(super) trait Giving: Send + Sync {
    /// Returns how many bytes it keeps.
    fn bytes(&self) -> usize;
    /// Drops its oldest lines, at least so many bytes of them if it has as many. It tells [`LogMemory::gave`].
    fn give(&self, bytes: usize);
}

/// The most bytes that the lines of all logs may have. Where there are more, the oldest lines of the longest log go.
#[derive(Clone)]
pub struct LogMemory(Arc<Shared>);

struct Shared {
    most_bytes: usize,
    used: AtomicUsize,
    logs: Mutex<Vec<Weak<dyn Giving>>>,
}

impl LogMemory {
    /// Returns memory that no log has any of yet.
    pub fn new(most_bytes: usize) -> Self {
        Self(Arc::new(Shared { most_bytes, used: AtomicUsize::new(0), logs: Mutex::default() }))
    }

    /// Returns how many bytes all logs have now.
    pub fn used_bytes(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Counts a log in.
    pub(super) fn join(&self, log: Weak<dyn Giving>) {
        let mut logs = self.0.logs.lock();
        logs.retain(|log| log.strong_count() > 0);
        logs.push(log);
    }

    /// Counts what a log has taken. Whoever calls holds the log, so that what it gives back is counted after this.
    pub(super) fn took(&self, bytes: usize) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Has the longest log give where all have too much. Whoever calls holds no log.
    pub(super) fn settle(&self) {
        if self.used_bytes() > self.0.most_bytes {
            self.make_room();
        }
    }

    /// Counts what a log has given back. Whoever calls holds the log.
    pub(super) fn gave(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn make_room(&self) {
        // Somebody else makes room already.
        let Some(logs) = self.0.logs.try_lock() else { return };
        // A little more than is needed, so that not every line looks at every log.
        let enough = self.0.most_bytes - self.0.most_bytes / 64;
        while self.used_bytes() > enough {
            let longest = logs.iter().filter_map(Weak::upgrade).max_by_key(|log| log.bytes());
            let Some(longest) = longest else { return };
            let bytes = longest.bytes();
            if bytes == 0 {
                return;
            }
            let excess = self.used_bytes().saturating_sub(enough);
            longest.give(excess.min(bytes.div_ceil(8)));
        }
    }
}

impl fmt::Debug for LogMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LogMemory").field("most_bytes", &self.0.most_bytes).finish_non_exhaustive()
    }
}
