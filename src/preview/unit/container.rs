//! Containers that nobody has claimed yet, and those on their way out.

use crate::{
    agent::{AgentClient, MadeRequest},
    engine::{
        SharedEngine,
        removal::{FIRST_PAUSE, remove_in_the_end},
    },
};

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

/// A container that ended and is of use no more, but for what its app has written.
pub(in crate::preview) struct Leaving {
    pub(in crate::preview) container: String,
    pub(in crate::preview) agent: AgentClient,
}

/// What an app has written to the paths that its project names as data. It can be had while its container is there, whatever
/// becomes of the session meanwhile.
pub(in crate::preview) struct Data {
    pub(in crate::preview) container: String,
    pub(in crate::preview) agent: AgentClient,
    pub(in crate::preview) wanted: MadeRequest,
    /// Whether what was kept could not be brought in, so that what is there is not to take its place.
    pub(in crate::preview) lacks: bool,
}

/// Removes a container of which nobody has need any more. Where the engine does not do it at once it is removed later, and
/// nobody waits for that.
pub(in crate::preview) async fn discard(engine: &SharedEngine, id: &str) {
    if let Err(error) = engine.remove(id).await {
        tracing::warn!(container = id, error = %error, "a container that is not needed is removed later");
        let (engine, id) = (engine.clone(), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(FIRST_PAUSE).await;
            remove(&engine, &id).await;
        });
    }
}

/// Removes a container of which nobody has need any more, however often it takes: an engine may be away, or err.
pub(in crate::preview) async fn remove(engine: &SharedEngine, id: &str) {
    remove_in_the_end(id, || engine.remove(id)).await;
}
