//! Local files on their way into a request.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use ignore::{Walk, WalkBuilder};
use parking_lot::Mutex;

use super::errors::Failed;
use crate::{
    domain::limits::{MAX_FILE_BYTES, MAX_REQUEST_BYTES, MAX_TREE_FILES},
    proto::preview::v1::{File, file::Content},
};

/// Folders that are never part of a project.
const SKIPPED: [&str; 4] = [".git", "node_modules", "__pycache__", ".venv"];

/// What a folder holds of a project.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its files, ordered by path.
    pub files: Vec<File>,
    /// What was left out that its owner may miss, each in a sentence.
    pub left_out: Vec<String>,
}

/// Returns every file of a folder but those that are never part of a project or that `.gitignore` excludes.
///
/// A symbolic link to what is in the folder as well counts as what it leads to. One that leads outside, to itself or
/// nowhere is left out.
pub(super) fn folder(folder: &Path) -> Result<Folder, Failed> {
    let fail = |error: std::io::Error| Failed::local(format!("{} cannot be read: {error}", folder.display()));
    if !folder.is_dir() {
        return Err(Failed::local(format!("{} is not a folder", folder.display())));
    }
    let root = folder.canonicalize().map_err(fail)?;
    let left_out = Arc::new(Mutex::new(Vec::new()));
    let mut files = Vec::new();
    let mut total = 0;
    for entry in walk(&root, &left_out) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => match broken_link(&error) {
                Some((path, why)) => {
                    note(&left_out, &root, path, why);
                    continue;
                }
                None => return Err(Failed::local(format!("failed to read the folder: {error}"))),
            },
        };
        match entry.file_type() {
            Some(kind) if kind.is_dir() => continue,
            Some(kind) if kind.is_file() => {}
            _ => return Err(Failed::local(format!("{} is not a regular file", entry.path().display()))),
        }
        let file = read(entry.path(), path_in_project(&root, entry.path())?)?;
        total += size(&file);
        files.push(file);
        if files.len() > MAX_TREE_FILES {
            return Err(Failed::local(format!("{} has more than {MAX_TREE_FILES} files", folder.display())));
        }
        if total > MAX_REQUEST_BYTES {
            return Err(Failed::local(format!("{} has more than {MAX_REQUEST_BYTES} bytes", folder.display())));
        }
    }
    if files.is_empty() {
        return Err(Failed::local(format!("{} has no files", folder.display())));
    }
    let left_out = std::mem::take(&mut *left_out.lock());
    Ok(Folder { files, left_out })
}

/// Walks through what may be part of a project, ordered by path. Links that are not followed are noted.
fn walk(root: &Path, left_out: &Arc<Mutex<Vec<String>>>) -> Walk {
    let (whole, noted) = (root.to_owned(), left_out.clone());
    WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(true)
        .filter_entry(move |entry| {
            if entry.depth() == 0 {
                return true;
            }
            if SKIPPED.iter().any(|name| entry.file_name() == *name) {
                return false;
            }
            let why = if entry.path_is_symlink() { unfollowed(&whole, entry.path()) } else { None };
            if let Some(why) = why {
                note(&noted, &whole, entry.path(), why);
                return false;
            }
            true
        })
        .sort_by_file_path(Path::cmp)
        .build()
}

/// Returns the paths of files, in their order.
pub(super) fn paths(files: &[File]) -> Vec<String> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// Returns why a link is not followed.
fn unfollowed(root: &Path, link: &Path) -> Option<&'static str> {
    let Ok(target) = link.canonicalize() else { return Some("leads nowhere") };
    let Ok(inside) = target.strip_prefix(root) else { return Some("leads out of the folder") };
    let foreign = inside.iter().any(|part| SKIPPED.iter().any(|name| part == *name));
    foreign.then_some("leads to what is no part of a project")
}

/// Returns the link that an error is about, and what is wrong with it; `None` if it is about something else.
fn broken_link(error: &ignore::Error) -> Option<(&Path, &'static str)> {
    match error {
        ignore::Error::Loop { child, .. } => Some((child, "leads back to a folder that it is in")),
        ignore::Error::WithPath { path, err } => match broken_link(err) {
            Some(found) => Some(found),
            None => path.is_symlink().then_some((path.as_path(), "leads nowhere")),
        },
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => broken_link(err),
        _ => None,
    }
}

fn note(left_out: &Mutex<Vec<String>>, root: &Path, link: &Path, why: &str) {
    let path = link.strip_prefix(root).unwrap_or(link).display();
    let mut left_out = left_out.lock();
    left_out.push(format!("{path} is left out: it is a symbolic link that {why}"));
}

/// Returns single files, each under the path it is to have in the project.
pub(super) fn named(files: &[(String, PathBuf)]) -> Result<Vec<File>, Failed> {
    files.iter().map(|(path, local)| read(local, path.clone())).collect()
}

fn read(local: &Path, path: String) -> Result<File, Failed> {
    let fail = |error| Failed::local(format!("failed to read {}: {error}", local.display()));
    let metadata = fs::metadata(local).map_err(fail)?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(Failed::local(format!("{} has more than {MAX_FILE_BYTES} bytes", local.display())));
    }
    let content = fs::read(local).map_err(fail)?;
    Ok(File { path, content: Some(Content::Data(content)), executable: is_executable(&metadata) })
}

fn path_in_project(folder: &Path, path: &Path) -> Result<String, Failed> {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts = inside.components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let parts: Option<Vec<&str>> = parts.collect();
    parts
        .map(|parts| parts.join("/"))
        .ok_or_else(|| Failed::local(format!("{} has a name that is not UTF-8", path.display())))
}

fn size(file: &File) -> u64 {
    match &file.content {
        Some(Content::Data(data)) => data.len() as u64,
        _ => 0,
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    fn paths(files: &[File]) -> Vec<&str> {
        files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn folder_is_read_without_what_is_never_part_of_a_project() {
        let root = project(&[
            ("index.html", "x"),
            (".env", "A=1"),
            ("src/main.js", "x"),
            (".git/config", "x"),
            ("node_modules/left/pad.js", "x"),
            ("src/__pycache__/main.pyc", "x"),
            (".venv/bin/python", "x"),
            (".gitignore", "dist/\n*.log\n"),
            ("dist/out.js", "x"),
            ("src/debug.log", "x"),
        ]);
        let files = folder(root.path()).unwrap().files;
        assert_eq!(paths(&files), [".env", ".gitignore", "index.html", "src/main.js"]);
    }

    #[cfg(unix)]
    #[test]
    fn executable_files_stay_so() {
        use std::os::unix::fs::PermissionsExt;
        let root = project(&[("run.sh", "x"), ("a.txt", "x")]);
        fs::set_permissions(root.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let files = folder(root.path()).unwrap().files;
        assert_eq!(files.iter().map(|file| file.executable).collect::<Vec<_>>(), [false, true]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_the_folder_and_left_out_otherwise() {
        use std::os::unix::fs::symlink;
        let root = project(&[("AGENTS.md", "be kind"), ("lib/a.js", "x"), ("node_modules/b/index.js", "x")]);
        let link = |target: &str, path: &str| symlink(target, root.path().join(path)).unwrap();
        link("AGENTS.md", "CLAUDE.md");
        link("lib", "more");
        link("..", "lib/up");
        link("self", "self");
        link("nowhere", "gone");
        link("/etc/passwd", "out");
        link("node_modules/b", "packages");
        let Folder { files, left_out } = folder(root.path()).unwrap();
        assert_eq!(paths(&files), ["AGENTS.md", "CLAUDE.md", "lib/a.js", "more/a.js"]);
        assert_eq!(files[1].content, Some(Content::Data(b"be kind".to_vec())));
        for (path, why) in [
            ("gone", "nowhere"),
            ("lib/up", "back"),
            ("more/up", "back"),
            ("out", "out of the folder"),
            ("packages", "no part of a project"),
            ("self", "nowhere"),
        ] {
            let said =
                left_out.iter().any(|line| line.starts_with(&format!("{path} is left out")) && line.contains(why));
            assert!(said, "{path}: {left_out:?}");
        }
        assert_eq!(left_out.len(), 6, "{left_out:?}");
    }

    #[test]
    fn folder_without_files_or_with_too_many_bytes_is_refused() {
        assert!(folder(project(&[]).path()).is_err());
        assert!(folder(&project(&[("a", "x")]).path().join("a")).is_err());
        let big = project(&[]);
        fs::File::create(big.path().join("a")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(folder(big.path()).unwrap_err().to_text().contains("10485760"));
        let sum = project(&[]);
        for name in ["a", "b", "c", "d"] {
            fs::File::create(sum.path().join(name)).unwrap().set_len(MAX_FILE_BYTES).unwrap();
        }
        assert!(folder(sum.path()).unwrap_err().to_text().contains("33554432"));
    }
}
