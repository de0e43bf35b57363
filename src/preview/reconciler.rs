//! What happens once, at the start: the specs on disk say what should be, the engine says what is.
//!
//! Previews that live go on with their container if it still answers, under the same id and URL. Those that ended, or
//! whose time was up while the service was away, are removed. Containers of this instance that belong to nobody go.

use std::collections::BTreeMap;

use crate::{
    domain::spec::{EndReason, PreviewSpec, Stack},
    engine::{Container, EngineError},
    preview::{
        handle::Handle,
        manager::Manager,
        route::Route,
        store::{StoreError, is_forgotten},
    },
};

use std::time::SystemTime;

/// Takes over what an earlier life of the service left.
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
    for spec in specs {
        let name = spec.id.container_name();
        let found = containers.remove(&name);
        take_over_one(manager, spec, found).await;
    }
    for (name, container) in containers {
        tracing::info!(container = name, "removing a container that belongs to no preview");
        if let Err(error) = manager.inner.core.engine.remove(&container.id).await {
            tracing::warn!(container = name, error = %error, "it could not be removed");
        }
    }
    Ok(())
}

async fn containers(manager: &Manager) -> Result<BTreeMap<String, Container>, EngineError> {
    let containers = manager.inner.core.engine.containers().await?;
    Ok(containers.into_iter().map(|container| (container.name.clone(), container)).collect())
}

async fn take_over_one(manager: &Manager, spec: PreviewSpec, found: Option<Container>) {
    let now = SystemTime::now();
    if is_forgotten(&spec, now) {
        if let Err(error) = manager.inner.store.forget(&spec.id).await {
            tracing::warn!(preview = %spec.id, error = %error, "an old spec could not be forgotten");
        }
        return;
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
        return;
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
    match driven {
        Ok(handle) if expired => {
            if let Err(error) = manager.end(&handle, EndReason::Expired).await {
                tracing::error!(preview = %id, error = %error, "an expired preview could not be ended");
            }
        }
        Ok(_) => {}
        Err(error) => tracing::error!(preview = %id, error = %error, "the preview could not be taken over"),
    }
}
