//! Walking from commit to commit. A commit whose object is missing (a push from a shallow clone) ends the walk.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gix::{ObjectId, Repository, bstr::ByteSlice};

use super::{
    error::VfsError,
    repository::{commit_id, decode_commit, find_commit, object_id},
    types::{CommitInfo, History},
};
use crate::domain::{ids::CommitId, limits::MAX_MESSAGE_BYTES};

/// Returns a commit without its tree.
pub(super) fn info(repository: &Repository, commit: &CommitId) -> Result<CommitInfo, VfsError> {
    let data = find_commit(repository, object_id(commit)?)?;
    decode(commit.clone(), &data.ok_or_else(|| VfsError::CommitNotFound(commit.clone()))?)
}

/// Returns the newest `limit` commits along first parents, newest first, beginning with `from`.
pub(super) fn log(repository: &Repository, from: &CommitId, limit: usize) -> Result<Vec<CommitInfo>, VfsError> {
    let mut commits = Vec::new();
    let mut next = Some(from.clone());
    while let Some(commit) = next.take().filter(|_| commits.len() < limit) {
        let Some(data) = find_commit(repository, object_id(&commit)?)? else { break };
        let info = decode(commit, &data)?;
        next.clone_from(&info.parent);
        commits.push(info);
    }
    Ok(commits)
}

/// Returns the first-parent commits of `head` that are not in `after`, oldest first, the newest `limit` of them.
pub(super) fn between(
    repository: &Repository,
    after: Option<&CommitId>,
    head: &CommitId,
    limit: usize,
) -> Result<History, VfsError> {
    let stop = match after {
        None => None,
        Some(after) => match first_seen(repository, object_id(after)?, object_id(head)?)? {
            Some(stop) => Some(stop),
            None => return Ok(History::Unrelated),
        },
    };
    let mut commits = log(repository, head, stop.unwrap_or(usize::MAX).min(limit))?;
    commits.reverse();
    Ok(History::Commits(commits))
}

/// Returns how many first-parent steps from `head` it is to what `after` has, or `None` if `after` is no ancestor.
///
/// Mostly `after` is on the line itself. It is beside it when somebody merged the branch into their own and pushed that.
fn first_seen(repository: &Repository, after: ObjectId, head: ObjectId) -> Result<Option<usize>, VfsError> {
    if find_commit(repository, after)?.is_none() {
        return Ok(None);
    }
    let mut line = HashMap::new();
    let mut next = Some(head);
    while let Some(id) = next {
        if id == after {
            return Ok(Some(line.len()));
        }
        line.insert(id, line.len());
        next = parents(repository, id)?.first().copied();
    }
    if !reaches(repository, head, after)? {
        return Ok(None);
    }
    let mut nearest = line.len();
    walk(repository, after, |id| {
        let at = line.get(&id).copied();
        nearest = nearest.min(at.unwrap_or(usize::MAX));
        // What lies behind a commit of the line is further down the line, or beside it and merged there.
        if at.is_some() { Step::Skip } else { Step::Go }
    })?;
    Ok(Some(nearest))
}

/// Returns whether one commit is an ancestor of the other, or the same. Unknown commits are nobody's ancestors.
pub(super) fn is_ancestor(
    repository: &Repository,
    ancestor: &CommitId,
    descendant: &CommitId,
) -> Result<bool, VfsError> {
    let (ancestor, descendant) = (object_id(ancestor)?, object_id(descendant)?);
    Ok(find_commit(repository, ancestor)?.is_some() && reaches(repository, descendant, ancestor)?)
}

fn reaches(repository: &Repository, from: ObjectId, wanted: ObjectId) -> Result<bool, VfsError> {
    let mut found = false;
    walk(repository, from, |id| {
        found |= id == wanted;
        if found { Step::Stop } else { Step::Go }
    })?;
    Ok(found)
}

enum Step {
    Go,
    Skip,
    Stop,
}

/// Visits a commit and all its ancestors, the near ones first, each once.
fn walk(repository: &Repository, from: ObjectId, mut visit: impl FnMut(ObjectId) -> Step) -> Result<(), VfsError> {
    let mut seen = HashSet::from([from]);
    let mut rest = VecDeque::from([from]);
    while let Some(id) = rest.pop_front() {
        match visit(id) {
            Step::Go => rest.extend(parents(repository, id)?.into_iter().filter(|parent| seen.insert(*parent))),
            Step::Skip => {}
            Step::Stop => break,
        }
    }
    Ok(())
}

fn parents(repository: &Repository, id: ObjectId) -> Result<Vec<ObjectId>, VfsError> {
    match find_commit(repository, id)? {
        Some(data) => Ok(decode_commit(&data)?.parents().collect()),
        None => Ok(Vec::new()),
    }
}

fn decode(commit: CommitId, data: &[u8]) -> Result<CommitInfo, VfsError> {
    let decoded = decode_commit(data)?;
    let message = &decoded.message[..decoded.message.len().min(MAX_MESSAGE_BYTES)];
    Ok(CommitInfo {
        commit,
        parent: decoded.parents().next().map(commit_id).transpose()?,
        message: message.to_str_lossy().trim_end_matches(['\r', '\n']).to_owned(),
        author: decoded.author().map(|author| author.name.to_string()).unwrap_or_default(),
        time: system_time(decoded.time().map_or(0, |time| time.seconds)),
    })
}

fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}
