//! One folder of a project, as the stacks see it: names from the tree, texts from what was read.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::{
    error::Error,
    ids::FilePath,
    tree::{EntryKind, Tree},
};

/// The largest manifest that is read, in bytes.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// The largest lockfile that is read, in bytes.
pub(super) const MAX_LOCKFILE_BYTES: u64 = 10 * 1024 * 1024;
/// The most files that detection asks to read.
const MAX_WANTED: usize = 256;
/// How deep below the project's root detection looks, in folders.
const MAX_DEPTH: usize = 3;
/// The largest file of those that matter less, such as a source that may be a server, in bytes.
const MAX_SIDE_FILE_BYTES: u64 = 64 * 1024;

/// The files that list or pin dependencies, or say how to install them.
const MANIFESTS: [&str; 7] =
    ["package.json", "requirements.txt", "pyproject.toml", ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"];
/// The files that pin dependencies.
const LOCKFILES: [&str; 6] =
    ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "uv.lock", "poetry.lock"];
/// Folders of dependencies, which some projects commit by mistake.
const FOREIGN: [&str; 5] = ["node_modules", ".venv", "venv", "site-packages", "__pycache__"];

/// A folder of a project.
pub(super) struct Project<'a> {
    tree: &'a Tree,
    contents: &'a BTreeMap<FilePath, Bytes>,
    /// The folder from the project's root, without a trailing slash; empty for the root itself.
    pub root: String,
}

impl<'a> Project<'a> {
    pub fn new(tree: &'a Tree, contents: &'a BTreeMap<FilePath, Bytes>, root: &str) -> Self {
        Self { tree, contents, root: root.to_owned() }
    }

    /// Returns another folder of the same project.
    pub fn at(&self, root: &str) -> Self {
        Self::new(self.tree, self.contents, root)
    }

    /// Returns a name in this folder as a path from the project's root.
    pub fn path(&self, name: &str) -> String {
        if self.root.is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) }
    }

    /// Returns whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).parse::<FilePath>().is_ok_and(|path| self.tree.contains_key(&path))
    }

    /// Returns the first of the names that is a file here.
    pub fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// Returns every file at or below this folder, by its path from it.
    pub fn files(&self) -> impl Iterator<Item = &'a str> {
        let prefix = if self.root.is_empty() { String::new() } else { format!("{}/", self.root) };
        self.tree.keys().filter_map(move |path| path.as_str().strip_prefix(prefix.as_str()))
    }

    /// Returns the folders directly below this one, without those of dependencies and hidden ones, ascending.
    pub fn folders(&self) -> Vec<&'a str> {
        let mut folders: Vec<&str> =
            self.files().filter_map(|path| path.split_once('/').map(|(first, _)| first)).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.retain(|name| !name.starts_with('.') && !FOREIGN.contains(name));
        folders
    }

    /// Returns whether there is a file below such a folder.
    pub fn has_folder(&self, name: &str) -> bool {
        let prefix = format!("{name}/");
        self.files().any(|path| path.starts_with(&prefix))
    }

    /// Returns a file's bytes, or `None` if there is no such file.
    ///
    /// # Errors
    /// `BadManifest` if it is there but was too large to be read, or is a symbolic link.
    pub fn bytes(&self, name: &str) -> Result<Option<&'a Bytes>, Error> {
        let path = self.path(name);
        let Ok(parsed) = path.parse::<FilePath>() else { return Ok(None) };
        let Some(entry) = self.tree.get(&parsed) else { return Ok(None) };
        if entry.kind == EntryKind::Symlink {
            return Err(bad(path, "is a symbolic link; a file is needed"));
        }
        match self.contents.get(&parsed) {
            Some(content) => Ok(Some(content)),
            None => Err(bad(path, format!("was not read: it has {} bytes, or is too deep", entry.size_bytes))),
        }
    }

    /// Returns a file's text without a byte order mark, or `None` if there is no such file.
    ///
    /// # Errors
    /// `BadManifest` if it cannot be read, or is no text.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        decode(bytes).map(Some).ok_or_else(|| bad(self.path(name), "is not UTF-8 text"))
    }

    /// Returns every file of the project that was read and is no source: manifests, lockfiles, and the small files that a
    /// project's own installation may need.
    pub fn manifests(&self) -> BTreeMap<String, Vec<u8>> {
        self.contents
            .iter()
            .filter(|(path, _)| {
                !matches!(path.extension(), Some("py" | "html" | "js" | "mjs" | "cjs"))
                    && path.as_str() != super::settings::FILE
            })
            .map(|(path, content)| (path.as_str().to_owned(), content.to_vec()))
            .collect()
    }

    /// Returns a source file's text as far as it is text; `None` if there is none or it was not read.
    pub fn source(&self, name: &str) -> Option<String> {
        let path = self.path(name).parse::<FilePath>().ok()?;
        self.contents.get(&path).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Returns an error that names the file.
pub(super) fn bad(file: impl Into<String>, message: impl Into<String>) -> Error {
    Error::BadManifest { file: file.into(), message: message.into() }
}

/// Decodes UTF-8, and UTF-16 where a byte order mark says so: what `pip freeze > requirements.txt` writes on Windows.
fn decode(bytes: &[u8]) -> Option<String> {
    let utf16 = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
        }
    }
}

/// Returns the paths whose content detection needs: at most 256 files, manifests first and the shallowest of them first,
/// none deeper than three folders unless a `previewd.toml` may name a deeper root.
pub(super) fn wanted(tree: &Tree) -> Vec<FilePath> {
    let settings = tree.keys().any(|path| path.as_str() == super::settings::FILE);
    let max_depth = if settings { MAX_DEPTH + 3 } else { MAX_DEPTH };
    let mut found: Vec<(Importance, usize, &FilePath)> = tree
        .iter()
        .filter(|(_, entry)| entry.kind != EntryKind::Symlink)
        .filter_map(|(path, entry)| {
            let mut folders = path.as_str().split('/');
            folders.next_back();
            let depth = folders.clone().count();
            if depth > max_depth || folders.any(|part| FOREIGN.contains(&part)) {
                return None;
            }
            let (importance, max_bytes) = interest(path, depth, settings)?;
            (entry.size_bytes <= max_bytes).then_some((importance, depth, path))
        })
        .collect();
    found.sort();
    found.into_iter().take(MAX_WANTED).map(|(_, _, path)| path.clone()).collect()
}

/// What a file is to detection; the first matter most when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Importance {
    Manifest,
    Entry,
    Side,
}

/// Returns what a file is to detection and up to which size, or `None` if it is nothing.
fn interest(path: &FilePath, depth: usize, settings: bool) -> Option<(Importance, u64)> {
    let name = path.name();
    if name == super::settings::FILE {
        return (depth == 0).then_some((Importance::Manifest, MAX_MANIFEST_BYTES));
    }
    if LOCKFILES.contains(&name) {
        return Some((Importance::Manifest, MAX_LOCKFILE_BYTES));
    }
    if MANIFESTS.contains(&name) {
        return Some((Importance::Manifest, MAX_MANIFEST_BYTES));
    }
    match path.extension() {
        Some("html") if name == "index.html" && depth <= 1 => Some((Importance::Entry, MAX_MANIFEST_BYTES)),
        Some("py") if super::python::is_entry_name(name) => Some((Importance::Entry, MAX_MANIFEST_BYTES)),
        Some("js" | "mjs" | "cjs") if depth <= 1 && super::node::is_entry_name(name) => {
            Some((Importance::Entry, MAX_SIDE_FILE_BYTES))
        }
        Some("json") if name == super::node::NODEMON_FILE => Some((Importance::Entry, MAX_SIDE_FILE_BYTES)),
        // Requirement files include one another under any name.
        Some("txt" | "in" | "pip") => Some((Importance::Side, MAX_MANIFEST_BYTES)),
        Some("sh" | "toml" | "cfg" | "json" | "yaml" | "yml" | "ini" | "lock") if settings && depth <= 1 => {
            Some((Importance::Side, MAX_SIDE_FILE_BYTES))
        }
        _ if settings && name == "Makefile" => Some((Importance::Side, MAX_SIDE_FILE_BYTES)),
        _ => None,
    }
}
