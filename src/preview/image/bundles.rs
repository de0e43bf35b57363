//! Which bundles were tried to be made.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// The most bundles that are remembered to have been tried.
const MAX_TRIED: usize = 1024;

/// What is known of bundles in this life of the service.
pub(in crate::preview) struct Bundles {
    /// One is made at a time.
    turn: Semaphore,
    tried: Mutex<HashSet<String>>,
    /// Those that were looked for and are not there: nobody else makes them.
    absent: Mutex<Absent>,
}

#[derive(Debug, Default)]
struct Absent {
    tags: HashSet<String>,
    /// Counts those that came to be there.
    made: u64,
}

impl Default for Bundles {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), tried: Mutex::default(), absent: Mutex::default() }
    }
}

impl Bundles {
    /// Waits until no other is being made.
    pub(in crate::preview) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.turn.acquire().await
    }

    /// Begins a look for a bundle; `None` where it is known not to be there.
    pub(in crate::preview) fn look(&self, tag: &str) -> Option<u64> {
        let absent = self.absent.lock();
        (!absent.tags.contains(tag)).then_some(absent.made)
    }

    /// Notes that a bundle was not there, unless one has come to be there since that look, as far as there is room to
    /// remember.
    pub(in crate::preview) fn note_absent(&self, tag: &str, look: u64) {
        let mut absent = self.absent.lock();
        if absent.made == look && absent.tags.len() < MAX_TRIED {
            absent.tags.insert(tag.to_owned());
        }
    }

    /// Notes that a bundle is there.
    pub(in crate::preview) fn note_there(&self, tag: &str) {
        let mut absent = self.absent.lock();
        absent.tags.remove(tag);
        absent.made += 1;
    }

    /// Returns whether a bundle is to be tried, which is so once, for as long as there is room to remember.
    pub(in crate::preview) fn is_first(&self, tag: &str) -> bool {
        let mut tried = self.tried.lock();
        tried.len() < MAX_TRIED && tried.insert(tag.to_owned())
    }
}
