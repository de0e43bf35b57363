//! What happens once, at the start: the specs on disk say what should be, the engine says what is.
//!
//! Previews that live go on with their container if it still answers, under the same id and URL. Those that ended, or
//! whose time was up while the service was away, are removed. Containers of this instance that belong to nobody go.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    domain::spec::{EndReason, Phase, PreviewSpec, Stack},
    engine::{Container, EngineError},
    preview::{
        handle::Handle,
        manager::Manager,
        route::Route,
        store::{StoreError, is_forgotten},
    },
};

/// How long the start of the service waits for what it takes over. What takes longer goes on by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes over what an earlier life of the service left. Containers that run are asked for their app before this returns,
/// so that nobody is told of a phase that is not true.
///
/// # Errors
/// When the specs cannot be read. An engine that is away is no error: containers are found when it is back.
pub async fn take_over(manager: &Manager) -> Result<(), StoreError> {
    let specs = manager.inner.store.load()?;
    let mut containers = match containers(manager).await {
        Ok(containers) => containers,
        Err(error) => {
            tracing::warn!(error = %error, "the containers could not be listed at the start");
            BTreeMap::new()
        }
    };
    let mut taken = Vec::new();
    for spec in specs {
        let name = spec.id.container_name();
        let found = containers.remove(&name);
        let runs = found.is_some();
        taken.extend(take_over_one(manager, spec, found).await.filter(|_| runs));
    }
    for (name, container) in containers {
        tracing::info!(container = name, "removing a container that belongs to no preview");
        if let Err(error) = manager.inner.core.engine.remove(&container.id).await {
            tracing::warn!(container = name, error = %error, "it could not be removed");
        }
    }
    let looked_at = async {
        for handle in &taken {
            let mut status = handle.status();
            let _ = status.wait_for(|status| status.phase != Phase::Pending).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, looked_at).await;
    Ok(())
}

async fn containers(manager: &Manager) -> Result<BTreeMap<String, Container>, EngineError> {
    let containers = manager.inner.core.engine.containers().await?;
    Ok(containers.into_iter().map(|container| (container.name.clone(), container)).collect())
}

/// Returns the preview if it goes on.
async fn take_over_one(manager: &Manager, spec: PreviewSpec, found: Option<Container>) -> Option<Arc<Handle>> {
    let now = SystemTime::now();
    if is_forgotten(&spec, now) {
        if let Err(error) = manager.inner.store.forget(&spec.id).await {
            tracing::warn!(preview = %spec.id, error = %error, "an old spec could not be forgotten");
        }
        return None;
    }
    if spec.ended.is_some() {
        if let Some(container) = found
            && let Err(error) = manager.inner.core.engine.remove(&container.id).await
        {
            tracing::warn!(preview = %spec.id, error = %error, "an ended preview could not be removed");
        }
        // A record, for request ids and late callers.
        let limits = manager.inner.core.settings.limits(Stack::Static);
        let route = Route::new(spec.id.clone());
        manager.inner.registry.insert(Handle::new(spec, route, String::new(), limits));
        return None;
    }
    let id = spec.id.clone();
    let port = Some(spec.port).filter(|port| *port != 0);
    let expired = spec.expires_at <= now;
    // The URL is kept where it can be; where somebody has taken the port meanwhile, the preview is worth more.
    let driven = match manager.drive(spec.clone(), port, found.clone()).await {
        Ok(handle) => Ok(handle),
        Err(error) => {
            tracing::warn!(preview = %id, port = spec.port, error = %error, "the port could not be taken again");
            manager.drive(spec, None, found).await
        }
    };
    let handle = driven
        .inspect_err(|error| tracing::error!(preview = %id, error = %error, "the preview could not be taken over"))
        .ok()?;
    if !expired {
        return Some(handle);
    }
    if let Err(error) = manager.end(&handle, EndReason::Expired).await {
        tracing::error!(preview = %id, error = %error, "an expired preview could not be ended");
    }
    None
}
