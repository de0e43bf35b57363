//! What a reader of an installation's log finds.

use crate::domain::reason::Reason;

/// How the line begins in which an installation lists the releases of a package, after one that does not exist was asked for.
pub(super) const RELEASES: &str = "previewd: releases of ";

/// What a reader found.
pub(super) struct Found {
    pub reason: Reason,
    pub message: String,
    /// The package at fault.
    pub package: Option<String>,
    /// Where the package manager says that it stands.
    pub place: Option<(String, Option<u32>)>,
    /// Whether no file of the project is at fault.
    pub blames_nothing: bool,
    /// The index of the line that tells.
    pub at: usize,
}

impl Found {
    pub fn at(at: usize) -> Self {
        Self {
            reason: Reason::InstallFailed,
            message: String::new(),
            package: None,
            place: None,
            blames_nothing: false,
            at,
        }
    }
}

/// Returns a requirement's name as package indexes compare it.
pub(super) fn plain_name(requirement: &str) -> String {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    requirement[..end.unwrap_or(requirement.len())].to_lowercase().replace(['_', '.'], "-")
}
