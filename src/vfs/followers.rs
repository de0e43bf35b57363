//! Who follows which branch, and how they learn that it may have moved.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

use crate::domain::ids::{BranchName, ProjectId};

type Branches = HashMap<BranchName, watch::Sender<()>>;

/// Who follows which branch. An entry lives as long as somebody follows.
#[derive(Default)]
pub(super) struct Followers {
    branches: Mutex<HashMap<ProjectId, Branches>>,
    /// Projects whose watches the feed has to look at; kept only while it runs.
    dirty: Mutex<HashSet<ProjectId>>,
    running: AtomicBool,
    wake: Notify,
}

impl Followers {
    /// Begins to follow a branch.
    pub fn follow(self: &Arc<Self>, project: &ProjectId, branch: &BranchName) -> HeadFollower {
        let receiver = {
            let mut branches = lock(&self.branches);
            let project = branches.entry(project.clone()).or_default();
            project.entry(branch.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
        };
        self.mark_dirty(project);
        HeadFollower { followers: self.clone(), project: project.clone(), branch: branch.clone(), receiver }
    }

    /// Tells those who follow a branch that it may have moved.
    pub fn hint(&self, project: &ProjectId, branch: &BranchName) {
        if let Some(sender) = lock(&self.branches).get(project).and_then(|branches| branches.get(branch)) {
            sender.send_replace(());
        }
    }

    /// Tells those who follow any branch of a project that it may have moved.
    pub fn hint_project(&self, project: &ProjectId) {
        for sender in lock(&self.branches).get(project).into_iter().flat_map(HashMap::values) {
            sender.send_replace(());
        }
    }

    /// Has the feed look at the folders of a project again, if somebody follows it or did.
    pub fn mark_dirty(&self, project: &ProjectId) {
        if self.running.load(Ordering::Acquire) {
            lock(&self.dirty).insert(project.clone());
        }
        self.wake.notify_one();
    }

    /// Has the feed look at the folders of all projects that are followed.
    pub fn mark_all_dirty(&self) {
        let projects: Vec<_> = lock(&self.branches).keys().cloned().collect();
        if self.running.load(Ordering::Acquire) {
            lock(&self.dirty).extend(projects);
        }
        self.wake.notify_one();
    }

    /// Waits until there are folders to look at.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Returns the projects whose folders are to be looked at, once.
    pub fn take_dirty(&self) -> HashSet<ProjectId> {
        std::mem::take(&mut *lock(&self.dirty))
    }

    /// Returns the branches of a project that are followed.
    pub fn of(&self, project: &ProjectId) -> Vec<BranchName> {
        lock(&self.branches).get(project).into_iter().flat_map(HashMap::keys).cloned().collect()
    }

    /// Returns every branch that is followed.
    pub fn all(&self) -> Vec<(ProjectId, BranchName)> {
        let branches = lock(&self.branches);
        let pairs = |(project, branches): (&ProjectId, &Branches)| {
            branches.keys().map(|branch| (project.clone(), branch.clone())).collect::<Vec<_>>()
        };
        branches.iter().flat_map(pairs).collect()
    }

    /// Returns whether nobody follows anything.
    pub fn is_empty(&self) -> bool {
        lock(&self.branches).is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Follows the head of one branch.
///
/// Follow first, then read the head: then no commit is missed. A clone has seen what the other has seen.
#[derive(Clone)]
pub struct HeadFollower {
    followers: Arc<Followers>,
    project: ProjectId,
    branch: BranchName,
    receiver: watch::Receiver<()>,
}

impl HeadFollower {
    /// Waits until the head may have moved since the last call, or since the follower was made. It is a hint: the head
    /// may be the same, and several moves may be one hint.
    ///
    /// # Cancel safety
    /// A hint that comes while nobody waits is kept for the next call.
    pub async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            // The sender lives as long as this follower does.
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether the head may have moved, as [`HeadFollower::changed`] would say at once.
    pub fn take_hint(&mut self) -> bool {
        let changed = self.receiver.has_changed().unwrap_or(false);
        if changed {
            self.receiver.mark_unchanged();
        }
        changed
    }
}

impl Drop for HeadFollower {
    fn drop(&mut self) {
        let mut branches = lock(&self.followers.branches);
        let Some(project) = branches.get_mut(&self.project) else { return };
        // What is watched for the others stays as it is.
        if project.get(&self.branch).is_none_or(|sender| sender.receiver_count() > 1) {
            return;
        }
        project.remove(&self.branch);
        if project.is_empty() {
            branches.remove(&self.project);
        }
        drop(branches);
        self.followers.mark_dirty(&self.project);
    }
}

/// Keeps the list of dirty projects while the feed runs, and empties it when it ends.
pub(super) struct Running(Arc<Followers>);

impl Running {
    /// Has every project that is followed looked at.
    pub fn new(followers: &Arc<Followers>) -> Self {
        followers.running.store(true, Ordering::Release);
        followers.mark_all_dirty();
        Self(followers.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        lock(&self.0.dirty).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn entry_goes_with_the_last_follower() {
        let followers = Arc::new(Followers::default());
        let (project, main): (ProjectId, _) = ("p".parse().unwrap(), BranchName::default());
        let first = followers.follow(&project, &main);
        let mut second = followers.follow(&project, &main);
        let other = followers.follow(&project, &"other".parse().unwrap());

        drop(first);
        followers.hint(&project, &main);
        second.changed().await;
        drop(second);

        assert_eq!(followers.of(&project), std::slice::from_ref(&other.branch));
        drop(other);
        assert!(followers.is_empty());
        assert!(lock(&followers.dirty).is_empty(), "nothing is remembered while no feed runs");
    }

    #[tokio::test]
    async fn hint_that_comes_while_nobody_waits_is_kept() {
        let followers = Arc::new(Followers::default());
        let (project, main): (ProjectId, _) = ("p".parse().unwrap(), BranchName::default());
        let mut follower = followers.follow(&project, &main);

        followers.hint(&project, &main);
        followers.hint_project(&project);

        follower.changed().await;
        let again = tokio::time::timeout(Duration::ZERO, follower.changed()).await;
        assert!(again.is_err(), "two hints before one call are one");
    }
}
