//! Which containers are a preview's: those that its spec claims, and those that its driver has begun to make.
//!
//! A claim is the engine's id. It is on disk before anything of the preview is in the container, so that the next life of
//! the service finds what serves and removes what does not. A container's name is for people, and nobody reads it: while one
//! replaces another, both cannot have the same.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    domain::{ids::PreviewId, spec::PreviewSpec},
    engine::{Container, EngineError, SharedEngine},
    preview::{
        handle::Handle,
        store::{SpecStore, StoreError},
    },
};

/// The most claims that a preview has: of what serves, of what is to serve next, and of what is on its way out.
const MAX_CLAIMS: usize = 8;
/// The most containers that are known to have been begun. Those before are long claimed, or gone.
const MAX_BEGUN: usize = 16;

/// Returns the name of a preview's container, while none replaces it.
pub fn name(preview: &PreviewId) -> String {
    format!("preview-{preview}")
}

/// Returns whether a preview claims a container. One that was made before there were claims has none, and is known by its
/// name.
pub(in crate::preview) fn claims(spec: &PreviewSpec, container: &Container) -> bool {
    if spec.claims.is_empty() {
        let rest = container.name.strip_prefix(&name(&spec.id));
        return rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    }
    spec.claims.contains(&container.id)
}

/// The containers of one preview.
pub(in crate::preview) struct Claims {
    handle: Arc<Handle>,
    /// The names of those that this life of the service has begun to make, the newest last.
    begun: VecDeque<String>,
}

impl Claims {
    /// Returns those of a preview, none of which this life of the service has begun yet.
    pub(in crate::preview) fn new(handle: Arc<Handle>) -> Self {
        Self { handle, begun: VecDeque::new() }
    }

    /// Returns the name for a container that is about to be made: the preview's, or one beside it.
    pub(in crate::preview) fn begin(&mut self, beside: bool) -> String {
        let name = name(&self.handle.id);
        let name = if beside { name_beside(&name) } else { name };
        self.begun.retain(|it| *it != name);
        self.begun.push_back(name.clone());
        if self.begun.len() > MAX_BEGUN {
            self.begun.pop_front();
        }
        name
    }

    /// Claims a container, beside those that `others` names; what else was claimed is no more.
    ///
    /// # Errors
    /// When the claim cannot be written: the container is nobody's.
    pub(in crate::preview) async fn claim(
        &self,
        store: &SpecStore,
        container: &str,
        others: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let claims = [container.to_owned()].into_iter().chain(others).take(MAX_CLAIMS).collect();
        self.handle.change_spec(store, |spec| spec.claims = claims).await
    }

    /// Returns whether a container is the preview's.
    pub(in crate::preview) fn has(&self, container: &Container) -> bool {
        claims(&self.handle.spec(), container) || self.begun.contains(&container.name)
    }
}

/// Removes the containers that have a name which another is to have.
///
/// # Errors
/// When the engine does not do it.
pub(in crate::preview) async fn free(engine: &SharedEngine, name: &str) -> Result<(), EngineError> {
    for container in engine.containers().await?.into_iter().filter(|container| container.name == name) {
        engine.remove(&container.id).await?;
    }
    Ok(())
}

/// Gives a container its preview's name, for people; one that cannot have it keeps its own.
pub(in crate::preview) async fn give_name(engine: &SharedEngine, preview: &PreviewId, container: &str) {
    if let Err(error) = engine.rename(container, &name(preview)).await {
        tracing::warn!(%preview, error = %error, "a container could not be renamed");
    }
}

/// Takes its preview's name from a container.
pub(in crate::preview) async fn take_name(engine: &SharedEngine, preview: &PreviewId, container: &str) {
    if let Err(error) = engine.rename(container, &name_beside(&name(preview))).await {
        tracing::debug!(%preview, error = %error, "an old container keeps its name");
    }
}

/// Returns a name beside that of a preview's container.
fn name_beside(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4().simple())
}
