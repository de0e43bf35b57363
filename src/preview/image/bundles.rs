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
    absent: Mutex<HashSet<String>>,
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

    /// Returns whether a bundle may be there.
    pub(in crate::preview) fn may_be_there(&self, tag: &str) -> bool {
        !self.absent.lock().contains(tag)
    }

    /// Notes whether a bundle is there, as far as there is room to remember.
    pub(in crate::preview) fn note(&self, tag: &str, there: bool) {
        let mut absent = self.absent.lock();
        if there {
            absent.remove(tag);
        } else if absent.len() < MAX_TRIED {
            absent.insert(tag.to_owned());
        }
    }

    /// Returns whether a bundle is to be tried, which is so once, for as long as there is room to remember.
    pub(in crate::preview) fn is_first(&self, tag: &str) -> bool {
        let mut tried = self.tried.lock();
        tried.len() < MAX_TRIED && tried.insert(tag.to_owned())
    }
}
