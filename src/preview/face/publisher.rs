//! How far a preview's commits have come, for those who watch.

use std::sync::Arc;

use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::{domain::events::StageEvent, preview::api::Shared};

/// How many stages a slow reader may be behind.
const STAGES: usize = 128;

type Told = Arc<Shared<StageEvent>>;

/// Where a driver says how far a commit has come. Stages are numbered, so that none is told twice.
#[derive(Debug)]
pub struct Publisher {
    stages: broadcast::Sender<(u64, Told)>,
    newest: watch::Sender<(u64, Option<Told>)>,
}

/// The stages from some moment on.
pub struct Subscription {
    stages: broadcast::Receiver<(u64, Told)>,
    number: u64,
    /// The newest before.
    pub newest: Option<Told>,
}

impl Publisher {
    /// Returns one that nobody follows.
    pub fn new() -> Self {
        Self { stages: broadcast::channel(STAGES).0, newest: watch::channel((0, None)).0 }
    }

    /// Returns the stages from now on.
    pub fn subscribe(&self) -> Subscription {
        let stages = self.stages.subscribe();
        let (number, newest) = self.newest.borrow().clone();
        Subscription { stages, number, newest }
    }

    /// Sends a stage to everyone who watches. For the driver alone.
    pub fn publish(&self, event: StageEvent) {
        let (number, event) = (self.newest.borrow().0 + 1, Arc::new(Shared::new(event)));
        self.newest.send_replace((number, Some(event.clone())));
        // Nobody watching is no error.
        let _ = self.stages.send((number, event));
    }
}

impl Subscription {
    /// Waits for the next stage; for the oldest that is still known, where some were missed. `None`: there will be none.
    ///
    /// # Cancel safety
    /// None is lost.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            match self.stages.recv().await {
                Ok((number, event)) if number > self.number => return Some(event),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}
