//! The versioned store against real git.

#![allow(clippy::unwrap_used)]

mod commit;
mod feed;
mod git;
mod history;
mod hostile;
mod model;
mod tidy;
mod violations;

use std::{
    future::Future,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use bytes::Bytes;
use previewd::{
    domain::ids::{BranchName, CommitId, FilePath, ProjectId},
    vfs::{Change, Committed, FileWrite, Scope, Vfs, VfsError, VfsOptions},
};
use tempfile::TempDir;

/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(20);
/// A poll that never comes within a test.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// A store in a folder of its own.
struct Fixture {
    folder: TempDir,
    vfs: Vfs,
}

impl Fixture {
    fn new() -> Self {
        Self::with(NEVER, true)
    }

    fn with(poll_interval: Duration, inotify: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vfs = open(&folder.path().join("vfs"), poll_interval, inotify);
        Self { folder, vfs }
    }

    /// Returns another store on the same folder, as another process would have it.
    fn other_process(&self) -> Vfs {
        open(&self.folder.path().join("vfs"), NEVER, false)
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("vfs/p.git")
    }

    async fn commit(&self, change: Change) -> Result<Committed, VfsError> {
        self.vfs.commit(&project(), &main(), change).await
    }

    /// Commits one file and returns the commit.
    async fn write(&self, path: &str, content: &str) -> CommitId {
        self.commit(overlay(&[(path, content)])).await.unwrap().commit
    }

    async fn head(&self) -> Option<CommitId> {
        self.vfs.head(&project(), &main()).await.unwrap()
    }

    /// Returns the paths and contents of a commit.
    async fn files(&self, commit: &CommitId) -> Vec<(String, String)> {
        let tree = self.vfs.tree(&project(), commit).await.unwrap();
        let blobs = tree.values().map(|entry| entry.blob.clone()).collect();
        let contents = self.vfs.read(&project(), blobs).await.unwrap();
        let text = |content: Bytes| String::from_utf8(content.to_vec()).unwrap();
        tree.into_keys().map(String::from).zip(contents.into_iter().map(text)).collect()
    }

    /// Clones the project into a working folder with `git clone`.
    fn clone(&self, name: &str) -> PathBuf {
        let clone = self.folder.path().join(name);
        git(self.folder.path(), &["clone", "--quiet", "vfs/p.git", name]);
        clone
    }
}

fn open(root: &Path, poll_interval: Duration, inotify: bool) -> Vfs {
    Vfs::open(VfsOptions { root: root.to_owned(), poll_interval, inotify }).unwrap()
}

fn project() -> ProjectId {
    "p".parse().unwrap()
}

fn main() -> BranchName {
    BranchName::default()
}

fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

fn file(name: &str, content: impl Into<Bytes>) -> FileWrite {
    FileWrite { path: path(name), content: content.into(), executable: false }
}

fn change(scope: Scope, files: &[(&str, &str)], deletes: &[&str]) -> Change {
    Change {
        scope,
        writes: files.iter().map(|(name, content)| file(name, content.as_bytes().to_vec())).collect(),
        deletes: deletes.iter().map(|name| path(name)).collect(),
        message: None,
        expected_head: None,
    }
}

fn overlay(files: &[(&str, &str)]) -> Change {
    change(Scope::Overlay, files, &[])
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

/// Waits for a future, but not for ever.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

/// Runs git and returns what it says, without the last line end.
fn git(folder: &Path, arguments: &[&str]) -> String {
    succeed(arguments, run_git(folder, arguments, &[]))
}

/// Runs git with an input.
fn git_with(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    succeed(arguments, run_git(folder, arguments, input))
}

fn succeed(arguments: &[&str], output: Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "git {arguments:?}: {out}{err}");
    out.trim_end().to_owned()
}

fn run_git(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("HOME", "/nonexistent")])
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output
}

/// Commits a file in a clone and returns the commit.
fn commit_in(clone: &Path, name: &str, content: &str) -> CommitId {
    let target = clone.join(name);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    std::fs::write(target, content).unwrap();
    git(clone, &["add", "--all"]);
    git(clone, &["commit", "--quiet", "--message", &format!("write {name}")]);
    git(clone, &["rev-parse", "HEAD"]).parse().unwrap()
}

fn fsck(repository: &Path) {
    let output = run_git(repository, &["fsck", "--strict", "--full", "--no-dangling"], &[]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty(), "fsck: {said}");
}
