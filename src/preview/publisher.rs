//! What happens to a preview's commits, for those who watch.
//!
//! Commits are read from git, which is the log of events; only the stages beyond are sent through here. A watcher costs
//! a cursor and a place in a bounded channel: one that is too slow for the stages still gets every commit, and the
//! newest stage.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::stream::BoxStream;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{events::StageEvent, ids::CommitId},
    preview::{
        api::{Goodbye, PreviewView, WatchItem},
        handle::Handle,
    },
    vfs::{CommitInfo, History, Vfs, VfsError},
};

/// How many stages a slow watcher may be behind.
const STAGES: usize = 128;
/// How many commits are read at once.
const COMMITS: usize = 10_000;
/// How many changed paths one event names.
const PATHS: usize = 1_000;

/// Where a driver says how far a commit has come.
#[derive(Debug)]
pub struct Publisher {
    stages: broadcast::Sender<StageEvent>,
    newest: watch::Sender<Option<StageEvent>>,
}

impl Publisher {
    /// Returns one that nobody follows.
    pub fn new() -> Self {
        Self { stages: broadcast::channel(STAGES).0, newest: watch::channel(None).0 }
    }

    /// Sends a stage to everyone who watches.
    pub fn publish(&self, event: StageEvent) {
        self.newest.send_replace(Some(event.clone()));
        // Nobody watching is no error.
        let _ = self.stages.send(event);
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

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
        let mut stages = handle.publisher.stages.subscribe();
        let newest = handle.publisher.newest.subscribe();
        let mut status = handle.status();
        let spec = handle.spec();
        let mut follower = vfs.follow(&spec.project, &spec.branch);
        let mut watcher = Watcher { handle: handle.clone(), vfs, cursor: None };

        let hello = watcher.view().await;
        let head = hello.head.clone();
        yield WatchItem::Hello(Box::new(hello));
        let resumed = after.is_some();
        let mut said = None;
        watcher.cursor = after.or(head);
        if resumed {
            let before = watcher.cursor.clone();
            for item in watcher.catch_up().await {
                yield item;
            }
            // What the newest commit came to while nobody watched; the stages until now are older, or that one.
            stages = stages.resubscribe();
            said = newest.borrow().clone();
            let reached = said.clone().filter(|event| Some(&event.commit) != before.as_ref());
            if let Some(event) = reached.filter(|event| Some(&event.commit) == watcher.cursor.as_ref()) {
                yield WatchItem::Stage(event);
            }
        }
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + heartbeat, heartbeat);
        loop {
            let goodbye = status.borrow_and_update().phase;
            if !goodbye.is_live() {
                yield WatchItem::Goodbye(Goodbye::Ended(handle.end_reason()));
                return;
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
                        Ok(event) => event,
                        Err(broadcast::error::RecvError::Lagged(_)) => continue,
                        Err(broadcast::error::RecvError::Closed) => {
                            yield WatchItem::Goodbye(Goodbye::Ended(handle.end_reason()));
                            return;
                        }
                    };
                    if said.take().is_some_and(|said| said == event) {
                        continue;
                    }
                    // A commit comes before its stages.
                    for item in watcher.catch_up().await {
                        yield item;
                    }
                    yield WatchItem::Stage(event);
                }
                () = follower.changed() => {
                    for item in watcher.catch_up().await {
                        yield item;
                    }
                }
                _ = beat.tick() => {
                    let view = watcher.view().await;
                    yield WatchItem::Heartbeat { head: view.head, applied: view.status.answering() };
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

impl Watcher {
    async fn view(&self) -> PreviewView {
        self.handle.view(&self.vfs).await
    }

    /// Returns what was committed since the cursor, and moves it to the head.
    async fn catch_up(&mut self) -> Vec<WatchItem> {
        match self.read_on().await {
            Ok(items) => items,
            Err(error) => {
                // The next notice, or heartbeat, tries again; the cursor has not moved.
                tracing::warn!(preview = %self.handle.id, error = %error, "the history could not be read");
                Vec::new()
            }
        }
    }

    async fn read_on(&mut self) -> Result<Vec<WatchItem>, VfsError> {
        let spec = self.handle.spec();
        let Some(head) = self.vfs.head(&spec.project, &spec.branch).await? else { return Ok(Vec::new()) };
        if Some(&head) == self.cursor.as_ref() {
            return Ok(Vec::new());
        }
        let history = self.vfs.history(&spec.project, self.cursor.as_ref(), &head, COMMITS + 1).await?;
        let items = match history {
            History::Commits(commits) if commits.len() > COMMITS => {
                vec![self.reset(&head, "too many commits were missed")]
            }
            History::Commits(commits) => {
                let mut items = Vec::with_capacity(commits.len());
                for commit in commits {
                    items.push(self.committed(commit).await?);
                }
                items
            }
            History::Unrelated => vec![self.reset(&head, "the commit is not in the branch's history")],
        };
        self.cursor = Some(head);
        Ok(items)
    }

    fn reset(&self, head: &CommitId, message: &'static str) -> WatchItem {
        let applied = self.handle.status().borrow().answering();
        WatchItem::Reset { head: Some(head.clone()), applied, message }
    }

    async fn committed(&self, commit: CommitInfo) -> Result<WatchItem, VfsError> {
        let spec = self.handle.spec();
        let mut changed = self.vfs.diff(&spec.project, commit.parent.clone(), &commit.commit).await?;
        let omitted = changed.len().saturating_sub(PATHS);
        changed.truncate(PATHS);
        Ok(WatchItem::Committed { commit, changed, omitted })
    }
}
