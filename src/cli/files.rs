//! Local files on their way into a request.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use ignore::WalkBuilder;

use super::errors::Failed;
use crate::{
    domain::limits::{MAX_FILE_BYTES, MAX_REQUEST_BYTES, MAX_TREE_FILES},
    proto::preview::v1::{File, file::Content},
};

/// Folders that are never part of a project.
const SKIPPED: [&str; 4] = [".git", "node_modules", "__pycache__", ".venv"];

/// Returns every file of a folder but those that are never part of a project or that `.gitignore` excludes, ordered by
/// path. Symbolic links are refused, since they may lead out of the folder.
pub(super) fn folder(folder: &Path) -> Result<Vec<File>, Failed> {
    if !folder.is_dir() {
        return Err(Failed::local(format!("{} is not a folder", folder.display())));
    }
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.depth() == 0 || !SKIPPED.iter().any(|name| entry.file_name() == *name))
        .sort_by_file_path(Path::cmp)
        .build();
    let mut files = Vec::new();
    let mut total = 0;
    for entry in walk {
        let entry = entry.map_err(|error| Failed::local(format!("failed to read the folder: {error}")))?;
        match entry.file_type() {
            Some(kind) if kind.is_dir() => continue,
            Some(kind) if kind.is_file() => {}
            Some(kind) if kind.is_symlink() && entry.depth() > 0 => {
                let path = entry.path().display();
                return Err(Failed::local(format!("{path} is a symbolic link; put it into .gitignore or replace it")));
            }
            _ => return Err(Failed::local(format!("{} is not a regular file", entry.path().display()))),
        }
        let file = read(entry.path(), path_in_project(folder, entry.path())?)?;
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
    Ok(files)
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
        let files = folder(root.path()).unwrap();
        assert_eq!(paths(&files), [".env", ".gitignore", "index.html", "src/main.js"]);
    }

    #[cfg(unix)]
    #[test]
    fn executable_files_stay_so_and_symbolic_links_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let root = project(&[("run.sh", "x"), ("a.txt", "x")]);
        fs::set_permissions(root.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let executable: Vec<bool> = folder(root.path()).unwrap().iter().map(|file| file.executable).collect();
        assert_eq!(executable, [false, true]);

        symlink("/etc/passwd", root.path().join("link")).unwrap();
        let failed = folder(root.path()).unwrap_err();
        assert!(failed.to_text().contains("symbolic link"), "{}", failed.to_text());
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
