//! What is known of every framework.

use super::told::Told;

/// One gibibyte.
pub(super) const GIB: u64 = 1024 * 1024 * 1024;

/// What is known of one framework. Its `start` script serves what a build has made, so that `dev` is what shows sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stack) struct Framework {
    /// The package whose presence in the manifest shows it.
    pub package: &'static str,
    /// How its development server learns of changes.
    pub told: Told,
    /// How much memory its development server begins with, where that is more than most need.
    pub memory_bytes: Option<u64>,
}
