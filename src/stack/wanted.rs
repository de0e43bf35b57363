//! Which files of a tree are read to find how it is run and what its installation needs.

use crate::{
    domain::{
        ids::FilePath,
        path::within,
        spec::Stack,
        tree::{Entry, EntryKind, Tree},
    },
    stack::{
        kinds,
        names::{
            CUSTOM_MANIFESTS, DOCKERIGNORE, LOCKFILES, MANIFESTS, MAX_ENTRY_DEPTH, MAX_MANIFEST_BYTES,
            MAX_SIDE_FILE_BYTES, SIDE_FOLDERS, YARN_PLUGINS, is_archive,
        },
        previewd_toml,
        project::{FOREIGN, SCHEMA},
    },
};

/// The largest lockfile that is read, in bytes.
const MAX_LOCKFILE_BYTES: u64 = 10 * 1024 * 1024;
/// The largest package in an archive that is read, in bytes, and the most of all of them together.
const MAX_ARCHIVE_BYTES: u64 = 10 * 1024 * 1024;
const MAX_ARCHIVES_BYTES: u64 = 16 * 1024 * 1024;
/// The most files that are read.
const MAX_WANTED: usize = 256;
/// How deep below the project's root files are read, in folders.
const MAX_DEPTH: usize = 3;

/// Folders of sources and of what a page shows: too many files to read in advance for an installation that may name them.
const SOURCE_FOLDERS: [&str; 10] =
    ["src", "app", "pages", "components", "public", "static", "assets", "tests", "test", "docs"];

/// What a file is to detection; the first matter most when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Importance {
    Manifest,
    Entry,
    Side,
    Archive,
    Nameable,
}

/// Returns the `previewd.toml` of a tree, if it is one that can be read.
pub(super) fn settings_file(tree: &Tree) -> Option<&Entry> {
    let (_, entry) = tree.iter().find(|(path, _)| path.as_str() == previewd_toml::FILE)?;
    (entry.kind != EntryKind::Symlink && entry.size_bytes <= MAX_MANIFEST_BYTES).then_some(entry)
}

/// Returns the paths whose content detection needs: at most 256 files, manifests first and the shallowest of them first.
///
/// `root` is the folder that `previewd.toml` names, if it does. Below it, depth is counted from there.
pub(super) fn wanted(tree: &Tree, root: &str) -> Vec<FilePath> {
    let settings = tree.keys().any(|path| path.as_str() == previewd_toml::FILE);
    let max_depth = if settings { MAX_DEPTH + 3 } else { MAX_DEPTH };
    let mut found: Vec<(Importance, usize, &FilePath, u64)> = tree
        .iter()
        .filter(|(_, entry)| entry.kind != EntryKind::Symlink)
        .filter_map(|(path, entry)| {
            let mut folders = within(path.as_str(), root).unwrap_or(path.as_str()).split('/');
            folders.next_back();
            let depth = folders.clone().count();
            if depth > max_depth || folders.any(|part| FOREIGN.contains(&part)) {
                return None;
            }
            let (importance, max_bytes) = interest(path, depth, settings)?;
            (entry.size_bytes <= max_bytes).then_some((importance, depth, path, entry.size_bytes))
        })
        .collect();
    found.sort();
    let mut archives = 0;
    found.retain(|(importance, _, _, size_bytes)| {
        archives += if *importance == Importance::Archive { *size_bytes } else { 0 };
        *importance != Importance::Archive || archives <= MAX_ARCHIVES_BYTES
    });
    found.into_iter().take(MAX_WANTED).map(|(_, _, path, _)| path.clone()).collect()
}

/// Returns whether what a plan is made of is the same in two trees: which files there are, the contents of those that are
/// wanted, and which schemas.
pub(super) fn are_alike(before: &Tree, after: &Tree, wanted: &[FilePath]) -> bool {
    let mut pairs = before.iter().zip(after);
    before.len() == after.len()
        && pairs.all(|((path, old), (other, new))| {
            path == other && old.kind == new.kind && (old.blob == new.blob || path.extension() != Some(SCHEMA))
        })
        && wanted.iter().all(|path| before.get(path).map(|it| &it.blob) == after.get(path).map(|it| &it.blob))
}

/// Returns what a file is to detection and up to which size, or `None` if it is nothing.
fn interest(path: &FilePath, depth: usize, settings: bool) -> Option<(Importance, u64)> {
    let name = path.name();
    if name == previewd_toml::FILE {
        return (path.as_str() == name).then_some((Importance::Manifest, MAX_MANIFEST_BYTES));
    }
    if LOCKFILES.contains(&name) {
        return Some((Importance::Manifest, MAX_LOCKFILE_BYTES));
    }
    if name == DOCKERIGNORE || MANIFESTS.contains(&name) || (settings && CUSTOM_MANIFESTS.contains(&name)) {
        return Some((Importance::Manifest, MAX_MANIFEST_BYTES));
    }
    if is_archive(name) {
        return Some((Importance::Archive, MAX_ARCHIVE_BYTES));
    }
    if let Some(max_bytes) = Stack::ALL.into_iter().find_map(|stack| kinds::of(stack).entry(path, depth)) {
        return Some((Importance::Entry, max_bytes));
    }
    match path.extension() {
        // Requirement files include one another under any name.
        Some("txt" | "in" | "pip" | "patch" | "diff") => Some((Importance::Side, MAX_MANIFEST_BYTES)),
        _ if (name.starts_with("vite.config.") || name.starts_with("svelte.config.")) && depth <= MAX_ENTRY_DEPTH => {
            Some((Importance::Side, MAX_SIDE_FILE_BYTES))
        }
        _ if path.as_str().contains(YARN_PLUGINS) => Some((Importance::Side, MAX_MANIFEST_BYTES)),
        _ if settings && is_nameable(path, depth) => Some((Importance::Nameable, MAX_SIDE_FILE_BYTES)),
        _ => None,
    }
}

/// Returns whether a project's own installation may well name a file.
fn is_nameable(path: &FilePath, depth: usize) -> bool {
    let folders = path.as_str().split('/').rev().skip(1);
    if folders.clone().any(|folder| SIDE_FOLDERS.contains(&folder)) {
        return true;
    }
    let text = matches!(
        path.extension(),
        None | Some(
            "sh" | "py"
                | "js"
                | "mjs"
                | "cjs"
                | "ts"
                | "toml"
                | "cfg"
                | "json"
                | "yaml"
                | "yml"
                | "ini"
                | "conf"
                | "lock"
                | "prisma"
                | "sql"
        )
    );
    text && depth <= 1 && folders.into_iter().all(|folder| !SOURCE_FOLDERS.contains(&folder))
}
