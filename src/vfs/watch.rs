//! inotify on the refs of the projects that are followed.
//!
//! Watched are the root (for new projects) and, per followed project, the repository itself (`packed-refs`), `refs`,
//! `refs/heads` and the folders below it that lead to followed branches: a handful of watches per project, never the
//! objects.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};

use super::{followers::Followers, repository::git_dir};
use crate::domain::{
    ids::{BranchName, ProjectId},
    path::above,
};

/// The watches of the feed.
pub(super) struct Watches {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: HashMap<ProjectId, BTreeSet<PathBuf>>,
}

impl Watches {
    /// Begins to watch the root, or says in the log why that cannot be: the poll is there for that.
    pub fn start(root: &Path, followers: &Arc<Followers>) -> Option<Self> {
        let translate = Translate { root: root.to_owned(), followers: Arc::downgrade(followers) };
        let started = notify::recommended_watcher(move |event| translate.event(event)).and_then(|mut watcher| {
            watcher.watch(root, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        started
            .inspect_err(|error| tracing::warn!(%error, "inotify cannot be used; commits by others are polled for"))
            .ok()
            .map(|watcher| Self { root: root.to_owned(), watcher, watched: HashMap::new() })
    }

    /// Makes the watches of a project those that its followed branches need.
    pub fn update(&mut self, project: &ProjectId, branches: &[BranchName]) {
        let before = self.watched.remove(project).unwrap_or_default();
        let mut wanted = BTreeSet::new();
        for folder in folders(&git_dir(&self.root, project), branches) {
            // A folder that was removed and made again has lost its watch, so all are asked for again; it costs nothing
            // where it is there. Each is watched before what is below it is looked for: nothing new is missed.
            if folder.is_dir() && self.watch(project, &folder) {
                wanted.insert(folder);
            }
        }
        for folder in before.difference(&wanted) {
            // It may be gone, and its watch with it.
            let _ = self.watcher.unwatch(folder);
        }
        if !wanted.is_empty() {
            self.watched.insert(project.clone(), wanted);
        }
    }

    fn watch(&mut self, project: &ProjectId, folder: &Path) -> bool {
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => true,
            Err(_) if !folder.exists() => false,
            Err(error) => {
                tracing::warn!(%project, %error, "a project cannot be watched; commits by others are polled for");
                false
            }
        }
    }
}

/// Returns the folders that matter to the followed branches, each before those below it.
fn folders(git_dir: &Path, branches: &[BranchName]) -> Vec<PathBuf> {
    if branches.is_empty() {
        return Vec::new();
    }
    let heads = git_dir.join("refs/heads");
    let mut folders = BTreeSet::new();
    for branch in branches {
        let name = branch.as_str();
        folders.extend(above(name).map(|folder| heads.join(folder)));
    }
    let above = [git_dir.to_owned(), git_dir.join("refs"), heads];
    above.into_iter().chain(folders).collect()
}

/// Turns what inotify says into hints, on the watcher's own thread.
struct Translate {
    root: PathBuf,
    followers: Weak<Followers>,
}

impl Translate {
    fn event(&self, event: notify::Result<Event>) {
        let Some(followers) = self.followers.upgrade() else { return };
        match event {
            Ok(event) if event.need_rescan() => followers.mark_all_dirty(),
            Ok(event) if changes_names(event.kind) => {
                event.paths.iter().for_each(|path| self.path(&followers, path));
            }
            // Opening, reading and writing: a ref changes when it is renamed into place.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "inotify failed; commits by others are looked for");
                followers.mark_all_dirty();
            }
        }
    }

    fn path(&self, followers: &Followers, path: &Path) {
        let Some(path) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else { return };
        let (folder, name) = path.split_once('/').unwrap_or((path, ""));
        let Some(Ok(project)) = folder.strip_suffix(".git").map(str::parse::<ProjectId>) else { return };
        let branches = followers.of(&project);
        if branches.is_empty() {
            return;
        }
        match name.strip_prefix("refs/heads/") {
            Some(name) if name.ends_with(".lock") => {}
            Some(name) => {
                if let Ok(branch) = name.parse::<BranchName>() {
                    followers.hint(&project, &branch);
                }
                let is_above =
                    |branch: &BranchName| branch.as_str().strip_prefix(name).is_some_and(|b| b.starts_with('/'));
                if branches.iter().any(is_above) {
                    followers.mark_dirty(&project);
                }
            }
            None if name == "packed-refs" => followers.hint_project(&project),
            None if matches!(name, "" | "HEAD" | "refs" | "refs/heads") => followers.mark_dirty(&project),
            None => {}
        }
    }
}

fn changes_names(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
        || matches!(kind, EventKind::Access(notify::event::AccessKind::Close(notify::event::AccessMode::Write)))
}
