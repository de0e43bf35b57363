//! What happens to a preview's commits, as a stream that can be read on.
//!
//! Commits are read from git, which is the log of events; only the stages beyond come from the publisher. A watcher costs
//! a cursor and a place in a bounded channel: one that is too slow for the stages still gets every commit, and the
//! newest stage.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::stream::BoxStream;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{decide::phase_of, ids::CommitId},
    preview::{
        api::{Goodbye, PreviewView, WatchItem},
        handle::Handle,
    },
    vfs::{CommitInfo, History, Vfs, VfsError},
};

/// How many commits are read at once.
const COMMITS: usize = 10_000;
/// How many changed paths one event names.
const PATHS: usize = 1_000;

/// Returns the stream of one watcher.
pub fn watch_reloads(
    handle: Arc<Handle>,
    vfs: Vfs,
    after: Option<CommitId>,
    heartbeat: Duration,
    shutdown: CancellationToken,
) -> BoxStream<'static, WatchItem> {
    Box::pin(stream! {
        // Register, then read the history, then stream: nothing falls between.
        let (mut stages, told, newest) = handle.publisher.subscribe();
        let mut status = handle.status();
        let mut given = status.borrow().memory_given;
        let spec = handle.spec();
        let mut follower = vfs.follow(&spec.project, &spec.branch);
        let mut watcher = Watcher { handle: handle.clone(), vfs, cursor: None };

        let hello = watcher.view().await;
        let head = hello.head.clone();
        yield WatchItem::Hello(Box::new(hello));
        let resumed = after.is_some();
        watcher.cursor = after.or(head);
        if resumed {
            // What the newest of the missed commits came to while nobody watched.
            let mut reached = None;
            for missed in watcher.missed().await {
                if matches!(&missed, Missed::Commit(it) if newest.as_ref().is_some_and(|event| event.commit == it.commit)) {
                    reached.clone_from(&newest);
                }
                yield watcher.announce(missed).await;
            }
            if let Some(event) = reached {
                yield WatchItem::Stage(event);
            }
        }
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + heartbeat, heartbeat);
        loop {
            let (phase, memory) = {
                let status = status.borrow_and_update();
                (phase_of(&status), status.memory_given)
            };
            if !phase.is_live() {
                yield WatchItem::Goodbye(handle.goodbye());
                return;
            }
            if memory != given {
                given = memory;
                if let Some((before, after)) = memory {
                    yield WatchItem::MemoryGiven { before, after };
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    yield WatchItem::Goodbye(Goodbye::ShuttingDown);
                    return;
                }
                _ = status.changed() => {}
                stage = stages.recv() => {
                    let event = match stage {
                        Ok((number, event)) if number > told => event,
                        Ok(_) => continue,
                        Err(broadcast::error::RecvError::Lagged(_)) => continue,
                        Err(broadcast::error::RecvError::Closed) => {
                            yield WatchItem::Goodbye(handle.goodbye());
                            return;
                        }
                    };
                    // A commit comes before its stages.
                    for missed in watcher.missed().await {
                        yield watcher.announce(missed).await;
                    }
                    yield WatchItem::Stage(event);
                }
                () = follower.changed() => {
                    for missed in watcher.missed().await {
                        yield watcher.announce(missed).await;
                    }
                }
                _ = beat.tick() => {
                    // A history that could not be read before is tried again.
                    for missed in watcher.missed().await {
                        yield watcher.announce(missed).await;
                    }
                    let view = watcher.view().await;
                    yield WatchItem::Heartbeat { head: view.head, applied: view.status.answering().cloned() };
                }
            }
        }
    })
}

struct Watcher {
    handle: Arc<Handle>,
    vfs: Vfs,
    // The last commit that was announced.
    cursor: Option<CommitId>,
}

/// What is to be announced.
enum Missed {
    Commit(CommitInfo),
    /// That what was missed cannot be told.
    All {
        head: CommitId,
        message: &'static str,
    },
}

impl Watcher {
    async fn view(&self) -> PreviewView {
        self.handle.view(&self.vfs).await
    }

    /// Returns what was committed since the cursor, oldest first.
    async fn missed(&self) -> Vec<Missed> {
        self.read_on().await.unwrap_or_else(|error| {
            // The next notice, or heartbeat, tries again.
            tracing::warn!(preview = %self.handle.id, error = %error, "the history could not be read");
            Vec::new()
        })
    }

    async fn read_on(&self) -> Result<Vec<Missed>, VfsError> {
        let spec = self.handle.spec();
        let Some(head) = self.vfs.head(&spec.project, &spec.branch).await? else { return Ok(Vec::new()) };
        if Some(&head) == self.cursor.as_ref() {
            return Ok(Vec::new());
        }
        Ok(match self.vfs.history(&spec.project, self.cursor.as_ref(), &head, COMMITS + 1).await? {
            History::Commits(commits) if commits.len() > COMMITS => {
                vec![Missed::All { head, message: "too many commits were missed" }]
            }
            History::Commits(commits) => commits.into_iter().map(Missed::Commit).collect(),
            History::Unrelated => vec![Missed::All { head, message: "the commit is not in the branch's history" }],
        })
    }

    /// Returns what is said of it, and moves the cursor there.
    async fn announce(&mut self, missed: Missed) -> WatchItem {
        match missed {
            Missed::Commit(commit) => {
                self.cursor = Some(commit.commit.clone());
                self.committed(commit).await
            }
            Missed::All { head, message } => {
                self.cursor = Some(head.clone());
                let applied = self.handle.status().borrow().answering().cloned();
                WatchItem::Reset { head: Some(head), applied, message }
            }
        }
    }

    async fn committed(&self, commit: CommitInfo) -> WatchItem {
        let spec = self.handle.spec();
        match self.vfs.diff(&spec.project, commit.parent.clone(), &commit.commit).await {
            Ok(mut changed) => {
                let omitted = changed.len().saturating_sub(PATHS);
                changed.truncate(PATHS);
                WatchItem::Committed { commit, changed, omitted }
            }
            // As of a tree with paths that cannot be: the commit is told, and those that come after it.
            Err(error) => {
                tracing::warn!(preview = %self.handle.id, error = %error, "what a commit changed could not be read");
                WatchItem::Committed { commit, changed: Vec::new(), omitted: 1 }
            }
        }
    }
}
