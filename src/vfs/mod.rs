//! The versioned store of all projects: one bare git repository per project. Only this module names gix.
//!
//! What is on the disk is plain git, and other processes may clone, push, commit and collect garbage at any time; the
//! only state of our own is who follows which branch, and a cache that cannot be wrong. Everything that a caller is told
//! was written survives a power cut.

mod batch;
mod cache;
mod check;
mod commit;
mod edit;
mod error;
mod feed;
mod followers;
mod fsck;
mod history;
mod loose;
mod objects;
mod pack;
mod read;
mod refs;
mod repository;
mod tidy;
mod types;
mod watch;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gix::Repository;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;

use self::{cache::Cache, commit::Target, feed::Feed, followers::Followers};
pub use self::{
    error::VfsError,
    followers::HeadFollower,
    types::{Change, CommitInfo, Committed, FileWrite, History, Scope},
};
use crate::domain::{
    ids::{BranchName, CommitId, ProjectId},
    tree::{ChangedPath, Tree},
};

/// How many pieces of work may be at the disk at once.
const MAX_WORK: usize = 16;
/// From this many projects on, the locks that nobody holds are dropped.
const MAX_IDLE_LOCKS: usize = 256;

/// How the store is set up.
#[derive(Debug, Clone)]
pub struct VfsOptions {
    /// The folder of the repositories.
    pub root: PathBuf,
    /// How often branches that are followed are looked at, at most every 10 ms.
    pub poll_interval: Duration,
    /// Whether inotify is used to see commits by other processes at once.
    pub inotify: bool,
}

/// The versioned store. A clone is the same store.
#[derive(Clone)]
pub struct Vfs {
    inner: Arc<Inner>,
}

struct Inner {
    options: VfsOptions,
    cache: Cache,
    followers: Arc<Followers>,
    locks: Mutex<HashMap<ProjectId, Weak<AsyncMutex<()>>>>,
    permits: Arc<Semaphore>,
    /// When each project was committed to last, until it is tidied.
    committed: Mutex<HashMap<ProjectId, Instant>>,
}

impl Vfs {
    /// Opens the store and makes its folder where there is none.
    ///
    /// # Errors
    /// `Failed` when the folder cannot be made or read.
    pub fn open(mut options: VfsOptions) -> Result<Self, VfsError> {
        let failed = || VfsError::failed("open the store");
        fs::create_dir_all(&options.root).map_err(failed())?;
        options.root = options.root.canonicalize().map_err(failed())?;
        repository::remove_unfinished(&options.root).map_err(failed())?;
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                cache: Cache::default(),
                followers: Arc::default(),
                locks: Mutex::default(),
                permits: Arc::new(Semaphore::new(MAX_WORK)),
                committed: Mutex::default(),
            }),
        })
    }

    /// Watches for commits by other processes until the token is cancelled. Everything else works without it.
    ///
    /// Where inotify cannot be used, which the log says, commits are seen by the poll. With nobody following it costs
    /// nothing.
    ///
    /// # Errors
    /// `Failed` when the task that looks at the disk died; it may be run again.
    pub async fn run_feed(self, token: CancellationToken) -> Result<(), VfsError> {
        let VfsOptions { root, poll_interval, inotify } = self.inner.options.clone();
        Feed { root, poll_interval, inotify, followers: self.inner.followers.clone() }.run(token).await
    }

    /// Commits a change to a branch, making the project and the branch where they do not exist. When it returns, the
    /// commit survives a power cut, and followers have been told.
    ///
    /// A change that changes nothing answers with the head. Commits to one project are made one after the other; one
    /// that loses to another process begins again on the new head, for up to 5 s, unless it expected another head.
    ///
    /// # Errors
    /// `Invalid` with all that is wrong; `StaleHead`; `NoFiles` when nothing would be on the branch; `BranchExists` when
    /// a branch is there whose name is the beginning of this one, or the other way round; `UnusableTree` when the head
    /// cannot be built upon; `Busy`. Nothing has changed then.
    ///
    /// # Cancel safety
    /// A commit that has begun is finished and announced.
    pub async fn commit(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        change: Change,
    ) -> Result<Committed, VfsError> {
        self.write(project, branch, move |target| target.commit(&change)).await
    }

    /// Makes a new commit on a branch with the tree of an older commit of the project.
    ///
    /// Where that is the head's tree, it answers with the head.
    ///
    /// # Errors
    /// `ProjectNotFound`, `BranchNotFound`, `CommitNotFound`, `Invalid` (the message), `StaleHead`, `UnusableTree`,
    /// `Busy`. Nothing has changed then.
    pub async fn rollback(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        to: &CommitId,
        message: Option<String>,
        expected_head: Option<CommitId>,
    ) -> Result<Committed, VfsError> {
        let to = to.clone();
        self.write(project, branch, move |target| target.rollback(&to, message.as_deref(), expected_head.as_ref()))
            .await
    }

    /// Makes a branch at a commit (`None`: the head of `main`) and returns where it is. One that is there already is
    /// left as it is.
    ///
    /// # Errors
    /// `ProjectNotFound`; `BranchNotFound` (`main`); `CommitNotFound`; `BranchExists` when it is at another commit, or
    /// git cannot keep the name beside another branch's; `Busy`.
    pub async fn create_branch(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        at: Option<&CommitId>,
    ) -> Result<CommitId, VfsError> {
        let at = at.cloned();
        self.write(project, branch, move |target| target.create_branch(at.as_ref())).await
    }

    /// Returns the head of a branch; `None` where there is no such project or branch.
    ///
    /// # Errors
    /// `Failed`.
    pub async fn head(&self, project: &ProjectId, branch: &BranchName) -> Result<Option<CommitId>, VfsError> {
        let (git_dir, branch) = (repository::git_dir(&self.inner.options.root, project), branch.clone());
        self.blocking(move |_| {
            if !repository::exists(&git_dir) {
                return Ok(None);
            }
            refs::head(&git_dir, &branch)?.id.map(repository::commit_id).transpose()
        })
        .await
    }

    /// Returns every file of a commit, without submodules.
    ///
    /// # Errors
    /// `ProjectNotFound`, `CommitNotFound`; `UnusableTree` where another process committed paths that break the rules of
    /// [`FilePath`](crate::domain::ids::FilePath), more than 20,000 files or folders, or a file beyond 10 MiB.
    pub async fn tree(&self, project: &ProjectId, commit: &CommitId) -> Result<Tree, VfsError> {
        let commit = commit.clone();
        self.reading(project, move |repository, inner| read::tree(repository, &inner.cache, &commit)).await
    }

    /// Returns the contents of files by their ids in a [`Tree`], in the order of the ids, all in memory: ask for as many
    /// at a time as may be there at once.
    ///
    /// # Errors
    /// `ProjectNotFound`, `BlobNotFound`, `UnusableTree` for one beyond 10 MiB.
    pub async fn read(&self, project: &ProjectId, blobs: Vec<String>) -> Result<Vec<Bytes>, VfsError> {
        self.reading(project, move |repository, _| read::blobs(repository, &blobs)).await
    }

    /// Returns the files that differ between two commits, ordered bytewise, without submodules and without guessing at
    /// renames. With no `from` every file is new.
    ///
    /// # Errors
    /// `ProjectNotFound`, `CommitNotFound`, `UnusableTree` where what differs is unusable.
    pub async fn diff(
        &self,
        project: &ProjectId,
        from: Option<CommitId>,
        to: &CommitId,
    ) -> Result<Vec<ChangedPath>, VfsError> {
        let to = to.clone();
        self.reading(project, move |repository, _| read::diff(repository, from.as_ref(), &to)).await
    }

    /// Returns a commit without its tree.
    ///
    /// # Errors
    /// `ProjectNotFound`, `CommitNotFound`.
    pub async fn commit_info(&self, project: &ProjectId, commit: &CommitId) -> Result<CommitInfo, VfsError> {
        let commit = commit.clone();
        self.reading(project, move |repository, _| history::info(repository, &commit)).await
    }

    /// Returns the commits along the first parents of `head` that are not in the history of `after` (`None`: all),
    /// oldest first; where there are more than `limit`, the newest `limit`.
    ///
    /// # Errors
    /// `ProjectNotFound`. A `head` that does not exist has no commits.
    pub async fn history(
        &self,
        project: &ProjectId,
        after: Option<&CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<History, VfsError> {
        let (after, head) = (after.cloned(), head.clone());
        self.reading(project, move |repository, _| history::between(repository, after.as_ref(), &head, limit)).await
    }

    /// Returns whether one commit is an ancestor of the other. A commit is its own ancestor; one that does not exist is
    /// nobody's.
    ///
    /// # Errors
    /// `ProjectNotFound`.
    pub async fn is_ancestor(
        &self,
        project: &ProjectId,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> Result<bool, VfsError> {
        let (ancestor, descendant) = (ancestor.clone(), descendant.clone());
        self.reading(project, move |repository, _| history::is_ancestor(repository, &ancestor, &descendant)).await
    }

    /// Returns at most `limit` commits of a branch along first parents, newest first, beginning with `from` itself
    /// (`None`: the head).
    ///
    /// # Errors
    /// `ProjectNotFound`, `BranchNotFound`, `CommitNotFound`.
    pub async fn log(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        from: Option<&CommitId>,
        limit: usize,
    ) -> Result<Vec<CommitInfo>, VfsError> {
        let (project_id, branch, from) = (project.clone(), branch.clone(), from.cloned());
        self.reading(project, move |repository, _| {
            let head = refs::head(repository.git_dir(), &branch)?.id;
            let head = head.ok_or(VfsError::BranchNotFound { project: project_id, branch })?;
            let from = from.map_or_else(|| repository::commit_id(head), Ok)?;
            repository::tree_of(repository, &from)?;
            history::log(repository, &from, limit)
        })
        .await
    }

    /// Returns at most `limit` branches ordered by name, beginning behind `after`, with their heads.
    ///
    /// # Errors
    /// `ProjectNotFound`.
    pub async fn branches(
        &self,
        project: &ProjectId,
        after: Option<&BranchName>,
        limit: usize,
    ) -> Result<Vec<(BranchName, CommitId)>, VfsError> {
        let after = after.cloned();
        self.reading(project, move |repository, _| {
            let branches = refs::list(repository.git_dir())?.into_iter();
            let behind = branches.filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
            behind.take(limit).map(|(name, id)| Ok((name, repository::commit_id(id)?))).collect()
        })
        .await
    }

    /// Begins to follow a branch, which need not exist, nor the project.
    pub fn follow(&self, project: &ProjectId, branch: &BranchName) -> HeadFollower {
        self.inner.followers.follow(project, branch)
    }

    async fn write<T: Send + 'static>(
        &self,
        project: &ProjectId,
        branch: &BranchName,
        work: impl FnOnce(&Target<'_>) -> Result<T, VfsError> + Send + 'static,
    ) -> Result<T, VfsError> {
        self.note_commit(project);
        let lock = self.lock(project).await;
        let (project, branch) = (project.clone(), branch.clone());
        self.blocking(move |inner| {
            let _lock = lock;
            let (root, cache) = (&inner.options.root, &inner.cache);
            let done = work(&Target { root, cache, project: &project, branch: &branch })?;
            inner.followers.hint(&project, &branch);
            Ok(done)
        })
        .await
    }

    async fn lock(&self, project: &ProjectId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.inner.locks.lock();
            if locks.len() >= MAX_IDLE_LOCKS {
                locks.retain(|_, lock| lock.strong_count() > 0);
            }
            let lock = locks.get(project).and_then(Weak::upgrade).unwrap_or_default();
            locks.insert(project.clone(), Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }

    async fn reading<T: Send + 'static>(
        &self,
        project: &ProjectId,
        work: impl FnOnce(&Repository, &Inner) -> Result<T, VfsError> + Send + 'static,
    ) -> Result<T, VfsError> {
        let project = project.clone();
        self.blocking(move |inner| work(&repository::open(&inner.options.root, &project)?, inner)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, VfsError> + Send + 'static,
    ) -> Result<T, VfsError> {
        let run = "run work at the disk";
        let permit = self.inner.permits.clone().acquire_owned().await.map_err(VfsError::failed(run))?;
        let inner = self.inner.clone();
        let work = move || {
            let _permit = permit;
            work(&inner)
        };
        tokio::task::spawn_blocking(work).await.map_err(VfsError::failed(run))?
    }
}
