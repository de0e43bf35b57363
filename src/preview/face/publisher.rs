//! How far a preview's commits have come, for those who watch.

use tokio::sync::{broadcast, watch};

use crate::domain::events::StageEvent;

/// How many stages a slow watcher may be behind.
const STAGES: usize = 128;

/// A stage and its number.
type Numbered = (u64, StageEvent);

/// Where a driver says how far a commit has come. Stages are numbered, so that none is told twice.
#[derive(Debug)]
pub struct Publisher {
    stages: broadcast::Sender<Numbered>,
    newest: watch::Sender<(u64, Option<StageEvent>)>,
}

impl Publisher {
    /// Returns one that nobody follows.
    pub fn new() -> Self {
        Self { stages: broadcast::channel(STAGES).0, newest: watch::channel((0, None)).0 }
    }

    /// Returns the stages from now on, and the newest before with its number.
    pub fn subscribe(&self) -> (broadcast::Receiver<Numbered>, u64, Option<StageEvent>) {
        let stages = self.stages.subscribe();
        let (number, newest) = self.newest.borrow().clone();
        (stages, number, newest)
    }

    /// Sends a stage to everyone who watches. For the driver alone.
    pub fn publish(&self, event: StageEvent) {
        let number = self.newest.borrow().0 + 1;
        self.newest.send_replace((number, Some(event.clone())));
        // Nobody watching is no error.
        let _ = self.stages.send((number, event));
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}
