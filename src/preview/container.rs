//! Containers that nobody has claimed yet.

use crate::engine::SharedEngine;

/// A container that is removed when it is dropped, unless it is kept: what is half made never stays behind.
pub struct Unclaimed {
    engine: SharedEngine,
    id: Option<String>,
}

impl Unclaimed {
    /// Takes charge of a container.
    pub fn new(engine: SharedEngine, id: String) -> Self {
        Self { engine, id: Some(id) }
    }

    /// Returns the engine's id.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Gives the container to whoever claims it.
    pub fn claim(mut self) -> String {
        self.id.take().unwrap_or_default()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let engine = self.engine.clone();
        // A drop cannot wait, and the container must go also when whoever wanted it has gone away. What is missed here,
        // because the process ends, the reconciler finds at the next start.
        runtime.spawn(async move { remove(&engine, &id).await });
    }
}

async fn remove(engine: &SharedEngine, id: &str) {
    if let Err(error) = engine.remove(id).await {
        tracing::warn!(container = id, error = %error, "a container that is not needed could not be removed");
    }
}
