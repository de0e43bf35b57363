//! Commits: a tree is made from the head's, written with everything new in it, and the branch is moved by
//! compare-and-swap; when another process was faster, all of it begins again on the new head.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gix::{ObjectId, Repository, actor::Signature, date::Time};

use super::{
    batch::Batch,
    cache::Cache,
    check,
    edit::Source,
    error::VfsError,
    read,
    refs::{self, Swap},
    repository::{self, commit_id, decode_commit, find_commit, object_id, tree_of},
    types::{Change, Committed, Scope},
};
use crate::domain::ids::{BranchName, CommitId, ProjectId};

/// How long to try again while other processes move the branch.
const RETRY_FOR: Duration = Duration::from_secs(5);
/// Who makes our commits.
const NAME: &str = "previewd";
const EMAIL: &str = "previewd@localhost";

/// Where a commit goes.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub root: &'a Path,
    pub cache: &'a Cache,
    pub project: &'a ProjectId,
    pub branch: &'a BranchName,
}

/// What is to become a commit.
struct Draft {
    tree: ObjectId,
    batch: Batch,
    known: HashSet<ObjectId>,
    message: String,
}

impl Target<'_> {
    /// Commits a change, making the project and the branch where they do not exist.
    pub fn commit(&self, change: &Change) -> Result<Committed, VfsError> {
        self.retry(|| self.try_commit(change))
    }

    fn try_commit(&self, change: &Change) -> Result<Option<Committed>, VfsError> {
        let git_dir = repository::git_dir(self.root, self.project);
        let mut repository = match repository::exists(&git_dir) {
            true => Some(repository::open(self.root, self.project)?),
            false => None,
        };
        let head = Place::find(&git_dir, self.branch, repository.as_ref())?;
        let stale = self.check_head(&head, change.expected_head.as_ref());
        let checked = check::request(change);
        if checked.violations.is_empty() {
            stale?;
        } else if stale.is_err() {
            return Err(VfsError::Invalid(checked.violations));
        }
        let base = head.tree;
        let source = Source { repository: repository.as_ref(), cache: self.cache };
        let mut batch = Batch::default();
        let tree = check::apply(source, base, change, checked, &mut batch)?;
        if change.writes.is_empty() && (head.id.is_none() || change.scope == Scope::Whole) {
            return Err(VfsError::NoFiles { project: self.project.clone(), branch: self.branch.clone() });
        }
        let tree = tree.encode(&mut batch)?;
        let known = match (change.scope, base) {
            // It only saves work, and a broken tree is no reason not to replace it.
            (Scope::Whole, Some(base)) if base != tree => source.collect(base).unwrap_or_default(),
            _ => HashSet::new(),
        };
        let message = change.message.clone().filter(|message| !message.trim().is_empty());
        let message = message.unwrap_or_else(|| describe(change));
        let repository = match repository.take() {
            Some(repository) => repository,
            None => repository::open_or_create(self.root, self.project)?,
        };
        self.finish(&repository, head, Draft { tree, batch, known, message })
    }

    /// Commits the tree of an older commit on top of the head.
    pub fn rollback(
        &self,
        to: &CommitId,
        message: Option<&str>,
        expected: Option<&CommitId>,
    ) -> Result<Committed, VfsError> {
        let mut violations = Vec::new();
        check::check_message(message.unwrap_or_default(), &mut violations);
        if !violations.is_empty() {
            return Err(VfsError::Invalid(violations));
        }
        let message = message.filter(|message| !message.trim().is_empty());
        let message = message.map_or_else(|| format!("Roll back to {to}"), str::to_owned);
        self.retry(|| {
            let repository = repository::open(self.root, self.project)?;
            let head = Place::find(repository.git_dir(), self.branch, Some(&repository))?;
            self.check_head(&head, expected)?;
            if head.id.is_none() {
                return Err(VfsError::BranchNotFound { project: self.project.clone(), branch: self.branch.clone() });
            }
            // A tree that nobody can use is not brought back either.
            read::tree(&repository, self.cache, to)?;
            let draft = Draft {
                tree: tree_of(&repository, to)?,
                batch: Batch::default(),
                known: HashSet::new(),
                message: message.clone(),
            };
            self.finish(&repository, head, draft)
        })
    }

    /// Makes a branch, or finds it where it should be.
    pub fn create_branch(&self, at: Option<&CommitId>) -> Result<CommitId, VfsError> {
        self.retry(|| {
            let repository = repository::open(self.root, self.project)?;
            let git_dir = repository.git_dir();
            let id = match at {
                Some(commit) => {
                    tree_of(&repository, commit)?;
                    object_id(commit)?
                }
                None => self.default_head(git_dir)?,
            };
            match refs::head(git_dir, self.branch)? {
                refs::Head { id: Some(head), .. } if head == id => Ok(Some(commit_id(id)?)),
                refs::Head { id: Some(head), .. } => Err(self.exists(self.branch.clone(), head)?),
                refs::Head { name, id: None } => match refs::swap(git_dir, &name, None, id)? {
                    Swap::Done => Ok(Some(commit_id(id)?)),
                    Swap::Lost => Ok(None),
                    Swap::Conflict(branch, head) => Err(self.exists(branch, head)?),
                },
            }
        })
    }

    fn default_head(&self, git_dir: &Path) -> Result<ObjectId, VfsError> {
        let branch = BranchName::default();
        let missing = || VfsError::BranchNotFound { project: self.project.clone(), branch: branch.clone() };
        refs::head(git_dir, &branch)?.id.ok_or_else(missing)
    }

    fn exists(&self, branch: BranchName, head: ObjectId) -> Result<VfsError, VfsError> {
        Ok(VfsError::BranchExists { project: self.project.clone(), branch, head: commit_id(head)? })
    }

    /// Tries until another process was not faster, for a while.
    fn retry<T>(&self, mut attempt: impl FnMut() -> Result<Option<T>, VfsError>) -> Result<T, VfsError> {
        let deadline = Instant::now() + RETRY_FOR;
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            if Instant::now() >= deadline {
                return Err(VfsError::Busy { project: self.project.clone(), branch: self.branch.clone() });
            }
        }
    }

    fn check_head(&self, head: &Place, expected: Option<&CommitId>) -> Result<(), VfsError> {
        let Some(expected) = expected else { return Ok(()) };
        if head.id == Some(object_id(expected)?) {
            return Ok(());
        }
        Err(VfsError::StaleHead { expected: expected.clone(), head: head.id.map(commit_id).transpose()? })
    }

    /// Writes a commit and moves the branch, or returns `None` where another process was faster.
    fn finish(&self, repository: &Repository, head: Place, mut draft: Draft) -> Result<Option<Committed>, VfsError> {
        if let (Some(id), Some(tree)) = (head.id, head.tree)
            && tree == draft.tree
        {
            let parent = head.parent.map(commit_id).transpose()?;
            return Ok(Some(Committed { commit: commit_id(id)?, parent, changed: false }));
        }
        if !draft.message.ends_with('\n') {
            draft.message.push('\n');
        }
        let signature = signature();
        let commit = draft.batch.add_encoded(&gix::objs::Commit {
            tree: draft.tree,
            parents: head.id.into_iter().collect(),
            author: signature.clone(),
            committer: signature,
            encoding: None,
            message: draft.message.into(),
            extra_headers: Vec::new(),
        })?;
        draft.batch.write(repository.git_dir(), &draft.known)?;
        match refs::swap(repository.git_dir(), &head.name, head.id, commit)? {
            Swap::Done => {
                let parent = head.id.map(commit_id).transpose()?;
                Ok(Some(Committed { commit: commit_id(commit)?, parent, changed: true }))
            }
            Swap::Lost => Ok(None),
            Swap::Conflict(branch, head) => Err(self.exists(branch, head)?),
        }
    }
}

/// Where a branch is, and what is there.
struct Place {
    name: String,
    id: Option<ObjectId>,
    tree: Option<ObjectId>,
    parent: Option<ObjectId>,
}

impl Place {
    fn find(git_dir: &Path, branch: &BranchName, repository: Option<&Repository>) -> Result<Self, VfsError> {
        let Some(repository) = repository else {
            return Ok(Self { name: branch.reference(), id: None, tree: None, parent: None });
        };
        let refs::Head { name, id } = refs::head(git_dir, branch)?;
        let Some(id) = id else { return Ok(Self { name, id: None, tree: None, parent: None }) };
        let data = find_commit(repository, id)?;
        let data = data.ok_or_else(|| VfsError::failed("read the head")(format!("{name} names no commit")))?;
        let commit = decode_commit(&data)?;
        Ok(Self { name, id: Some(id), tree: Some(commit.tree()), parent: commit.parents().next() })
    }
}

fn signature() -> Signature {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Signature { name: NAME.into(), email: EMAIL.into(), time: Time::new(seconds.try_into().unwrap_or(0), 0) }
}

/// Returns the message of a commit that was given none.
fn describe(change: &Change) -> String {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    match (change.writes.as_slice(), change.deletes.as_slice()) {
        ([write], []) => format!("Write {}", write.path),
        ([], [path]) => format!("Delete {path}"),
        (writes, []) => format!("Write {}", files(writes.len())),
        ([], deletes) => format!("Delete {}", files(deletes.len())),
        (writes, deletes) => format!("Write {}, delete {}", files(writes.len()), deletes.len()),
    }
}
