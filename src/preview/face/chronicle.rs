//! What becomes of a preview's commits, read and made once for all who watch.
//!
//! One task follows the branch, the stages and the preview's status, and hands out what there is to tell. All reading is
//! done under one lock, so that whoever joins knows up to which commit it has been told. The task is there for as long as
//! somebody watches.

pub(in crate::preview) mod board;
pub(in crate::preview) mod pages;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{Mutex, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    domain::{
        decide::phase_of,
        events::StageEvent,
        ids::{BranchName, CommitId, ProjectId},
        limits::MAX_CHANGED_PATHS,
        status::PreviewStatus,
    },
    preview::{
        api::{Beat, CommitTold, Shared, WatchItem},
        face::{
            chronicle::{
                board::{Board, Seat},
                pages::{Committed, Missed, News, Pages, RECENT},
            },
            publisher::Subscription,
        },
    },
    vfs::{CommitInfo, HeadFollower, History, Vfs, VfsError},
};

/// How many commits are told at once.
const COMMITS: usize = 10_000;

/// What a chronicle is made of.
pub struct Sources {
    /// Where commits are read.
    pub vfs: Vfs,
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchName,
    /// The stages of commits.
    pub stages: Subscription,
    /// What is observed of the preview.
    pub status: watch::Receiver<PreviewStatus>,
    /// How often a sign of life is given.
    pub heartbeat: Duration,
    /// Cancelled when the service ends.
    pub shutdown: CancellationToken,
}

/// What the watchers of one preview have in common. Its task ends with it.
pub struct Chronicle {
    reader: Arc<Reader>,
    task: AbortOnDropHandle<()>,
}

/// What one watcher begins, or goes on, with.
pub struct Joined {
    /// What comes from now on. It is closed when the preview ends, or the service.
    pub news: Seat<News>,
    /// The head that all that comes goes on from, as it was read last.
    pub head: Option<CommitId>,
    /// Why it may be another by now, or what was missed is not whole: to be joined again.
    pub problem: Option<VfsError>,
    /// What was missed up to there.
    pub missed: Missed,
    /// The newest stage that was handed out.
    pub stage: Option<Arc<Shared<StageEvent>>>,
}

struct Reader {
    vfs: Vfs,
    project: ProjectId,
    branch: BranchName,
    status: watch::Receiver<PreviewStatus>,
    board: Arc<Board<News>>,
    pages: Mutex<Pages>,
    /// Held while what came after a commit of long ago is read.
    reading: Mutex<()>,
}

impl Chronicle {
    /// Begins one.
    pub fn begin(sources: Sources) -> Self {
        let Sources { vfs, project, branch, stages, status, heartbeat, shutdown } = sources;
        let follower = vfs.follow(&project, &branch);
        let pages = Mutex::new(Pages::new(follower.clone(), stages.newest.clone()));
        let reader =
            Arc::new(Reader { vfs, project, branch, status, board: Board::new(), pages, reading: Mutex::default() });
        let run = reader.clone();
        let reading = AbortOnDropHandle::new(tokio::spawn(async move {
            shutdown.run_until_cancelled(run.run(stages, follower, heartbeat)).await;
        }));
        let board = reader.board.clone();
        let task = async move {
            let read = async {
                // However it ends, be it in a panic, nobody waits for more.
                let _ = reading.await;
                board.close();
            };
            tokio::join!(read, board.wake_readers());
        };
        Self { reader, task: AbortOnDropHandle::new(tokio::spawn(task)) }
    }

    /// Returns whether nothing more will be told.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Joins those who are told, after a commit or at the head.
    pub async fn join(&self, after: Option<&CommitId>) -> Joined {
        let mut unread = None;
        let mut joined = {
            let mut pages = self.reader.pages.lock().await;
            let problem = self.reader.look(&mut pages).await.err();
            // From here on all that comes goes on from this head.
            let (news, head) = (self.reader.board.join(), pages.head.clone());
            let missed = match after.zip(head.as_ref()) {
                Some((after, head)) if after != head => pages.recent_after(after).unwrap_or_else(|| {
                    unread = Some((after, head.clone()));
                    Missed::none()
                }),
                _ => Missed::none(),
            };
            Joined { news, head, problem, missed, stage: pages.stage.clone() }
        };
        if let Some((after, head)) = unread {
            match self.reader.missed(after, &head).await {
                Ok(missed) => joined.missed = missed,
                Err(error) => joined.problem = Some(error),
            }
        }
        joined
    }

    /// Returns what is told of a commit.
    pub async fn told(&self, committed: &Committed) -> Arc<Shared<CommitTold>> {
        self.reader.told(committed).await
    }

    /// Returns how a stage is told.
    pub async fn stage(&self, event: Arc<Shared<StageEvent>>) -> WatchItem {
        let pages = self.reader.pages.lock().await;
        self.reader.stage(&pages, event).await
    }
}

impl Reader {
    /// Hands out what there is to tell, until the preview has ended.
    async fn run(&self, mut stages: Subscription, mut follower: HeadFollower, heartbeat: Duration) {
        let mut status = self.status.clone();
        let mut given = status.borrow().memory_given;
        let mut beat = interval_at(Instant::now() + heartbeat, heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (phase, memory) = {
                let status = status.borrow_and_update();
                (phase_of(&status), status.memory_given)
            };
            if !phase.is_live() {
                return;
            }
            if memory != given {
                given = memory;
                if let Some((before, after)) = memory {
                    self.board.put_up(News::Item(WatchItem::MemoryGiven { before, after }));
                }
            }
            let (mut stage, mut beats) = (None, false);
            tokio::select! {
                biased;
                event = stages.next() => match event {
                    Some(event) => stage = Some(event),
                    None => return,
                },
                () = follower.changed() => {}
                changed = status.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                // A history that could not be read before is tried again.
                _ = beat.tick() => beats = true,
            }
            let mut pages = self.pages.lock().await;
            // A commit comes before its stages.
            if let Err(error) = self.look(&mut pages).await {
                // The next hint, or heartbeat, tries again.
                tracing::warn!(project = %self.project, error = %error, "the history could not be read");
            }
            if let Some(event) = stage {
                pages.stage = Some(event.clone());
                let item = self.stage(&pages, event).await;
                self.board.put_up(News::Item(item));
            }
            if beats {
                let beat = Beat { head: pages.head.clone(), applied: self.applied(), at: SystemTime::now() };
                self.board.put_up(News::Item(WatchItem::Heartbeat(Arc::new(Shared::new(beat)))));
            }
        }
    }

    /// Reads on where the branch may have moved, and hands out what is new.
    async fn look(&self, pages: &mut Pages) -> Result<(), VfsError> {
        if !(pages.follower.take_hint() || pages.stale) {
            return Ok(());
        }
        // Until it was read to its end, by whomever.
        pages.stale = true;
        let head = self.vfs.head(&self.project, &self.branch).await?;
        if head != pages.head || !pages.begun {
            // Where the branch was away, it is read on from where it was.
            let missed = match &head {
                Some(head) if pages.begun && pages.last.as_ref() != Some(head) => {
                    self.read(pages.last.as_ref(), head).await?
                }
                _ => Missed::none(),
            };
            if missed.commits().len() <= RECENT {
                for commit in missed.commits() {
                    self.told(commit).await;
                }
            }
            // From here on nothing is waited for: what was read is handed out.
            pages.begun = true;
            pages.go_on(&missed, head);
            self.board.put_up(News::Commits(missed));
        }
        pages.stale = false;
        Ok(())
    }

    /// Returns what came between a commit of long ago and a head. Who asks for the same waits for one who reads, and nobody
    /// else does.
    async fn missed(&self, after: &CommitId, head: &CommitId) -> Result<Missed, VfsError> {
        let _one = self.reading.lock().await;
        let known = self.pages.lock().await.known(after, head);
        if let Some(missed) = known {
            return Ok(missed);
        }
        let missed = self.read(Some(after), head).await?;
        self.pages.lock().await.note(after, head.clone(), &missed);
        Ok(missed)
    }

    async fn read(&self, after: Option<&CommitId>, head: &CommitId) -> Result<Missed, VfsError> {
        Ok(match self.vfs.history(&self.project, after, head, COMMITS + 1).await? {
            History::Commits(commits) if commits.len() <= COMMITS => {
                let kept = commits.len() <= RECENT;
                Missed::Commits(commits.into_iter().map(|it| Committed::new(it, kept)).collect())
            }
            History::Commits(_) => Missed::Unknown(head.clone(), "too many commits were missed"),
            History::Unrelated => Missed::Unknown(head.clone(), "the commit is not in the branch's history"),
        })
    }

    async fn told(&self, committed: &Committed) -> Arc<Shared<CommitTold>> {
        match &committed.told {
            Some(told) => match told.get_or_try_init(|| self.describe(&committed.commit)).await {
                Ok(told) => told.clone(),
                Err(told) => told,
            },
            None => self.describe(&committed.commit).await.unwrap_or_else(|told| told),
        }
    }

    /// Returns what is told of a commit; where what it changed cannot be read, that it changed something.
    async fn describe(&self, commit: &CommitInfo) -> Result<Arc<Shared<CommitTold>>, Arc<Shared<CommitTold>>> {
        let commit = commit.clone();
        match self.vfs.diff(&self.project, commit.parent.clone(), &commit.commit).await {
            Ok(mut changed) => {
                let omitted = changed.len().saturating_sub(MAX_CHANGED_PATHS);
                changed.truncate(MAX_CHANGED_PATHS);
                Ok(Arc::new(Shared::new(CommitTold { commit, changed, omitted })))
            }
            // As of a tree with paths that cannot be: the commit is told, and those that come after it.
            Err(error) => {
                tracing::warn!(project = %self.project, error = %error, "what a commit changed could not be read");
                Err(Arc::new(Shared::new(CommitTold { commit, changed: Vec::new(), omitted: 1 })))
            }
        }
    }

    /// Returns how a stage is told: with the first parent of its commit, as far as git answers, since a stream is worth more.
    async fn stage(&self, pages: &Pages, event: Arc<Shared<StageEvent>>) -> WatchItem {
        let commit = &event.what.commit;
        let parent = match pages.recent.iter().rfind(|it| it.id() == commit) {
            Some(recent) => recent.commit.parent.clone(),
            None => self.vfs.commit_info(&self.project, commit).await.ok().and_then(|it| it.parent),
        };
        WatchItem::Stage(event, parent)
    }

    fn applied(&self) -> Option<CommitId> {
        self.status.borrow().answering().cloned()
    }
}
