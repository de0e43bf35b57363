//! Whether the engine can be reached, for health and for calls that need it.

use std::time::Duration;

use tokio::sync::{broadcast::error::RecvError, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{EngineEvent, SharedEngine};

/// How long an engine that is not ready is left alone.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The background task that follows the engine's own notices.
pub struct Availability {
    engine: SharedEngine,
    available: watch::Sender<bool>,
}

impl Availability {
    /// Returns the task, and what it says: false until the engine has been seen.
    pub fn new(engine: SharedEngine) -> (Self, watch::Receiver<bool>) {
        let (available, receiver) = watch::channel(false);
        (Self { engine, available }, receiver)
    }

    /// Looks once, and notes what it sees.
    pub async fn look(&self) {
        // The network and the volume first: a call that is let through needs them.
        let seen = self.engine.prepare().await;
        if let Err(error) = &seen {
            tracing::warn!(error = %error, "the engine is not ready");
        }
        self.set(seen.is_ok());
    }

    /// Runs until the token is cancelled, which an engine that does not answer does not put off.
    pub async fn run(&self, token: CancellationToken) {
        let _ = token.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&self) {
        let mut events = self.engine.events();
        self.look().await;
        loop {
            // An engine that is there and not ready yet says nothing when it is.
            let again = async {
                if *self.available.borrow() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            };
            let event = tokio::select! {
                () = again => {
                    self.look().await;
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                Ok(EngineEvent::Disconnected) => self.set(false),
                Ok(EngineEvent::Connected) | Err(RecvError::Lagged(_)) => self.look().await,
                Ok(EngineEvent::Died { .. } | EngineEvent::Frozen { .. } | EngineEvent::CutOff { .. }) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn set(&self, available: bool) {
        let changed = self.available.send_if_modified(|before| std::mem::replace(before, available) != available);
        if changed {
            tracing::info!(available, "engine");
        }
    }
}
