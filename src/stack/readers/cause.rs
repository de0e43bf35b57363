//! What a reader finds in a log, and how it names a place in the project.

use crate::domain::{reason::Reason, runtime::APP_ROOT};

/// Reads the lines of a log, oldest first, and finds why its program failed. The text is the folder that is run, from the
/// project's root.
pub(in crate::stack) type Reader = fn(&[String], &str) -> Option<Cause>;

/// What a reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stack) struct Cause {
    pub reason: Reason,
    pub message: String,
    /// The file, from the project's root.
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl Cause {
    /// Returns a cause of which no place is known.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), file: None, line: None }
    }
}

/// Returns a path of the container as one from the project's root, or `None` if it is outside or belongs to a dependency.
/// A relative path is one from the folder that is run.
pub(in crate::stack) fn in_project(path: &str, root: &str) -> Option<String> {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    let inside = match path.strip_prefix(APP_ROOT) {
        Some(rest) => rest.strip_prefix('/')?.to_owned(),
        None if path.starts_with('/') => return None,
        None => {
            let path = path.strip_prefix("./").unwrap_or(path);
            if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
        }
    };
    let foreign = ["node_modules/", "site-packages/", "node:"].iter().any(|part| inside.contains(part));
    (!foreign && !inside.is_empty() && !inside.starts_with('<') && !inside.contains("..")).then_some(inside)
}

/// Reads a line that says that a port is taken.
pub(in crate::stack) fn port_in_use(line: &str) -> Option<Cause> {
    let taken =
        ["EADDRINUSE", "address already in use", "Address already in use"].iter().any(|text| line.contains(text));
    taken.then(|| Cause::new(Reason::PortInUse, line.trim()))
}
