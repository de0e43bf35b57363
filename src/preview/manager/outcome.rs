//! What comes of what a call has asked for.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    domain::{
        failure::FailureStage,
        ids::CommitId,
        spec::{PreviewSpec, ReloadMode},
        status::{Ending, PreviewStatus},
    },
    preview::{api::Wait, driver::BROKEN, handle::Handle},
    vfs::Vfs,
};

/// How long `delete` waits for an engine that is away before it answers with what is true: STOPPING.
const DELETE_PATIENCE: Duration = Duration::from_secs(30);

/// What a call has asked for, once that is recorded. Whoever does not wait for what comes of it loses nothing.
pub struct Asked {
    pub(super) handle: Arc<Handle>,
    comes: Comes,
}

/// When what was asked for has come to an end.
enum Comes {
    /// With its record.
    Recorded,
    /// With that request to apply, and that commit or a newer one.
    Settled(u64, CommitId),
    /// With whatever comes to an end first.
    First,
    /// With the preview, or while the engine is away, at once.
    Stopped,
}

impl Asked {
    pub(super) fn settled(handle: Arc<Handle>, wait: Wait, number: u64, commit: CommitId) -> Self {
        let comes = if wait == Wait::Ready { Comes::Settled(number, commit) } else { Comes::Recorded };
        Self { handle, comes }
    }

    pub(super) fn first(handle: Arc<Handle>, wait: Wait) -> Self {
        Self { handle, comes: if wait == Wait::Ready { Comes::First } else { Comes::Recorded } }
    }

    pub(super) fn stopped(handle: Arc<Handle>) -> Self {
        Self { handle, comes: Comes::Stopped }
    }

    /// Returns once it has come to an end. Of whether the engine is there, `available` tells.
    pub(super) async fn has_ended(&self, vfs: &Vfs, available: watch::Receiver<bool>) {
        match &self.comes {
            Comes::Recorded => {}
            Comes::Settled(number, commit) => settled(vfs, &self.handle, *number, commit).await,
            Comes::First => first_answer(&self.handle).await,
            Comes::Stopped => removed(&self.handle, available).await,
        }
    }
}

/// Returns once a request to apply, and a commit or a newer one, have come to an end.
async fn settled(vfs: &Vfs, handle: &Handle, number: u64, commit: &CommitId) {
    let PreviewSpec { project, branch, reload, .. } = handle.spec();
    let manual = reload == ReloadMode::Manual;
    let mut status = handle.status();
    loop {
        let now = status.borrow_and_update().clone();
        if !now.is_live() || !is_driven(&now) {
            return;
        }
        if let Some(settled) = now.settled.filter(|_| now.apply_request >= number) {
            // In manual mode a commit that nobody asked to apply would never come to an end.
            if manual || settled == *commit {
                return;
            }
            match vfs.is_ancestor(&project, commit, &settled).await {
                // Where what has come to an end is the newest there is, the commit is on the branch no more.
                Ok(false) => match vfs.head(&project, &branch).await {
                    Ok(Some(head)) if head != settled => {}
                    _ => return,
                },
                // An unreadable history will not get better by waiting.
                Ok(true) | Err(_) => return,
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Returns once nothing is left of a preview whose end was asked for, or its engine is away.
async fn removed(handle: &Handle, mut available: watch::Receiver<bool>) {
    // It is told of as ending, at the least.
    let _ = tokio::time::timeout(DELETE_PATIENCE, stopping(handle)).await;
    // An engine that is away for longer is no reason to keep the caller.
    tokio::select! {
        () = stopped(handle) => {}
        _ = available.wait_for(|available| !available) => {}
        () = tokio::time::sleep(DELETE_PATIENCE) => {}
    }
}

/// Returns once a preview is about to be removed, and its port is free.
pub(super) async fn stopping(handle: &Handle) {
    let mut status = handle.status();
    let _ = status.wait_for(|status| !status.is_live()).await;
}

/// Returns once nothing is left of a preview.
pub(super) async fn stopped(handle: &Handle) {
    let mut status = handle.status();
    // The driver being gone is as good.
    let _ = status.wait_for(|status| status.ending == Ending::Over).await;
}

/// Returns once anything has come to an end.
async fn first_answer(handle: &Handle) {
    let mut status = handle.status();
    let done = |status: &PreviewStatus| status.settled.is_some() || !status.is_live() || !is_driven(status);
    let _ = status.wait_for(done).await;
}

/// Returns whether a driver sees to the preview: one that has panicked brings nothing to an end.
fn is_driven(status: &PreviewStatus) -> bool {
    status.failure.as_ref().is_none_or(|it| (it.stage, it.reason) != (FailureStage::Run, BROKEN))
}
