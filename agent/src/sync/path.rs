//! The paths of a revision, checked again on this side.

use std::path::{Component, Path, PathBuf};

use super::SyncError;

/// The longest path, in bytes.
const MAX_BYTES: usize = 1024;

/// A path below the root: relative, no empty, `.` or `..` part, no control character, no backslash, at most 1024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncPath(String);

impl SyncPath {
    /// Checks a path.
    pub fn parse(text: String) -> Result<Self, SyncError> {
        let clean = !text.chars().any(|letter| letter.is_control() || letter == '\\');
        let parts = text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if clean && parts && text.len() <= MAX_BYTES {
            return Ok(Self(text));
        }
        Err(SyncError::Invalid(format!("{text:?} is not a path below the root")))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folder, empty for the root, and the name in it.
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

/// Checks a root folder: absolute, without `..`.
pub fn root(text: &str) -> Result<PathBuf, SyncError> {
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || text.len() > MAX_BYTES || text.contains('\0') || path.parent().is_none() {
        return Err(SyncError::Invalid(format!("{text:?} is not an absolute path of a folder")));
    }
    Ok(path.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b", "a\nb", "a\\b", &"x".repeat(1025)]
        {
            assert!(SyncPath::parse(bad.into()).is_err(), "{bad:?}");
        }
        for good in ["a", "a/b.c", ".env", "..a/b..", "ä/ö"] {
            assert!(SyncPath::parse(good.into()).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_root_is_absolute_and_plain() {
        for bad in ["", "app", "/", "/a/../b", "/a\0"] {
            assert!(root(bad).is_err(), "{bad:?}");
        }
        assert_eq!(root("/app/").unwrap(), Path::new("/app"));
    }
}
