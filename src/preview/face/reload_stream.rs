//! What happens to a preview's commits, as a stream that can be read on.
//!
//! Commits are read from git, which is the log of events; only the stages beyond come from the publisher. Both are read and
//! made once for all watchers ([`super::chronicle`]). A watcher costs a cursor and a place in a bounded channel: one that is
//! too slow still gets every commit, and the newest stage.

use std::sync::Arc;

use async_stream::stream;
use futures_util::stream::BoxStream;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    domain::{decide::phase_of, events::StageEvent, ids::CommitId},
    preview::{
        api::{Goodbye, Shared, WatchItem},
        face::chronicle::{
            Chronicle, Joined,
            pages::{Committed, Missed, News},
        },
        handle::Handle,
    },
};

/// Returns the stream of one watcher.
pub fn watch_reloads(
    handle: Arc<Handle>,
    chronicle: impl FnOnce(&Handle) -> Arc<Chronicle> + Send + 'static,
    after: Option<CommitId>,
) -> BoxStream<'static, WatchItem> {
    Box::pin(stream! {
        let chronicle = chronicle(&handle);
        // Registers and reads the history in one: nothing falls between.
        let Joined { mut news, head, missed, stage } = chronicle.join(after.as_ref()).await;
        let mut watcher = Watcher { handle, chronicle, cursor: None, stage: stage.clone() };
        // What could not be read is asked for with the next news, which a heartbeat is too.
        let mut behind = head.is_err();
        let hello = watcher.handle.view_with(head);
        watcher.cursor = after.clone().or_else(|| hello.head.clone());
        yield WatchItem::Hello(Box::new(hello));
        for commit in missed.commits() {
            yield watcher.announce(commit).await;
        }
        // What the newest of the missed commits came to while nobody watched.
        if let Some(event) = stage.filter(|it| missed.commits().iter().any(|missed| *missed.id() == it.what.commit)) {
            yield watcher.stage(event).await;
        }
        if let Some(reset) = watcher.reset(missed) {
            yield reset;
        }
        loop {
            let came = match news.recv().await {
                Ok(_) if behind => Err(RecvError::Lagged(0)),
                came => came,
            };
            match came {
                Ok(News::Commits(missed)) => {
                    for commit in missed.commits() {
                        yield watcher.announce(commit).await;
                    }
                    if let Some(reset) = watcher.reset(missed) {
                        yield reset;
                    }
                }
                Ok(News::Item(item)) => {
                    if let WatchItem::Stage(event, _) = &item {
                        watcher.stage = Some(event.clone());
                    }
                    yield item;
                }
                // It was too slow.
                Err(RecvError::Lagged(_)) => {
                    let joined = watcher.chronicle.join(watcher.cursor.as_ref()).await;
                    (news, behind) = (joined.news, joined.head.is_err());
                    for commit in joined.missed.commits() {
                        yield watcher.announce(commit).await;
                    }
                    if let Some(reset) = watcher.reset(joined.missed) {
                        yield reset;
                    }
                    if let Some(event) = joined.stage.filter(|it| watcher.is_new(it)) {
                        yield watcher.stage(event).await;
                    }
                }
                Err(RecvError::Closed) => {
                    yield WatchItem::Goodbye(watcher.goodbye());
                    return;
                }
            }
        }
    })
}

struct Watcher {
    handle: Arc<Handle>,
    chronicle: Arc<Chronicle>,
    // The last commit that was announced.
    cursor: Option<CommitId>,
    // The last stage that was told, or need not be.
    stage: Option<Arc<Shared<StageEvent>>>,
}

impl Watcher {
    /// Returns what is said of a commit, and moves the cursor there.
    async fn announce(&mut self, commit: &Committed) -> WatchItem {
        self.cursor = Some(commit.id().clone());
        WatchItem::Committed(self.chronicle.told(commit).await)
    }

    /// Returns what is said where commits cannot be told, and moves the cursor to the head.
    fn reset(&mut self, missed: Missed) -> Option<WatchItem> {
        let Missed::Unknown(head, message) = missed else { return None };
        self.cursor = Some(head.clone());
        let applied = self.handle.status().borrow().answering().cloned();
        Some(WatchItem::Reset { head: Some(head), applied, message })
    }

    async fn stage(&mut self, event: Arc<Shared<StageEvent>>) -> WatchItem {
        self.stage = Some(event.clone());
        self.chronicle.stage(event).await
    }

    fn goodbye(&self) -> Goodbye {
        let live = phase_of(&self.handle.status().borrow()).is_live();
        if live { Goodbye::ShuttingDown } else { self.handle.goodbye() }
    }

    fn is_new(&self, event: &Arc<Shared<StageEvent>>) -> bool {
        self.stage.as_ref().is_none_or(|told| !Arc::ptr_eq(told, event))
    }
}
