//! What a chronicle has read.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use tokio::sync::OnceCell;

use crate::{
    domain::{events::StageEvent, ids::CommitId},
    preview::api::{CommitTold, Shared, WatchItem},
    vfs::{CommitInfo, HeadFollower},
};

/// How many of the newest commits are kept, with what they changed.
pub(super) const RECENT: usize = 64;
/// From how many places in the past it is known what came after them.
const PLACES: usize = 8;

/// What is handed out.
#[derive(Clone)]
pub enum News {
    /// Commits have come.
    Commits(Missed),
    /// This is told.
    Item(WatchItem),
}

/// What came after a commit.
#[derive(Clone)]
pub enum Missed {
    /// These, oldest first.
    Commits(Arc<[Arc<Committed>]>),
    /// It cannot be told, and why.
    Unknown(CommitId, &'static str),
}

/// A commit.
pub struct Committed {
    pub(super) commit: CommitInfo,
    /// What is told of it, for all; `None`: each makes it for itself, as there are too many to keep.
    pub(super) told: Option<OnceCell<Arc<Shared<CommitTold>>>>,
}

/// What was read, and handed out.
pub(super) struct Pages {
    pub(super) follower: HeadFollower,
    /// Whether something may have come that was not read.
    pub(super) stale: bool,
    /// Whether the head was read.
    pub(super) begun: bool,
    pub(super) head: Option<CommitId>,
    /// The newest commit that was told, or need not be: the head, unless the branch is away.
    pub(super) last: Option<CommitId>,
    /// The commits from `start` to the head.
    pub(super) recent: VecDeque<Arc<Committed>>,
    start: Option<CommitId>,
    places: VecDeque<Place>,
    pub(super) stage: Option<Arc<Shared<StageEvent>>>,
}

/// What came between two commits.
struct Place {
    after: CommitId,
    head: CommitId,
    came: Came,
}

enum Came {
    /// For as long as somebody is being told of them: they can be many.
    Commits(Weak<[Arc<Committed>]>),
    Unknown(&'static str),
}

impl Missed {
    /// Returns that nothing came.
    pub(super) fn none() -> Self {
        Self::Commits(Arc::default())
    }

    /// Returns the commits that can be told.
    pub fn commits(&self) -> &[Arc<Committed>] {
        if let Self::Commits(commits) = self { commits } else { &[] }
    }
}

impl Committed {
    /// Returns one; `kept` says whether there are few enough to keep what is told.
    pub(super) fn new(commit: CommitInfo, kept: bool) -> Arc<Self> {
        Arc::new(Self { commit, told: kept.then(OnceCell::new) })
    }

    /// Returns its id.
    pub fn id(&self) -> &CommitId {
        &self.commit.commit
    }
}

impl Pages {
    /// Returns those of which nothing was read.
    pub(super) fn new(follower: HeadFollower, stage: Option<Arc<Shared<StageEvent>>>) -> Self {
        Self {
            follower,
            stale: true,
            begun: false,
            head: None,
            last: None,
            recent: VecDeque::new(),
            start: None,
            places: VecDeque::new(),
            stage,
        }
    }

    /// Goes on to another head, with what came on the way there if that is known.
    pub(super) fn go_on(&mut self, missed: &Missed, head: Option<CommitId>) {
        if head.is_some() && head != self.last {
            let commits = missed.commits();
            if commits.is_empty() || commits.len() > RECENT {
                self.recent.clear();
                self.start.clone_from(&head);
            } else {
                self.recent.extend(commits.iter().cloned());
            }
            while self.recent.len() > RECENT {
                self.start = self.recent.pop_front().map(|it| it.id().clone());
            }
            self.last.clone_from(&head);
        }
        self.head = head;
    }

    /// Returns what came after one of the newest commits.
    pub(super) fn recent_after(&self, cursor: &CommitId) -> Option<Missed> {
        let from = if self.start.as_ref() == Some(cursor) {
            0
        } else {
            self.recent.iter().rposition(|it| it.id() == cursor)? + 1
        };
        Some(Missed::Commits(self.recent.range(from..).cloned().collect()))
    }

    /// Returns what came after a commit that somebody has asked for.
    pub(super) fn known(&self, cursor: &CommitId, head: &CommitId) -> Option<Missed> {
        let place = self.places.iter().find(|it| it.after == *cursor && it.head == *head)?;
        Some(match &place.came {
            Came::Commits(commits) => Missed::Commits(commits.upgrade()?),
            Came::Unknown(message) => Missed::Unknown(head.clone(), message),
        })
    }

    /// Notes what came after a commit, for others who ask.
    pub(super) fn note(&mut self, after: &CommitId, head: CommitId, missed: &Missed) {
        let came = match missed {
            Missed::Commits(commits) => Came::Commits(Arc::downgrade(commits)),
            Missed::Unknown(_, message) => Came::Unknown(message),
        };
        self.places.truncate(PLACES - 1);
        self.places.push_front(Place { after: after.clone(), head, came });
    }
}
