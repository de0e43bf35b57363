//! What happens once, at the start: the specs on disk say what should be, the engine says what is.
//!
//! Previews that live go on with their container if it still answers, under the same id and URL. Those that ended, or
//! whose time was up while the service was away, are removed. Containers of this instance that belong to nobody go.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    domain::{
        decide::phase_of,
        spec::{EndReason, Phase, PreviewSpec, Stack},
    },
    engine::{Container, EngineError, LABEL_KEPT, LABEL_LIFE, LABEL_ROLE, ROLE_PREVIEW},
    preview::{
        driver::Found,
        face::route::Route,
        handle::Handle,
        manager::Manager,
        store::{Loaded, StoreError, is_forgotten},
        unit::{claims::claims, container::Unclaimed},
    },
};

/// How long the engine has to list its containers, however late it is.
const LISTING: Duration = Duration::from_secs(1);

/// What the start has left to do: it is for [`remove_leftovers`].
pub struct Leftovers {
    /// Whether the engine could be asked. If not, drivers look for their containers when it is back.
    asked: bool,
    /// The previews that are driven.
    taken: Vec<Arc<Handle>>,
    /// Those that could not be, whose containers stay for the next start.
    kept: Vec<PreviewSpec>,
    /// Whether there may be others that cannot be read.
    unread: bool,
}

/// Takes over what an earlier life of the service left. Containers that run are asked for their app before this returns,
/// so that nobody is told of a phase that is not true. Returns at `deadline` at the latest, or a moment later: what takes
/// longer goes on by itself.
///
/// # Errors
/// When the specs cannot be read.
pub async fn take_over(manager: &Manager, deadline: Instant) -> Result<Leftovers, StoreError> {
    let Loaded { specs, unread } = manager.inner.core.store.load()?;
    let listing = timeout_at(deadline.max(Instant::now() + LISTING), manager.inner.core.engine.containers());
    let listed = listing.await.unwrap_or(Err(EngineError::Timeout("list the containers")));
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
    // First those whose address is free, so that one whose address is not takes none of theirs.
    let mut taken = Vec::new();
    let (mut portless, mut kept) = (Vec::new(), Vec::new());
    for spec in live {
        let found = found(&mut containers, &spec, asked);
        match manager.drive(spec.clone(), Some(&spec.address), found.clone()).await {
            Ok(handle) => taken.push(handle),
            Err(error) => {
                tracing::warn!(preview = %spec.id, url = spec.address.url, error = %error, "its address could not be taken again");
                portless.push((spec, found));
            }
        }
    }
    for (spec, found) in portless {
        // The URL is lost, and the preview is worth more.
        let lost = spec.clone();
        match manager.drive(spec, None, found).await {
            Ok(handle) => taken.push(handle),
            Err(error) => {
                // Its container stays too: the next start may have what this one lacks.
                tracing::error!(preview = %lost.id, error = %error, "the preview could not be taken over");
                kept.push(lost);
            }
        }
    }
    for handle in taken.iter().filter(|handle| handle.spec().expires_at <= now) {
        if let Err(error) = manager.end(handle, EndReason::Expired).await {
            tracing::error!(preview = %handle.id, error = %error, "an expired preview could not be ended");
        }
    }
    let unclaimed = containers.into_iter().filter(|it| !is_kept(it, unread));
    unclaimed.for_each(|container| remove(manager, container));
    let _ = timeout_at(deadline, looked_at(&taken)).await;
    Ok(Leftovers { asked, taken, kept, unread })
}

/// Returns once it is known of previews whether their containers go on.
async fn looked_at(previews: &[Arc<Handle>]) {
    for handle in previews {
        let mut status = handle.status();
        let _ = status.wait_for(|status| phase_of(status) != Phase::Pending).await;
    }
}

/// Removes what an earlier life of the service has left and no preview has, once the engine can be asked.
pub async fn remove_leftovers(manager: &Manager, leftovers: &Leftovers) {
    if !leftovers.asked {
        remove_containers(manager, leftovers).await;
    }
    looked_at(&leftovers.taken).await;
    manager.inner.core.images.release_leftovers().await;
}

async fn remove_containers(manager: &Manager, leftovers: &Leftovers) {
    let mut available = manager.engine_available();
    if available.wait_for(|available| *available).await.is_err() {
        return;
    }
    let containers = loop {
        match manager.inner.core.engine.containers().await {
            Ok(containers) => break containers,
            Err(_) => sleep(LISTING).await,
        }
    };
    for container in containers {
        let of_this_life = container.labels.get(LABEL_LIFE) == Some(&manager.inner.core.settings.life);
        if of_this_life || is_kept(&container, leftovers.unread) {
            continue;
        }
        let is_claimed =
            |handle: &Arc<Handle>| claims(&handle.spec(), &container) && handle.status().borrow().is_live();
        let kept = leftovers.kept.iter().any(|spec| claims(spec, &container));
        if !kept && !manager.inner.registry.all().iter().any(is_claimed) {
            remove(manager, container);
        }
    }
}

fn found(containers: &mut Vec<Container>, spec: &PreviewSpec, asked: bool) -> Found {
    if !asked {
        return Found::Unknown;
    }
    let (own, others) = std::mem::take(containers).into_iter().partition(|container| claims(spec, container));
    *containers = others;
    Found::Containers(own)
}

async fn forget(manager: &Manager, spec: &PreviewSpec) {
    if let Err(error) = manager.inner.core.store.forget(&spec.id).await {
        tracing::warn!(preview = %spec.id, error = %error, "an old spec could not be forgotten");
    }
}

/// Keeps a record of a preview that has ended, for request ids and late callers.
fn remember(manager: &Manager, spec: PreviewSpec) {
    let limits = manager.inner.core.settings.limits(Stack::Static);
    let route = Route::new(spec.id.clone());
    manager.inner.registry.insert(Handle::new(spec, route, limits, &manager.inner.core.logs));
}

/// Returns whether a container is nobody's yet, and kept for whoever claims it; or may be that of a preview whose spec
/// cannot be read, as an older service may not read what a newer one has written.
fn is_kept(container: &Container, unread: bool) -> bool {
    let of_preview = container.labels.get(LABEL_ROLE).is_some_and(|role| role == ROLE_PREVIEW);
    container.labels.contains_key(LABEL_KEPT) || (unread && of_preview)
}

/// Removes a container, however often it takes; nobody waits for it.
fn remove(manager: &Manager, container: Container) {
    tracing::info!(container = container.name, "removing a container that belongs to no preview");
    drop(Unclaimed::new(manager.inner.core.engine.clone(), container.id));
}
