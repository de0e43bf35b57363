//! One folder of a project, as the stacks see it: names from the tree, texts from what was read.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::{
    error::Error,
    ids::FilePath,
    path::join,
    tree::{EntryKind, Tree},
};

/// Folders of dependencies, which some projects commit by mistake.
pub(super) const FOREIGN: [&str; 5] = ["node_modules", ".venv", "venv", "site-packages", "__pycache__"];

/// The ending of files from which code is generated at the installation: a plan has their ids, and not what is in them.
pub(super) const SCHEMA: &str = "prisma";

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
        join(&self.root, name)
    }

    /// Returns whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).parse::<FilePath>().is_ok_and(|path| self.tree.contains_key(&path))
    }

    /// Returns whether there is such a file, and it may be executed.
    pub fn is_executable(&self, name: &str) -> bool {
        let path = self.path(name).parse::<FilePath>();
        path.is_ok_and(|path| self.tree.get(&path).is_some_and(|entry| entry.kind == EntryKind::Executable))
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

    /// Returns what says whether the schemas have changed: their paths and ids, a line each. Empty if there are none.
    pub fn schemas(&self) -> String {
        let own = self.files().filter(|path| path.rsplit_once('.').is_some_and(|(_, its)| its == SCHEMA));
        let ids = own.filter_map(|path| Some((path, self.tree.get(&self.path(path).parse::<FilePath>().ok()?)?)));
        ids.map(|(path, entry)| format!("{path} {}\n", entry.blob)).collect()
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
        decode(bytes).map(Some).ok_or_else(|| {
            let readable = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            let line = bytes[..readable].split(|byte| *byte == b'\n').count();
            bad_line(self.path(name), line, "this is not UTF-8 text; save the file in that encoding")
        })
    }

    /// Returns a file's bytes; `None` if there is none or it was not read.
    pub fn read(&self, name: &str) -> Option<&'a Bytes> {
        self.contents.get(&self.path(name).parse::<FilePath>().ok()?)
    }

    /// Returns a source file's text as far as it is text; `None` if there is none or it was not read.
    pub fn source(&self, name: &str) -> Option<String> {
        self.read(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Adds files to an installation, and says which could not be read.
    pub fn bring<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        inputs: &mut BTreeMap<String, Vec<u8>>,
        notes: &mut Vec<String>,
    ) {
        let mut missing = Vec::new();
        for name in names {
            match self.read(name) {
                Some(bytes) => _ = inputs.insert(self.path(name), bytes.to_vec()),
                None => missing.push(self.path(name)),
            }
        }
        if let Some(first) = missing.first() {
            let others = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
            notes.push(format!(
            "{first}{others}: not there when dependencies are installed, being too large, too deep, too many or a link"
        ));
        }
    }
}

/// Returns an error that lists what was looked for.
pub(super) fn looked_for(names: impl IntoIterator<Item = String>) -> Error {
    Error::StackNotFound { looked_for: names.into_iter().collect() }
}

/// Returns an error that names the file.
pub(super) fn bad(file: impl Into<String>, message: impl Into<String>) -> Error {
    Error::BadManifest { file: file.into(), line: None, message: message.into() }
}

/// Returns an error that names the file and the line, from 1.
pub(super) fn bad_line(file: impl Into<String>, line: usize, message: impl std::fmt::Display) -> Error {
    let known = u32::try_from(line).ok();
    Error::BadManifest { file: file.into(), line: known, message: format!("line {line}: {message}") }
}

/// Returns an error that names the file and where it is no TOML.
pub(super) fn bad_toml(file: impl Into<String>, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    bad_line(file, line, error.message())
}

/// Returns an error that names the file and where it is no JSON.
pub(super) fn bad_json(file: impl Into<String>, error: &serde_json::Error) -> Error {
    let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
    Error::BadManifest { file: file.into(), line, message: error.to_string() }
}

/// Decodes UTF-8, and UTF-16 where a byte order mark says so: what `pip freeze > requirements.txt` writes on Windows.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
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
