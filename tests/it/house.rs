//! What keeps the sources easy to find one's way in: how large files and folders are, and that what documents name is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most lines of a file of the program.
const LINES: usize = 400;
/// The most lines of the file in the middle.
const MIDDLE: usize = 150;
/// The most files of a folder of the core, beside its folders.
const FILES: usize = 10;

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, PathBuf)> = below(&["src", "agent/src"], "rs")
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .collect();
    lengths.sort();
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LINES).collect();
    assert!(long.is_empty(), "two files each: {long:#?}");
    let (middle, _) = &lengths[lengths.len() / 2];
    assert!(*middle <= MIDDLE, "the file in the middle has {middle} lines");
}

#[test]
fn folders_of_the_core_are_small() {
    for folder in folders(&root().join("src/preview")) {
        let files = fs::read_dir(&folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
        assert!(files <= FILES, "{} has {files} files", folder.display());
    }
}

#[test]
fn what_documents_name_is_there() {
    let mut missing = Vec::new();
    let documents = below(&["docs", "README.md", "CONTRIBUTING.md", "src", "agent/src", "tests/it"], "");
    for document in documents.iter().filter(|path| path.extension().is_some_and(|it| it == "md" || it == "rs")) {
        let text = fs::read_to_string(document).unwrap();
        let is_source = document.extension().is_some_and(|it| it == "rs");
        let lines = text.lines().filter(|line| !is_source || line.trim_start().starts_with("//"));
        for name in lines.flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let ours = ["src/", "agent/", "stacks/", "tests/", "scripts/", "proto/", "docs/", "benches/", "clients/"];
            let is_path = ours.iter().any(|it| name.starts_with(it)) && !name.contains(['*', '<', ' ', '{', '(', ':']);
            // Projects have such files too.
            let a_projects = ["src/App", "src/main.jsx", "src/routes", "src/app", "src/index"];
            if is_path && !a_projects.iter().any(|it| name.starts_with(it)) && !root().join(name).exists() {
                missing.push(format!("{}: {name}", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn names_of_containers_are_made_and_read_in_one_place() {
    for file in below(&["src"], "rs") {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let made = text.contains("\"preview-") || text.contains("container_name(");
        assert!(!made || path == "src/preview/unit/claims.rs" || path.contains("/tests/"), "{path} makes a name");
        let read = text.contains("container.name.") || text.contains("rename(&");
        let may = ["src/preview/unit/", "src/engine/", "src/vfs/"].iter().any(|it| path.starts_with(it));
        assert!(!read || may, "{path} reads a container's name, or gives one");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files at or below some paths, of one kind or of all.
fn below(paths: &[&str], extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths.iter().map(|path| root().join(path)) {
        if path.is_file() {
            files.push(path);
            continue;
        }
        for folder in folders(&path) {
            files.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_file()));
        }
    }
    files.retain(|file| extension.is_empty() || file.extension().is_some_and(|it| it == extension));
    files
}

/// Returns a folder and those below it.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(folders(&path));
        }
    }
    found
}
