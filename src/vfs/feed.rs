//! The commit feed: those who follow a branch learn that it may have moved.
//!
//! Everything here is a hint. A follower that is told compares ids; one that is told too often loses nothing, and one
//! that is told twice at once is told once. What this process commits is announced by [`Followers::hint`] at once; what
//! other processes commit is seen by inotify ([`super::watch`]), and by the poll here where inotify is silent.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use gix::ObjectId;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    error::VfsError,
    followers::{Followers, Running},
    refs,
    repository::git_dir,
    watch::Watches,
};
use crate::domain::ids::{BranchName, ProjectId};

/// The shortest time between two polls.
const MIN_POLL: Duration = Duration::from_millis(10);

/// The task behind [`super::Vfs::run_feed`].
pub(super) struct Feed {
    pub root: PathBuf,
    pub poll_interval: Duration,
    pub inotify: bool,
    pub followers: Arc<Followers>,
}

impl Feed {
    /// Runs until the token is cancelled.
    pub async fn run(self, token: CancellationToken) -> Result<(), VfsError> {
        let _running = Running::new(&self.followers);
        let mut watches = self.inotify.then(|| Watches::start(&self.root, &self.followers)).flatten();
        let mut heads = HashMap::new();
        let interval = self.poll_interval.max(MIN_POLL);
        let mut next_poll = Instant::now() + interval;
        loop {
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = self.followers.woken() => watches = self.update(watches).await?,
                () = sleep_until(next_poll), if !self.followers.is_empty() => {
                    heads = self.poll(heads).await?;
                    next_poll = Instant::now() + interval;
                }
            }
        }
    }

    /// Watches what is followed now, then hints: what happened before the watch was there is seen by looking.
    async fn update(&self, watches: Option<Watches>) -> Result<Option<Watches>, VfsError> {
        let dirty = self.followers.take_dirty();
        let Some(mut watches) = watches else { return Ok(None) };
        let followers = self.followers.clone();
        let work = move || {
            for project in &dirty {
                watches.update(project, &followers.of(project));
                followers.hint_project(project);
            }
            watches
        };
        tokio::task::spawn_blocking(work).await.map(Some).map_err(VfsError::failed("watch the repositories"))
    }

    /// Looks at every branch that is followed and hints where the head is not what it was the last time.
    async fn poll(&self, before: Heads) -> Result<Heads, VfsError> {
        let (root, followers) = (self.root.clone(), self.followers.clone());
        let work = move || {
            let mut heads = Heads::new();
            for (project, branch) in followers.all() {
                let head = refs::head(&git_dir(&root, &project), &branch).map(|head| head.id);
                let head =
                    head.inspect_err(|error| tracing::debug!(%project, %branch, %error, "a head cannot be read"));
                let key = (project, branch);
                let head = head.ok().flatten();
                if before.get(&key) != Some(&head) {
                    followers.hint(&key.0, &key.1);
                }
                heads.insert(key, head);
            }
            heads
        };
        tokio::task::spawn_blocking(work).await.map_err(VfsError::failed("poll the repositories"))
    }
}

type Heads = HashMap<(ProjectId, BranchName), Option<ObjectId>>;
