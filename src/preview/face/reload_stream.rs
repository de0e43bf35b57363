//! What happens to a preview's commits, as a stream that can be read on.
//!
//! Commits are read from git, which is the log of events; only the stages beyond come from the publisher. Both are read and
//! made once for all watchers ([`super::chronicle`]). A watcher costs a cursor and a place in a bounded row: one that is
//! too slow still gets every commit, and the newest stage.

use std::sync::Arc;

use async_stream::stream;
use futures_util::{Stream, stream::BoxStream};

use crate::{
    domain::{decide::phase_of, events::StageEvent, ids::CommitId},
    preview::{
        api::{Goodbye, Shared, WatchItem},
        face::chronicle::{
            Chronicle, Joined,
            board::Nothing,
            pages::{Missed, News},
        },
        handle::Handle,
    },
    vfs::VfsError,
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
        let Joined { mut news, head, problem, missed, stage } = chronicle.join(after.as_ref()).await;
        let mut watcher = Watcher { handle, chronicle, cursor: None, stage: stage.clone() };
        // What could not be read is asked for with the next news, which a heartbeat is too.
        let mut behind = watcher.is_behind(problem);
        let hello = watcher.handle.view_with(head);
        watcher.cursor = after.clone().or_else(|| hello.head.clone());
        yield WatchItem::Hello(Box::new(hello));
        // What the newest of the missed commits came to while nobody watched.
        let reached = stage.filter(|it| missed.commits().iter().any(|missed| *missed.id() == it.what.commit));
        for await item in watcher.tell(missed) {
            yield item;
        }
        if let Some(event) = reached {
            yield watcher.stage(event).await;
        }
        loop {
            match news.read().await {
                Err(Nothing::Closed) => {
                    yield WatchItem::Goodbye(watcher.goodbye());
                    return;
                }
                Ok(News::Commits(missed)) if !behind => {
                    for await item in watcher.tell(missed) {
                        yield item;
                    }
                }
                Ok(News::Item(item)) if !behind => {
                    watcher.note(&item);
                    yield item;
                }
                // It was too slow, or could not read before.
                late @ (Err(Nothing::Missed) | Ok(_)) => {
                    let joined = watcher.chronicle.join(watcher.cursor.as_ref()).await;
                    (news, behind) = (joined.news, watcher.is_behind(joined.problem));
                    watcher.cursor = watcher.cursor.take().or(joined.head);
                    for await item in watcher.tell(joined.missed) {
                        yield item;
                    }
                    if let Some(event) = joined.stage.filter(|it| watcher.is_new(it)) {
                        yield watcher.stage(event).await;
                    }
                    if let Ok(News::Item(item @ (WatchItem::Heartbeat(_) | WatchItem::MemoryGiven { .. }))) = late {
                        yield item;
                    }
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
    /// Says what was missed, and moves the cursor there.
    fn tell(&mut self, missed: Missed) -> impl Stream<Item = WatchItem> {
        stream! {
            for commit in missed.commits() {
                self.cursor = Some(commit.id().clone());
                yield WatchItem::Committed(self.chronicle.told(commit).await);
            }
            if let Missed::Unknown(head, message) = missed {
                self.cursor = Some(head.clone());
                let applied = self.handle.status().borrow().answering().cloned();
                yield WatchItem::Reset { head: Some(head), applied, message };
            }
        }
    }

    /// Notes what was made for all.
    fn note(&mut self, item: &WatchItem) {
        if let WatchItem::Stage(event, _) = item {
            self.stage = Some(event.clone());
        }
    }

    async fn stage(&mut self, event: Arc<Shared<StageEvent>>) -> WatchItem {
        self.stage = Some(event.clone());
        self.chronicle.stage(event).await
    }

    fn goodbye(&self) -> Goodbye {
        let live = phase_of(&self.handle.status().borrow()).is_live();
        if live { Goodbye::ShuttingDown } else { self.handle.goodbye() }
    }

    fn is_behind(&self, problem: Option<VfsError>) -> bool {
        if let Some(error) = &problem {
            tracing::warn!(preview = %self.handle.id, error = %error, "the history could not be read");
        }
        problem.is_some()
    }

    fn is_new(&self, event: &Arc<Shared<StageEvent>>) -> bool {
        self.stage.as_ref().is_none_or(|told| !Arc::ptr_eq(told, event))
    }
}
