//! What happens once, at the start: the specs on disk say what should be, the engine says what is.
//!
//! Previews that live go on with their container if it still answers, under the same id and URL. Those that ended, or
//! whose time was up while the service was away, are removed. Containers of this instance that belong to nobody go.

use std::time::{Duration, SystemTime};

use crate::{
    domain::{
        ids::{CONTAINER_PREFIX, PreviewId},
        spec::{EndReason, Phase, PreviewSpec, Stack},
    },
    engine::Container,
    preview::{
        api::Target,
        driver::Found,
        handle::Handle,
        manager::Manager,
        route::Route,
        store::{StoreError, is_forgotten},
    },
};

/// How long the start of the service waits for what it takes over. What takes longer goes on by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes over what an earlier life of the service left. Containers that run are asked for their app before this returns,
/// so that nobody is told of a phase that is not true. Returns whether the engine could be asked; if not, drivers look
/// for their containers when it is back, and [`remove_leftovers`] has to be run.
///
/// # Errors
/// When the specs cannot be read.
pub async fn take_over(manager: &Manager) -> Result<bool, StoreError> {
    let specs = manager.inner.store.load()?;
    let listed = manager.inner.core.engine.containers().await;
    let asked = listed.is_ok();
    if let Err(error) = &listed {
        tracing::warn!(error = %error, "the containers could not be listed at the start");
    }
    let mut containers = listed.unwrap_or_default();
    let now = SystemTime::now();
    let mut live = Vec::new();
    for spec in specs {
        if is_forgotten(&spec, now) {
            forget(manager, &spec).await;
        } else if spec.ended.is_some() {
            remember(manager, spec);
        } else {
            live.push(spec);
        }
    }
    // First those whose port is free, so that one whose port is not takes none of theirs.
    let mut taken = Vec::new();
    let mut portless = Vec::new();
    for spec in live {
        let found = found(&mut containers, &spec, asked);
        let port = Some(spec.port).filter(|port| *port != 0);
        match manager.drive(spec.clone(), port, found.clone()).await {
            Ok(handle) => taken.push(handle),
            Err(error) => {
                tracing::warn!(preview = %spec.id, port = spec.port, error = %error, "the port could not be taken again");
                portless.push((spec, found));
            }
        }
    }
    for (spec, found) in portless {
        // The URL is lost, and the preview is worth more.
        let id = spec.id.clone();
        match manager.drive(spec, None, found).await {
            Ok(handle) => taken.push(handle),
            Err(error) => {
                // Its container stays too: the next start may have what this one lacks.
                tracing::error!(preview = %id, error = %error, "the preview could not be taken over");
            }
        }
    }
    for handle in taken.iter().filter(|handle| handle.spec().expires_at <= now) {
        if let Err(error) = manager.end(handle, EndReason::Expired).await {
            tracing::error!(preview = %handle.id, error = %error, "an expired preview could not be ended");
        }
    }
    for container in containers {
        remove(manager, &container).await;
    }
    let looked_at = async {
        for handle in &taken {
            let mut status = handle.status();
            let _ = status.wait_for(|status| status.phase != Phase::Pending).await;
        }
        manager.inner.core.images.release_leftovers().await;
    };
    let _ = tokio::time::timeout(PATIENCE, looked_at).await;
    Ok(asked)
}

/// Removes the containers of previews that are no more, once the engine can be asked.
pub async fn remove_leftovers(manager: &Manager) {
    let mut available = manager.engine_available();
    if available.wait_for(|available| *available).await.is_err() {
        return;
    }
    // An engine that has gone again is looked at by the next start.
    for container in manager.inner.core.engine.containers().await.unwrap_or_default() {
        let id = container.name.strip_prefix(CONTAINER_PREFIX).map(|rest| rest.split('-').next().unwrap_or_default());
        let Some(Ok(id)) = id.map(str::parse::<PreviewId>) else { continue };
        let handle = manager.inner.registry.find(&Target::Preview(id));
        if handle.is_none_or(|handle| !handle.status().borrow().phase.is_live()) {
            remove(manager, &container).await;
        }
    }
}

fn found(containers: &mut Vec<Container>, spec: &PreviewSpec, asked: bool) -> Found {
    if !asked {
        return Found::Unknown;
    }
    let (own, others) = std::mem::take(containers).into_iter().partition(|container| spec.id.names(&container.name));
    *containers = others;
    Found::Containers(own)
}

async fn forget(manager: &Manager, spec: &PreviewSpec) {
    if let Err(error) = manager.inner.store.forget(&spec.id).await {
        tracing::warn!(preview = %spec.id, error = %error, "an old spec could not be forgotten");
    }
}

/// Keeps a record of a preview that has ended, for request ids and late callers.
fn remember(manager: &Manager, spec: PreviewSpec) {
    let limits = manager.inner.core.settings.limits(Stack::Static);
    let route = Route::new(spec.id.clone());
    manager.inner.registry.insert(Handle::new(spec, route, String::new(), limits));
}

async fn remove(manager: &Manager, container: &Container) {
    tracing::info!(container = container.name, "removing a container that belongs to no preview");
    if let Err(error) = manager.inner.core.engine.remove(&container.id).await {
        tracing::warn!(container = container.name, error = %error, "it could not be removed");
    }
}
